//! Roles, functions and tables: what `core-api migrate` brings a database to.

use std::path::Path;

use chrono::{DateTime, Utc};
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use restartix_kernel::{ExposeSecret, Secret, StoreError};

use crate::database::connect_once;
use crate::error::store_error;
use crate::{ConnectError, Database};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/schema");
const ROLES: &str = include_str!("../../../../migrations/bootstrap/roles.sql");
const DEFINERS: &str = concat!(
    include_str!("../../../../migrations/bootstrap/open.sql"),
    include_str!("../../../../migrations/bootstrap/telemetry.sql"),
    include_str!("../../../../migrations/bootstrap/insights.sql"),
    include_str!("../../../../migrations/bootstrap/definers.sql"),
);

/// Why a database was not brought to where it should be.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It cannot be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A role's URL names no user, or a user that is none of ours.
    #[error("the URL of {0} does not sign in as {0}")]
    WrongRole(&'static str),
    /// Another migration is under way, or a table is in use for too long: try again.
    #[error("the database is busy: another migration, or a long transaction; try again")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement was refused.
    #[error("a statement of {step} was refused")]
    Refused {
        /// Which part.
        step: &'static str,
        /// What the database said; for the operator's eyes.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The passwords of the roles that sign in, each from that role's own URL.
#[derive(Clone, Copy, Debug)]
pub struct RoleUrls<'a> {
    /// `core_app`.
    pub app: &'a Secret,
    /// `core_worker`.
    pub worker: &'a Secret,
    /// `core_migrator`.
    pub migrator: &'a Secret,
}

/// Makes roles, extensions and the functions that may look across organisations, as a DBA.
/// Idempotent. Roles get the passwords of their URLs, where those have one.
pub async fn bootstrap(
    dba: &Secret,
    roles: RoleUrls<'_>,
    ca_file: Option<&Path>,
) -> Result<(), MigrateError> {
    let passwords = [
        password("core_app", roles.app)?,
        password("core_worker", roles.worker)?,
        password("core_migrator", roles.migrator)?,
    ];
    let mut connection = connect_once(dba, ca_file).await?;
    // Roles belong to the whole cluster: two databases bootstrapped at once would collide.
    let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
    let steps = [
        ("roles", ROLES.to_owned()),
        ("passwords", passwords.concat()),
        ("definers", DEFINERS.to_owned()),
    ];
    for (step, sql) in steps {
        let sql = format!("BEGIN; SET LOCAL lock_timeout = '30s'; {lock}; {sql}; COMMIT");
        connection.batch_execute(&sql).await.map_err(|error| refused(step, error))?;
    }
    Ok(())
}

/// The key of the advisory lock under which schemas are changed: "rtx" in ASCII.
const LOCK: i64 = 0x72_74_78;

fn password(role: &'static str, url: &Secret) -> Result<String, MigrateError> {
    let settings: tokio_postgres::Config =
        url.expose_secret().parse().map_err(|_| ConnectError::Url)?;
    if settings.get_user() != Some(role) {
        return Err(MigrateError::WrongRole(role));
    }
    let Some(password) = settings.get_password() else { return Ok(String::new()) };
    let text = std::str::from_utf8(password).map_err(|_| ConnectError::Url)?;
    // ALTER ROLE takes no parameters; a doubled quote cannot end the literal, and a backslash is
    // itself because standard_conforming_strings is on.
    let quoted = text.replace('\'', "''").replace('\0', "");
    Ok(format!(
        "SET LOCAL standard_conforming_strings = on; ALTER ROLE {role} PASSWORD '{quoted}';"
    ))
}

fn refused(step: &'static str, error: diesel::result::Error) -> MigrateError {
    use diesel::result::Error::DatabaseError;
    match &error {
        DatabaseError(_, information) if information.message().contains("lock timeout") => {
            MigrateError::Busy(Box::new(error))
        }
        _ => MigrateError::Refused { step, source: Box::new(error) },
    }
}

/// Applies the migrations that are missing, as `core_migrator` acting for the owner; answers their
/// names. Waits for a migration that is under way; gives up on a table that is in use for 10 s.
///
/// Needs a multi-threaded runtime or a blocking thread: diesel's harness is synchronous.
pub async fn migrate(
    migrator: &Secret,
    ca_file: Option<&Path>,
) -> Result<Vec<String>, MigrateError> {
    let mut connection = connect_once(migrator, ca_file).await?;
    connection.batch_execute(&prepare()).await.map_err(|error| refused("preparation", error))?;
    let applied = tokio::task::spawn_blocking(move || run(connection));
    applied
        .await
        .map_err(|error| MigrateError::Refused { step: "migrations", source: error.into() })?
}

/// One at a time changes a schema, as the owner.
fn prepare() -> String {
    format!(
        "SET lock_timeout = '30s'; SELECT pg_advisory_lock({LOCK}); \
         SET lock_timeout = '10s'; SET ROLE core_owner"
    )
}

fn run(connection: AsyncPgConnection) -> Result<Vec<String>, MigrateError> {
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = harness
        .run_pending_migrations(MIGRATIONS)
        .map_err(|source| MigrateError::Refused { step: "migrations", source })?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Makes the weekly partitions from `now` on that are missing and drops those that ended too long
/// ago, as `core_migrator` acting for the owner. The workers do it every day by themselves; what no
/// partition was made for is kept in the default one, and not dropped.
pub async fn keep_partitions(
    migrator: &Secret,
    ca_file: Option<&Path>,
    now: DateTime<Utc>,
) -> Result<(), MigrateError> {
    let mut connection = connect_once(migrator, ca_file).await?;
    connection.batch_execute(&prepare()).await.map_err(|error| refused("preparation", error))?;
    let now = now.to_rfc3339();
    let keep = format!("CALL keep_webhook_weeks('{now}')");
    connection.batch_execute(&keep).await.map_err(|error| refused("partitions", error))
}

/// Undoes every migration, the newest first: for tests of the way back.
pub async fn revert(migrator: &Secret, ca_file: Option<&Path>) -> Result<(), MigrateError> {
    let mut connection = connect_once(migrator, ca_file).await?;
    connection
        .batch_execute("SET ROLE core_owner")
        .await
        .map_err(|error| refused("preparation", error))?;
    let reverted = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(connection);
        harness.revert_all_migrations(MIGRATIONS).map(|_| ())
    });
    reverted
        .await
        .map_err(|error| MigrateError::Refused { step: "migrations", source: error.into() })?
        .map_err(|source| MigrateError::Refused { step: "migrations", source })
}

