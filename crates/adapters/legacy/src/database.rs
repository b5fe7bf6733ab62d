//! Connections: to the sources, which are only read, and to the platform's database, in two roles.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use async_trait::async_trait;
use restartix_kernel::{ExposeSecret, Secret};
use restartix_tenancy::{
    Actor, ClaimError, ClaimSource, ClaimedRow, ClaimedRows, Found, OrgId, Tenant,
};
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::MigrationError;
use crate::error::During;

/// Every session of ours: instants in UTC and ISO, and no time-out, because a table may be large.
const SESSION: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET standard_conforming_strings = on; \
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '60s'; \
    SET client_min_messages = warning";

/// Connects; the connection ends with the client.
pub(crate) async fn connect(
    what: &'static str,
    url: &Secret,
    tls: &MakeRustlsConnect,
) -> Result<Client, MigrationError> {
    let refused = |error: tokio_postgres::Error| MigrationError::Connect(what, Box::new(error));
    let unreadable = |_| MigrationError::Connect(what, "its URL cannot be read".into());
    let mut config: tokio_postgres::Config = url.expose_secret().parse().map_err(unreadable)?;
    config
        .application_name("core-api migrate-legacy")
        .connect_timeout(Duration::from_secs(10))
        .keepalives_idle(Duration::from_secs(30));
    let (client, connection) = config.connect(tls.clone()).await.map_err(refused)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(what, error = %crate::error::Refused::of(error), "a connection ended");
        }
    });
    client.batch_execute(SESSION).await.map_err(refused)?;
    Ok(client)
}

/// A source, only to be read: what would write there is refused by its own server.
pub(crate) async fn source(
    what: &'static str,
    url: &Secret,
    tls: &MakeRustlsConnect,
) -> Result<Client, MigrationError> {
    let client = connect(what, url, tls).await?;
    client
        .batch_execute("SET default_transaction_read_only = on")
        .await
        .during("reading a source")?;
    Ok(client)
}

/// The platform's database. The owner stages and judges; it sees no clinic's rows. The loader writes
/// them, in one clinic at a time, under the row-level security that binds every request.
pub(crate) struct Target {
    pub(crate) owner: Client,
    /// The owner once more: what is staged of one source while `owner` stages the other.
    pub(crate) second: Client,
    pub(crate) loader: Client,
    /// The loader once more: works in one clinic while `loader` works in another.
    pub(crate) beside: Client,
}

/// The key of the advisory lock of whoever migrates: "rtxl" in ASCII.
const LOCK: i64 = 0x72_74_78_6c;

impl Target {
    /// Signs in as `core_migrator`: twice to stage, twice to load.
    pub(crate) async fn connect(
        url: &Secret,
        tls: &MakeRustlsConnect,
    ) -> Result<Self, MigrationError> {
        const WHAT: &str = "the platform's database";
        let owner = connect(WHAT, url, tls).await?;
        // One that was killed holds its lock until its server's process has noticed.
        owner.batch_execute("SET lock_timeout = '20s'").await.during("preparing")?;
        let locked = owner.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await;
        locked.map_err(|_| MigrationError::Busy)?;
        // The loader's transaction that was under way then has ended, or ends now.
        let as_owner =
            "SET ROLE core_owner; SET lock_timeout = '60s'; SET work_mem = '64MB'; SET jit = off";
        let as_loader = "SET ROLE core_loader; SET work_mem = '32MB'; SET jit = off";
        let ready = async |role| {
            let client = connect(WHAT, url, tls).await?;
            client.batch_execute(role).await.during("taking a role")?;
            Ok::<_, MigrationError>(client)
        };
        owner.batch_execute(as_owner).await.during("taking a role")?;
        let second = ready(as_owner).await?;
        Ok(Self { owner, second, loader: ready(as_loader).await?, beside: ready(as_loader).await? })
    }

