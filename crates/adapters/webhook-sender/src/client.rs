//! One request to one place, within one deadline.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, Uri};
use restartix_kernel::Clock;
use restartix_tenancy::Tenant;
use tokio::time::Instant;

use crate::config::{Config, ConfigError};
use crate::connection::{Broken, Connection, Heard};
use crate::connector::Connector;
use crate::dispatch::{Answer, Dispatch, Sent};
use crate::failure::Failure;
use crate::guard::{BadUrl, Guard, Place};
use crate::pool::{Key, Pool};
use crate::{Dial, Resolve, SystemDns, Tcp, retry_after, tls};

/// Posts to receivers that organisations chose, where the rules let it. Thousands may be under way at
/// once; how many of whom is the caller's business.
pub struct GuardedSender {
    connector: Connector,
    pool: Pool,
    deadline: Duration,
    clock: Arc<dyn Clock>,
}

impl GuardedSender {
    /// A sender that asks the system's resolvers and connects by itself. Call it within a tokio
    /// runtime.
    ///
    /// # Errors
    /// The configuration cannot work.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let resolve = SystemDns::from_system().map_err(ConfigError::Dns)?;
        Self::with(config, Arc::new(resolve), Arc::new(Tcp), clock)
    }

    /// A sender over another source of addresses and connections.
    ///
    /// # Errors
    /// As [`GuardedSender::new`].
    pub fn with(
        config: &Config,
        resolve: Arc<dyn Resolve>,
        dial: Arc<dyn Dial>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let guard = Guard::new(config.ports.clone(), config.own_networks.clone());
        let guard = if config.allow_loopback { guard.admitting_loopback() } else { guard };
        let tls = tls::client(config.authorities.as_deref()).ok_or(ConfigError::Authorities)?;
        // Four addresses that do not answer leave some of the deadline to nobody but themselves.
        let patience = config.deadline / 5;
        let connector = Connector { guard, resolve, dial, tls, patience };
        Ok(Self { connector, pool: Pool::default(), deadline: config.deadline, clock })
    }

    /// Sends one delivery and waits for the whole answer.
    pub async fn send(&self, tenant: &Tenant, dispatch: Dispatch<'_>) -> Sent {
        let begun = Instant::now();
        let outcome = self.post(tenant, dispatch).await;
        let sent = Sent { outcome, duration: begun.elapsed() };
        count(&sent);
        sent
    }

    /// What a URL would be refused for, before anything is sent there.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, url: &str) -> Result<(), BadUrl> {
        self.connector.guard.place(url).map(drop)
    }

    async fn post(&self, tenant: &Tenant, dispatch: Dispatch<'_>) -> Result<Answer, Failure> {
        let place = self.connector.guard.place(dispatch.url).map_err(Failure::BadUrl)?;
        let request = request(&place, dispatch.headers()?, dispatch.body)?;
        let exchange = self.exchange(tenant, &place, request);
        let Heard { status, retry_after, size } = tokio::time::timeout(self.deadline, exchange)
            .await
            .unwrap_or(Err(Failure::TimedOut))?;
        let retry_after =
            retry_after.and_then(|value| retry_after::parse(&value, self.clock.now()));
        Ok(Answer { status, retry_after, size })
    }

    async fn exchange(
        &self,
        tenant: &Tenant,
        place: &Place,
        request: Request<Full<Bytes>>,
    ) -> Result<Heard, Failure> {
        let key = Key::new(tenant.organisation(), place);
        if let Some(connection) = self.pool.take(&key) {
            match self.over(connection, &key, request.clone()).await {
                // The receiver closed an idle connection as we took it. Whether it has read the
                // request nobody knows; sent again it carries the same id, by which a receiver
                // tells a repeat.
                Err(Broken { unheard: true, .. }) => {}
                heard => return heard.map_err(|broken| broken.failure),
            }
        }
        let connection = self.connector.open(place).await?;
        self.over(connection, &key, request).await.map_err(|broken| broken.failure)
    }

    async fn over(
        &self,
        connection: Connection,
        key: &Key,
        request: Request<Full<Bytes>>,
    ) -> Result<Heard, Broken> {
        let (heard, connection) = connection.exchange(request).await?;
        if let Some(connection) = connection {
            self.pool.put(key.clone(), connection);
        }
        Ok(heard)
    }
}

/// Counts an attempt, without whose it was or where it went: a receiver is no label.
fn count(sent: &Sent) {
    let outcome = match sent.outcome {
        Ok(Answer { status: 200..=299, .. }) => "2xx",
        Ok(Answer { status: 300..=399, .. }) => "3xx",
        Ok(Answer { status: 400..=499, .. }) => "4xx",
        Ok(Answer { status: 500..=599, .. }) => "5xx",
        Ok(_) => "other",
        Err(failure) => failure.code(),
    };
    metrics::counter!("webhook_attempts_total", "outcome" => outcome).increment(1);
    metrics::histogram!("webhook_attempt_duration_seconds", "outcome" => outcome)
        .record(sent.duration.as_secs_f64());
}

fn request(
    place: &Place,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Failure> {
    let host = HeaderValue::from_str(&place.authority()).map_err(|_| Failure::BadHeader)?;
    headers.insert(HOST, host);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() =
        place.target.parse::<Uri>().map_err(|_| Failure::BadUrl(BadUrl::Malformed))?;
    *request.headers_mut() = headers;
    Ok(request)
}
