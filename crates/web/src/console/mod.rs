//! The console: insights as pages. No script runs in it: charts are drawn here, forms are plain.

mod chart;
mod frame;
mod look;
mod patients;
mod session;

use restartix_http_api::Route;

/// The console's rows of the route table.
pub(crate) fn routes() -> Vec<Route> {
    let pages = [look::routes(), patients::routes()].into_iter().flatten();
    let pages = pages.map(|page| page.shown_as(session::refusal));
    session::routes().into_iter().chain(pages).collect()
}