/// Everything that [`bootstrap`] and [`migrate`] bring a database to, as one text: two databases
/// made by the same text are alike.
pub fn fingerprint() -> String {
    format!("{ROLES}{DEFINERS}{}", env!("RESTARTIX_MIGRATIONS_DIGEST"))
}

/// How a database's schema stands to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// It has what the program needs.
    Current,
    /// It lacks these migrations: run `core-api migrate`.
    TooOld(Vec<String>),
}

/// How the schema of `database` stands to this program. A newer one is current: migrations expand
/// before they contract.
pub async fn schema_state(database: &Database) -> Result<SchemaState, StoreError> {
    #[derive(QueryableByName)]
    struct Applied {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let mut connection = database.connection().await?;
    // A database that was never migrated has no list of migrations, and a query of it would fail.
    let list = diesel::sql_query(
        "SELECT 'public' AS version WHERE to_regclass('public.__diesel_schema_migrations') IS NOT NULL",
    );
    let listed: Vec<Applied> = list.load(&mut connection).await.map_err(store_error)?;
    let mut applied: Vec<Applied> = Vec::new();
    if !listed.is_empty() {
        applied = diesel::sql_query(
            "SELECT version::text AS version FROM public.__diesel_schema_migrations",
        )
        .load(&mut connection)
        .await
        .map_err(store_error)?;
    }
    let migrations: Vec<Box<dyn Migration<Pg>>> =
        MIGRATIONS.migrations().map_err(StoreError::Defect)?;
    let missing: Vec<String> = migrations
        .iter()
        .filter(|migration| {
            let version = migration.name().version().to_string();
            !applied.iter().any(|applied| applied.version == version)
        })
        .map(|migration| migration.name().to_string())
        .collect();
    Ok(if missing.is_empty() { SchemaState::Current } else { SchemaState::TooOld(missing) })
}
