//! Pages over the same services as the API; each is a row of its route table.
//!
//! Knows no domain's rules, no SQL and no vendor: what a page says comes from the workflows, and
//! the provider's origin, which it must be allowed to frame, from the provider's port.
//!
//! Why these crates: `maud` checks a page's markup when it is compiled and escapes every value;
//! `plotters` draws charts as SVG where the page is made, so that no script runs and nothing is styled
//! inline (MIT; of its back ends the one for SVG alone, which brings no dependencies); `subtle` compares
//! a form's secret.

mod assets;
mod code;
mod console;
mod join;
mod page;

use restartix_http_api::Route;

/// Every page, script and style sheet.
pub fn routes() -> Vec<Route> {
    [join::routes(), assets::routes(), console::routes()].into_iter().flatten().collect()
}
