use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use futures_util::FutureExt;
use restartix_kernel::{ExposeSecret, Secret, StoreError};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls;

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
    /// The usual bounds: 16 connections, 5 s of waiting, 10 s a statement, 15 s idle.
    pub const fn new(url: Secret) -> Self {
        Self {
            url,
            pool_size: 16,
            ca_file: None,
            wait: Duration::from_secs(5),
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

/// A pool of connections to one database, as one role. Lends its connections to this crate alone.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
}

impl Database {
    /// A pool; connects when first used, so that a server may start before its database.
    pub fn new(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        let settings = settings(config)?;
        let tls = tls::connector(config.ca_file.as_deref()).map_err(ConnectError::Authorities)?;
        let mut manager = ManagerConfig::default();
        // Whether a connection can be used again is decided by `TenantTx`, which closes those it
        // is not sure of; a query to find out would double the cost of a point read.
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |_| establish(settings.clone(), tls.clone()).boxed());
        let manager = AsyncDieselConnectionManager::new_with_config("", manager);
        let pool = Pool::builder(manager)
            .max_size(config.pool_size.clamp(1, 1000))
            .wait_timeout(Some(config.wait))
            .create_timeout(Some(config.wait))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| ConnectError::Refused(Box::new(error)))?;
        Ok(Self { pool })
    }

    /// A connection of the pool that is still open.
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        self.pool.get().await.map_err(|error| StoreError::Unavailable(Box::new(error)))
    }
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
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
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
