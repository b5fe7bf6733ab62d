//! From a place to a connection: resolve, judge every address, dial a judged one, TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::guard::{Admitted, Guard, Name, Place, Scheme};
use crate::{Dial, Resolve};

/// Addresses that are tried, of all those that were judged.
const TRIED: usize = 4;

/// Opens connections. Nothing that it learns is remembered: each connection begins with a look-up.
pub(crate) struct Connector {
    pub(crate) guard: Guard,
    pub(crate) resolve: Arc<dyn Resolve>,
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) tls: Arc<ClientConfig>,
    /// How long one address may take to accept.
    pub(crate) patience: Duration,
}

impl Connector {
    /// A fresh connection to `place`.
    pub(crate) async fn open(&self, place: &Place) -> Result<Connection, Failure> {
        let addresses = self.addresses(&place.host).await?;
        let stream = self.dial(&addresses, place.port).await?;
        match place.scheme {
            Scheme::Http => Connection::over(stream).await,
            Scheme::Https => {
                let name = server_name(&place.host).ok_or(Failure::Tls)?;
                let connector = TlsConnector::from(Arc::clone(&self.tls));
                let stream = connector
                    .connect(name, stream)
                    .await
                    .map_err(|error| Failure::of_handshake(&error))?;
                Connection::over(stream).await
            }
        }
    }

    /// The addresses that may be dialled, families in turn: one that does not work here costs one
    /// attempt at most.
    async fn addresses(&self, host: &Name) -> Result<Vec<Admitted>, Failure> {
        let name = match host {
            Name::Loopback(host) => return Ok(vec![Guard::admit_loopback(*host)]),
            Name::Dns(name) => name,
        };
        let found = self.resolve.resolve(name).await.map_err(|_| Failure::Dns)?;
        let admitted = self.guard.admit(&found).map_err(Failure::Forbidden)?;
        let (mut v4, mut v6) =
            admitted.into_iter().partition::<Vec<_>, _>(|address| address.get().is_ipv4());
        v4.reverse();
        v6.reverse();
        let mut order = Vec::new();
        while order.len() < TRIED && !(v4.is_empty() && v6.is_empty()) {
            order.extend(v4.pop());
            order.extend(v6.pop());
        }
        order.truncate(TRIED);
        if order.is_empty() { Err(Failure::Dns) } else { Ok(order) }
    }

    async fn dial(&self, addresses: &[Admitted], port: u16) -> Result<TcpStream, Failure> {
        for address in addresses {
            let dialled = tokio::time::timeout(self.patience, self.dial.dial(*address, port)).await;
            if let Ok(Ok(stream)) = dialled {
                return Ok(stream);
            }
        }
        Err(Failure::Connect)
    }
}

/// What the certificate must be for.
fn server_name(host: &Name) -> Option<ServerName<'static>> {
    match host {
        Name::Dns(name) => ServerName::try_from(name.clone()).ok(),
        Name::Loopback(host) => Some(ServerName::from(Guard::admit_loopback(*host).get())),
    }
}
