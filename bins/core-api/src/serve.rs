//! The HTTP server: listens, answers, and stops in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use restartix_http_api::{Api, MetricsText, RouteTable, vitals};

use crate::config::Http;

/// A server that listens; it answers while its [`Listening::server`] is polled.
pub struct Listening {
    /// Where, with the port that was taken.
    pub addresses: Vec<SocketAddr>,
    /// Stops it; with `true`, requests under way finish first.
    pub handle: ServerHandle,
    /// The server itself: spawn it, or await it.
    pub server: Server,
}

/// How long a client may take to send a request's head: longer is an attack by slowness.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may idle: longer than a load balancer keeps its own (60 s is usual), so
/// that it is never the server that hangs up on a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to close its side.
const DISCONNECT: Duration = Duration::from_secs(2);
/// How long requests under way may take to finish when the server stops.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Listens for `api` as `http` says. Signals are the caller's affair.
pub fn listen(api: Api, http: &Http) -> io::Result<Listening> {
    let api = Arc::new(api);
    let table = Arc::new(RouteTable::new(restartix_web::routes()));
    listening(http.bind, http.workers, move |app| table.configure(&api)(app))
}

/// Listens at `bind` and tells no more than `/healthz` and `/metrics`.
pub(crate) fn listen_for_scrapes(
    metrics: Arc<dyn MetricsText>,
    bind: SocketAddr,
) -> io::Result<Listening> {
    listening(bind, 1, move |app| vitals(metrics.clone())(app))
}

/// A server on so many threads, each with what `configure` registers.
fn listening(
    bind: SocketAddr,
    threads: usize,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Listening> {
    let server = HttpServer::new(move || App::new().configure(&configure))
        .workers(threads)
        .client_request_timeout(HEAD)
        .keep_alive(KEEP_ALIVE)
        .client_disconnect_timeout(DISCONNECT)
        .shutdown_timeout(GRACE.as_secs())
        .disable_signals()
        .bind(bind)?;
    let addresses = server.addrs();
    let server = server.run();
    Ok(Listening { addresses, handle: server.handle(), server })
}
