use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult, TlsCertificates};
use restartix_kernel::{ExposeSecret, Secret};

/// Where Redis is, and how long it may take.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/db]`, or `rediss://...` for TLS.
    pub url: Secret,
    /// The certificate authority that signed the server's certificate, in PEM; `None`: the
    /// authorities of the Mozilla programme (`webpki-roots`).
    pub authority: Option<Vec<u8>>,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
}

impl RedisConfig {
    /// Redis at `url`: 250 ms to connect, 500 ms to answer.
    pub const fn new(url: Secret) -> Self {
        Self {
            url,
            authority: None,
            connect_timeout: Duration::from_millis(250),
            response_timeout: Duration::from_millis(500),
        }
    }
}

/// Why Redis did not do what it was asked, by what the caller can do next.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The address, or the authority's certificate, cannot be read: correct the configuration.
    #[error("the address of Redis is not one")]
    Address(#[source] redis::RedisError),
    /// Redis is not there, or refused: try again later.
    #[error("Redis did not do it")]
    Failed(#[source] redis::RedisError),
    /// Redis took too long: try again later.
    #[error("Redis took too long")]
    TimedOut,
    /// Redis answered something that this program never wrote.
    #[error("Redis holds what it cannot hold")]
    Unreadable,
}

/// A connection to Redis that many tasks share, and that makes itself anew when it breaks.
#[derive(Clone)]
pub struct Redis {
    manager: ConnectionManager,
    patience: Duration,
}

impl Redis {
    /// A connection that will be made by the first call, so that a server starts without Redis.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`RedisError::Address`].
    pub fn open(config: &RedisConfig) -> Result<Self, RedisError> {
        // Refused when the process has chosen a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates =
            TlsCertificates { client_tls: None, root_cert: config.authority.clone() };
        let url = config.url.expose_secret();
        let client = if config.authority.is_some() {
            Client::build_with_tls(url, certificates)
        } else {
            Client::open(url)
        };
        // One more attempt after a short pause, and none until the next call: an outage is told
        // fast, and a call that fails starts the attempt that the next one finds done.
        let manner = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.response_timeout))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(100));
        let manager = client
            .and_then(|client| ConnectionManager::new_lazy_with_config(client, manner))
            .map_err(RedisError::Address)?;
        Ok(Self { manager, patience: config.connect_timeout + config.response_timeout })
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// [`RedisError`] when it does not.
    pub async fn probe(&self) -> Result<(), RedisError> {
        let ping = redis::cmd("PING");
        self.call(async |mut manager| ping.query_async(&mut manager).await).await
    }

    /// Does `work` within the time that a connection and an answer may take. Never tries again: an
    /// answer that was lost may belong to work that was done.
    pub(crate) async fn call<T>(
        &self,
        work: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        self.call_within(self.patience, work).await
    }

    /// As [`Redis::call`], with another patience.
    pub(crate) async fn call_within<T>(
        &self,
        patience: Duration,
        work: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        match tokio::time::timeout(patience, work(self.manager.clone())).await {
            Ok(done) => done.map_err(RedisError::Failed),
            Err(_) => Err(RedisError::TimedOut),
        }
    }
}
