use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{PoolError, TimeoutType, Timeouts};
use diesel::ConnectionError;
use diesel::connection::InstrumentationEvent;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::FutureExt;
use restartix_kernel::{ExposeSecret, Secret, StoreError};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{preparing, tls};

/// How to reach a database, as one role.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `postgres://role:password@host/database?sslmode=require`; a secret.
    pub url: Secret,
    /// Connections at most: 1 to 1,000.
    pub pool_size: usize,
    /// A PEM file with the only authorities to trust; `None`: Mozilla's roots.
    pub ca_file: Option<PathBuf>,
    /// How long a request waits for a connection, and a connection for the server.
    pub wait: Duration,
    /// How long one statement may take, on the server's clock.
    pub statement_timeout: Duration,
    /// How long a transaction may stand idle before the server ends it.
    pub idle_in_transaction_timeout: Duration,
}

impl DatabaseConfig {
    /// The usual bounds: 16 connections, 10 s of waiting, 10 s a statement, 15 s idle.
    pub const fn new(url: Secret) -> Self {
        Self {
            url,
            pool_size: 16,
            ca_file: None,
            wait: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(15),
        }
    }
}

/// Why a database cannot be connected to at all: the configuration is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read. Its text is not repeated: it holds a password.
    #[error("the database URL cannot be read")]
    Url,
    /// The file of authorities cannot be read.
    #[error("the file of certificate authorities cannot be read")]
    Authorities(#[source] std::io::Error),
    /// The server did not let us in.
    #[error("the database cannot be connected to")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How long the other side may leave what was sent unacknowledged.
const DEAF: Duration = Duration::from_secs(15);

pub(crate) type Connection = Object<AsyncPgConnection>;

/// Connections that a shard of a pool has at least: with fewer, threads rather share.
const SHARD: usize = 4;

/// A pool of connections to one database, as one role. Lends its connections to this crate alone.
///
/// A connection's socket is served on the thread that opened it, and the threads of a web server
/// share nothing: a connection of another thread costs two wake-ups across threads for each answer.
/// So the pool is cut into shards, and a thread keeps to its own while that has a connection free.
#[derive(Clone)]
pub struct Database {
    shards: Arc<[Pool<AsyncPgConnection>]>,
    wait: Duration,
}

impl Database {
    /// A pool; connects when first used, so that a server may start before its database.
    pub fn new(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        let settings = settings(config)?;
        let tls = tls::connector(config.ca_file.as_deref()).map_err(ConnectError::Authorities)?;
        let shards = sizes(config.pool_size.clamp(1, 1000), threads())
            .map(|size| shard(config, &settings, &tls, size))
            .collect::<Result<_, _>>()?;
        Ok(Self { shards, wait: config.wait })
    }

    /// A connection of the pool that is still open.
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        let (others, own) = self.shards.split_at(seat() % self.shards.len());
        let mut near = own.iter().chain(others);
        // One that is free, of this thread if there is; else this thread's next one.
        for shard in near.clone().filter(|_| self.shards.len() > 1) {
            match shard.timeout_get(&self.timeouts(Duration::ZERO)).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => {}
                got => return got.map_err(unavailable),
            }
        }
        let shard = near.next().ok_or_else(|| StoreError::Defect("a pool of nothing".into()))?;
        shard.timeout_get(&self.timeouts(self.wait)).await.map_err(unavailable)
    }

    /// Into how many parts the pool is cut.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    const fn timeouts(&self, wait: Duration) -> Timeouts {
        Timeouts { wait: Some(wait), create: Some(self.wait), recycle: None }
    }
}

thread_local! {
    /// Which shard of each pool this thread keeps to.
    static SEAT: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// A number of this thread's own, counted from 0.
pub(crate) fn seat() -> usize {
    SEAT.with(|seat| *seat)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// How `connections` are shared out: as many shards as `threads`, unless they became too small.
fn sizes(connections: usize, threads: usize) -> impl Iterator<Item = usize> {
    let shards = (connections / SHARD).clamp(1, threads.max(1));
    let (each, left) = (connections / shards, connections % shards);
    (0..shards).map(move |shard| each + usize::from(shard < left))
}

fn unavailable(error: PoolError<diesel_async::pooled_connection::PoolError>) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn shard(
    config: &DatabaseConfig,
    settings: &tokio_postgres::Config,
    tls: &MakeRustlsConnect,
    size: usize,
) -> Result<Pool<AsyncPgConnection>, ConnectError> {
    let (settings, tls) = (settings.clone(), tls.clone());
    let mut manager = ManagerConfig::default();
    // Whether a connection can be used again is decided by `TenantTx`, which closes those it is not
    // sure of; a query to find out would double the cost of a point read.
    manager.recycling_method = RecyclingMethod::Fast;
    manager.custom_setup = Box::new(move |_| establish(settings.clone(), tls.clone()).boxed());
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", manager))
        .max_size(size)
        .wait_timeout(Some(config.wait))
        .create_timeout(Some(config.wait))
        .runtime(deadpool::Runtime::Tokio1)
        // The connection used last is the warmest, on both sides.
        .queue_mode(deadpool::managed::QueueMode::Lifo)
        .build()
        .map_err(|error| ConnectError::Refused(Box::new(error)))
}

fn settings(config: &DatabaseConfig) -> Result<tokio_postgres::Config, ConnectError> {
    let mut settings = tokio_postgres::Config::from_str(config.url.expose_secret())
        .map_err(|_| ConnectError::Url)?;
    let options = format!(
        "{} -c statement_timeout={} -c idle_in_transaction_session_timeout={}",
        settings.get_options().unwrap_or_default(),
        config.statement_timeout.as_millis(),
        config.idle_in_transaction_timeout.as_millis(),
    );
    // A connection that leads nowhere is noticed: the server's own time-outs cannot tell.
    settings.options(options).connect_timeout(config.wait).tcp_user_timeout(DEAF);
    if settings.get_application_name().is_none() {
        settings.application_name("core-api");
    }
    Ok(settings)
}

async fn establish(
    settings: tokio_postgres::Config,
    tls: MakeRustlsConnect,
) -> Result<AsyncPgConnection, ConnectionError> {
    let (client, connection) = settings
        .connect(tls)
        .await
        .map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
    let mut connection =
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    connection.set_instrumentation(|event: InstrumentationEvent<'_>| preparing::note(&event));
    Ok(connection)
}

/// One connection outside of any pool, without time-outs: for migrations and operators.
pub(crate) async fn connect_once(
    url: &Secret,
    ca_file: Option<&std::path::Path>,
) -> Result<AsyncPgConnection, ConnectError> {
    let mut settings =
        tokio_postgres::Config::from_str(url.expose_secret()).map_err(|_| ConnectError::Url)?;
    settings.application_name("core-api migrate").connect_timeout(Duration::from_secs(10));
    let tls = tls::connector(ca_file).map_err(ConnectError::Authorities)?;
    establish(settings, tls).await.map_err(|error| ConnectError::Refused(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_of_a_pool_come_to_its_size() {
        let shared = |connections, threads| sizes(connections, threads).collect::<Vec<_>>();
        assert_eq!(shared(16, 2), [8, 8]);
        assert_eq!(shared(17, 4), [5, 4, 4, 4]);
        assert_eq!(shared(16, 64), [4, 4, 4, 4]);
        assert_eq!(shared(1, 8), [1]);
        assert_eq!(shared(7, 0), [7]);
    }
}
