use std::path::PathBuf;

use restartix_kernel::Secret;
use restartix_postgres::{ConnectError, DatabaseConfig, Endpoint};

use super::reader::{Reader, between};

/// How the server reaches PostgreSQL.
#[derive(Clone, Debug)]
pub struct Database {
    /// As `core_app`.
    pub app_url: Secret,
    /// As `core_worker`.
    pub worker_url: Secret,
    /// Connections that requests share: 1 to 1,000.
    pub pool_size: usize,
    /// The only authorities to trust, instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
}

/// Connections that the workers share: they do one thing at a time.
const WORKER_POOL: usize = 4;

impl Database {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let app_url = required_url(reader, "database.app_url", "core_app");
        let worker_url = required_url(reader, "database.worker_url", "core_worker");
        let rule = between(1, 1000, "must be a whole number from 1 to 1000");
        let pool_size = reader.or("database.pool_size", 16, rule);
        let ca_file = ca_file(reader);
        Some(Self { app_url: app_url?, worker_url: worker_url?, pool_size, ca_file })
    }

    /// For requests.
    pub fn app(&self) -> DatabaseConfig {
        let usual = DatabaseConfig::new(self.app_url.clone());
        DatabaseConfig { pool_size: self.pool_size, ca_file: self.ca_file.clone(), ..usual }
    }

    /// For the workers.
    pub fn worker(&self) -> DatabaseConfig {
        let usual = DatabaseConfig::new(self.worker_url.clone());
        DatabaseConfig { pool_size: WORKER_POOL, ca_file: self.ca_file.clone(), ..usual }
    }
}

/// The URL `key`, which signs in as `role`.
pub(super) fn required_url(reader: &mut Reader<'_>, key: &str, role: &str) -> Option<Secret> {
    let url = reader.required_secret(key)?;
    let endpoint = endpoint(reader, key, &url)?;
    if endpoint.user.as_deref() != Some(role) {
        reader.fault(key, format!("must sign in as {role}"));
    }
    Some(url)
}

/// What the URL says, with what is wrong with it told.
pub(super) fn endpoint(reader: &mut Reader<'_>, key: &str, url: &Secret) -> Option<Endpoint> {
    let Ok(endpoint) = Endpoint::of(url) else {
        reader.fault(key, "must be a PostgreSQL URL: postgres://role:password@host/database");
        return None;
    };
    if reader.is_production() && !endpoint.is_local && !endpoint.requires_tls {
        reader.fault(key, "must have sslmode=require in production");
    }
    Some(endpoint)
}

/// The file of authorities, read once to see that it can be.
pub(super) fn ca_file(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let path: PathBuf = reader.optional("database.ca_file", |text| Ok(text.into()))?;
    let nowhere = DatabaseConfig::new("postgres://127.0.0.1".into());
    let config = DatabaseConfig { ca_file: Some(path.clone()), ..nowhere };
    if let Err(ConnectError::Authorities(error)) = restartix_postgres::Database::new(&config) {
        reader.fault("database.ca_file", format!("cannot be used: {error}"));
    }
    Some(path)
}