    /// The clinics of the migration that have been made, in the order of their numbers; each for one use.
    pub(crate) async fn clinics(&self) -> Result<Clinics<'_>, MigrationError> {
        let source = ClaimedRows::new(Reserved(&self.owner));
        let rows = source.claim(&()).await?;
        Ok(Clinics { source, rows })
    }
}

/// Clinics of the migration, with the proof of each.
pub(crate) struct Clinics<'a> {
    source: ClaimedRows<Reserved<'a>>,
    rows: Vec<ClaimedRow<String>>,
}

impl Clinics<'_> {
    /// Does `work` in each clinic in turn; it is told the legacy id.
    pub(crate) async fn each(
        self,
        mut work: impl AsyncFnMut(&Tenant, &str) -> Result<(), MigrationError>,
    ) -> Result<(), MigrationError> {
        for row in self.rows {
            self.source.run(row, async |tenant, legacy| work(tenant, &legacy).await).await?;
        }
        Ok(())
    }

    /// Does `work` in each clinic, in as many at a time as there are `loaders`; each clinic's by one of
    /// them alone. What one of them fails at ends the others after the clinic they are in.
    pub(crate) async fn beside<'c>(
        self,
        loaders: [&'c Client; 2],
        work: impl AsyncFn(&'c Client, &Tenant) -> Result<(), MigrationError>,
    ) -> Result<(), MigrationError> {
        let (source, rows) = (&self.source, RefCell::new(self.rows.into_iter()));
        let (rows, failed, work) = (&rows, &Cell::new(false), &work);
        let lanes = loaders.map(|loader| async move {
            while !failed.get() {
                let Some(row) = rows.borrow_mut().next() else { break };
                let done = source.run(row, async |tenant, _| work(loader, tenant).await).await;
                if done.is_err() {
                    failed.set(true);
                    return done;
                }
            }
            Ok(())
        });
        let [first, second] = lanes;
        let (first, second) = futures_util::future::join(first, second).await;
        first.and(second)
    }
}

/// The numbers that the platform gave to the legacy's clinics: durable rows, each of its own clinic.
struct Reserved<'a>(&'a Client);

#[async_trait]
impl ClaimSource for Reserved<'_> {
    type Key = ();
    type Row = String;

    async fn claim(&self, (): &()) -> Result<Vec<Found<String>>, ClaimError> {
        let query = "SELECT org_id, legacy_id FROM legacy.organisations ORDER BY org_id";
        let rows = self.0.query(query, &[]).await.map_err(|error| ClaimError(Box::new(error)))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let organisation =
                OrgId::new(row.get(0)).map_err(|error| ClaimError(Box::new(error)))?;
            found.push(Found { organisation, actor: Actor::System, row: row.get(1) });
        }
        Ok(found)
    }
}

/// Does `work` in one transaction, bound to the clinic of the proof and to no other; nothing of it
/// stays when it fails. The clinic is set here alone.
pub(crate) async fn bound<T>(
    client: &Client,
    tenant: &Tenant,
    work: impl AsyncFnOnce(&Client) -> Result<T, MigrationError>,
) -> Result<T, MigrationError> {
    let begin = format!("BEGIN; SET LOCAL app.current_org_id = '{}'", tenant.organisation().get());
    client.batch_execute(&begin).await.during("entering a clinic")?;
    finish(client, work(client).await).await
}

/// Does `work` in one transaction of no clinic.
pub(crate) async fn whole<T>(
    client: &Client,
    work: impl AsyncFnOnce(&Client) -> Result<T, MigrationError>,
) -> Result<T, MigrationError> {
    client.batch_execute("BEGIN").await.during("beginning")?;
    finish(client, work(client).await).await
}

async fn finish<T>(client: &Client, done: Result<T, MigrationError>) -> Result<T, MigrationError> {
    match done {
        Ok(done) => {
            client.batch_execute("COMMIT").await.during("committing")?;
            Ok(done)
        }
        Err(error) => {
            // Where this fails too, the connection is gone, and the transaction with it.
            let _ = client.batch_execute("ROLLBACK").await;
            Err(error)
        }
    }
}
