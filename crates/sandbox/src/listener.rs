//! A listener that can go away and come back on the same port, as in an outage.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::task::JoinHandle;

use crate::reply::dropped;

/// What a stand-in does with a request. It routes by itself: the whole table is one `match`.
pub(crate) trait StandIn: Send + Sync + 'static {
    /// The greatest body that is read; longer ones answer 413.
    const MAX_BODY: usize = 1 << 20;

    /// The answer to one request, its body already read.
    fn answer(
        self: Arc<Self>,
        request: HttpRequest,
        body: Bytes,
    ) -> impl Future<Output = HttpResponse>;
}

/// A loopback port taken before the stand-in exists, which needs its own URL.
pub(crate) fn take_port(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    take_address((Ipv4Addr::LOCALHOST, port).into())
}

/// As [`take_port`], on an address that the stand-in has judged.
pub(crate) fn take_address(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind(address)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// A running server.
pub(crate) struct Listener {
    handle: ServerHandle,
    /// Actix's threads may live on for a moment after they were told to stop, and with them
    /// connections that are kept alive: what comes over those is dropped.
    open: Arc<AtomicBool>,
    task: JoinHandle<io::Result<()>>,
}

impl Listener {
    /// Serves on `socket` until stopped, on threads of its own.
    pub(crate) fn serve<S: StandIn>(socket: TcpListener, stand_in: &Arc<S>) -> io::Result<Self> {
        let stand_in = Arc::clone(stand_in);
        let open = Arc::new(AtomicBool::new(true));
        let gate = Arc::clone(&open);
        let server = HttpServer::new(move || {
            let (stand_in, gate) = (Arc::clone(&stand_in), Arc::clone(&gate));
            App::new().app_data(web::PayloadConfig::new(S::MAX_BODY)).default_service(web::to(
                move |request: HttpRequest, body: Bytes| {
                    let (stand_in, gate) = (Arc::clone(&stand_in), Arc::clone(&gate));
                    async move {
                        if !gate.load(Ordering::SeqCst) {
                            return dropped();
                        }
                        stand_in.answer(request, body).await
                    }
                },
            ))
        })
        .workers(2)
        .disable_signals()
        .listen(socket)?
        .run();
        Ok(Self { handle: server.handle(), open, task: tokio::spawn(server) })
    }

    /// Drops every connection and frees the port before it returns.
    pub(crate) async fn stop(self) -> io::Result<()> {
        self.open.store(false, Ordering::SeqCst);
        self.handle.stop(false).await;
        self.task.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Begins to stop without waiting for it.
    pub(crate) fn abandon(&self) {
        self.open.store(false, Ordering::SeqCst);
        // The command is sent by the call; the future only waits for its end.
        drop(self.handle.stop(false));
    }
}
