//! The console: insights as pages. No script runs in it: charts are drawn here, forms are plain.

mod chart;
mod frame;
mod look;
mod patients;
mod session;

use restartix_http_api::Route;

/// The console's rows of the route table.
pub(crate) fn routes() -> Vec<Route> {
    [session::routes(), look::routes(), patients::routes()].into_iter().flatten().collect()
}
