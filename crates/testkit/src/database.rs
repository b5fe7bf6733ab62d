use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use restartix_kernel::{Clock, RandomExt, Secret, SystemClock, SystemRandom};
use restartix_postgres::migrate::{self, RoleUrls};
use restartix_postgres::{Database, DatabaseConfig};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio_postgres::{Client, NoTls};

/// A database of one test's own, copied from a template that has every migration.
///
/// It carries the process that made it in its name. Who makes the next one, by [`TestDatabase::create`], drops
/// those whose process is gone, so that a run of hundreds of tests needs the disk of the few that are running.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    name: String,
    server: tokio_postgres::Config,
}

impl TestDatabase {
    /// A fresh database with every role, function and table.
    pub async fn create() -> Result<Self> {
        Self::create_on(server()?).await
    }

    /// As [`TestDatabase::create`], in the cluster of this superuser's URL.
    pub async fn create_in(url: &str) -> Result<Self> {
        Self::create_on(url.parse().context("the cluster's URL cannot be read")?).await
    }

    async fn create_on(server: tokio_postgres::Config) -> Result<Self> {
        let template = template(&server).await?;
        let name = fresh("test");
        let mut postgres = connect(&server, "postgres").await?;
        // Two copies of one template at once would refuse each other.
        postgres
            .batch_execute(&format!("SELECT pg_advisory_lock({COPYING})"))
            .await
            .context("wait for the template")?;
        drop_orphans(&mut postgres).await?;
        postgres
            .batch_execute(&format!(
                "CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
            ))
            .await
            .context("copy the template")?;
        let database = Self { name, server };
        // The rights on a database itself are not copied with it.
        let mut own = connect(&database.server, &database.name).await?;
        own.batch_execute(&format!(
            "REVOKE ALL ON DATABASE {0} FROM PUBLIC; \
             GRANT CONNECT ON DATABASE {0} TO core_migrator, core_app, core_worker",
            database.name
        ))
        .await
        .context("grant the rights on the copy")?;
        Ok(database)
    }

    /// A fresh database with nothing in it: for what is not the platform's own.
    pub async fn blank() -> Result<Self> {
        let server = server()?;
        let name = fresh("blank");
        let mut postgres = connect(&server, "postgres").await?;
        postgres.batch_execute(&format!("CREATE DATABASE {name}")).await.context("make it")?;
        Ok(Self { name, server })
    }

    /// A copy of this one as it is now; nobody may be connected to it.
    pub async fn copy(&self) -> Result<Self> {
        let name = fresh("copy");
        let mut postgres = connect(&self.server, "postgres").await?;
        let copy = format!("CREATE DATABASE {name} TEMPLATE {} STRATEGY file_copy", self.name);
        postgres.batch_execute(&copy).await.context("copy the database")?;
        let rights = format!(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC; \
             GRANT CONNECT ON DATABASE {name} TO core_migrator, core_app, core_worker"
        );
        postgres.batch_execute(&rights).await.context("grant the rights on the copy")?;
        Ok(Self { name, server: self.server.clone() })
    }

    /// The URL as `role`; the test cluster trusts everybody on loopback.
    pub fn url(&self, role: &str) -> Secret {
        url(&self.server, role, &self.name).into()
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pool of `size` connections as `role`.
    pub fn pool(&self, role: &str, size: usize) -> Result<Database> {
        let config = DatabaseConfig { pool_size: size, ..DatabaseConfig::new(self.url(role)) };
        Ok(Database::new(&config)?)
    }

    /// A connection as the superuser, who is above row-level security.
    pub async fn superuser(&self) -> Result<AsyncPgConnection> {
        connect(&self.server, &self.name).await
    }

    /// Returns as soon as somebody waits for a lock here.
    ///
    /// # Errors
    /// Nobody does within some seconds.
    pub async fn wait_until_somebody_waits(&self) -> Result<()> {
        let mut superuser = self.superuser().await?;
        let waiting = "SELECT 1 / count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..1000 {
            if superuser.batch_execute(waiting).await.is_ok() {
                return Ok(());
            }
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        bail!("nobody waits")
    }

    /// A client of its own as the superuser, who is above row-level security: for queries that the platform
    /// does not know. It tells times in UTC.
    pub async fn client(&self) -> Result<Client> {
        let client = client(self.server.clone().dbname(&self.name)).await?;
        client.batch_execute("SET TimeZone = 'UTC'").await?;
        Ok(client)
    }
}

/// Runs statements as the superuser.
pub async fn sql(database: &TestDatabase, statements: &str) -> Result<()> {
    let mut connection = database.superuser().await?;
    connection.batch_execute(statements).await.with_context(|| statements.to_owned())
}

const COPYING: i64 = 0x72_74_79;
/// Begins the name of every database that is a process's own.
const OWNED: &str = "rtx_of_";

#[expect(
    clippy::disallowed_methods,
    reason = "the test kit is told by `cargo xtask test` where the cluster is"
)]
pub(crate) fn server() -> Result<tokio_postgres::Config> {
    let Ok(url) = std::env::var("RESTARTIX_TEST_DATABASE_URL") else {
        bail!(
            "RESTARTIX_TEST_DATABASE_URL is not set: run the tests with `cargo xtask test`, or name \
             a PostgreSQL cluster whose roles may be made and databases thrown away, as its superuser"
        );
    };
    url.parse().context("RESTARTIX_TEST_DATABASE_URL cannot be read")
}

fn url(server: &tokio_postgres::Config, role: &str, database: &str) -> String {
    let host = match server.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        _ => "127.0.0.1".to_owned(),
    };
    let port = server.get_ports().first().copied().unwrap_or(5432);
    format!("postgres://{role}@{host}:{port}/{database}")
}

async fn connect(server: &tokio_postgres::Config, database: &str) -> Result<AsyncPgConnection> {
    let user = server.get_user().unwrap_or("postgres");
    let password = server.get_password().map(String::from_utf8_lossy);
    let mut url = url(server, user, database);
    if let Some(password) = password {
        url = url.replacen('@', &format!(":{password}@"), 1);
    }
    AsyncPgConnection::establish(&url).await.with_context(|| format!("connect to {database}"))
}

/// The one text that a query finds.
pub(crate) async fn asked(server: &tokio_postgres::Config, query: &str) -> Result<String> {
    let row = client(server).await?.query_one(query, &[]).await.context("ask the cluster")?;
    Ok(row.try_get(0)?)
}

async fn client(server: &tokio_postgres::Config) -> Result<Client> {
    let (client, connection) = server.connect(NoTls).await.context("connect to the cluster")?;
    // It ends with the client, which is told of what befell it.
    tokio::spawn(connection);
    Ok(client)
}

/// The name of a database that lives as long as this process.
fn fresh(kind: &str) -> String {
    let (processes, process) = (processes(), std::process::id());
    format!("{OWNED}{kind}_{processes}_{process}_{}", SystemRandom.uuid_v4().simple())
}

/// Among which processes a number means one: another machine, or a container beside this one, may use the
/// same cluster. Where the system does not tell, all are taken for one.
fn processes() -> String {
    let mut hasher = DefaultHasher::new();
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().hash(&mut hasher);
    std::fs::read_link("/proc/self/ns/pid").ok().hash(&mut hasher);
    let [.., a, b, c, d] = hasher.finish().to_be_bytes();
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// Drops the databases of processes that are gone.
async fn drop_orphans(postgres: &mut AsyncPgConnection) -> Result<()> {
    let all: Vec<Named> = diesel::sql_query("SELECT datname::text AS name FROM pg_database")
        .load(postgres)
        .await
        .context("list the databases")?;
    let processes = processes();
    for name in all.iter().map(|named| &named.name).filter(|name| orphaned(name, &processes)) {
        // A child of the test that was killed may still hold a connection. What cannot be dropped now is the
        // next one's to drop.
        let _dropped_or_not =
            postgres.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }
    Ok(())
}

/// Whether [`fresh`] gave this name in one of these processes, and it is gone.
fn orphaned(name: &str, processes: &str) -> bool {
    let maker = || {
        let (_kind, rest) = name.strip_prefix(OWNED)?.split_once('_')?;
        let rest = rest.strip_prefix(processes)?.strip_prefix('_')?;
        let (maker, _) = rest.split_once('_')?;
        Pid::from_raw(maker.parse().ok()?)
    };
    maker().is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The template for this state of the migrations, made by whichever test comes first.
async fn template(server: &tokio_postgres::Config) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    migrate::fingerprint().hash(&mut hasher);
    let name = format!("rtx_template_{:016x}", hasher.finish());
    let mut postgres = connect(server, "postgres").await?;
    // Held until this connection closes, also when the making fails.
    postgres
        .batch_execute(&format!("SELECT pg_advisory_lock({COPYING})"))
        .await
        .context("wait for the template")?;
    let made = format!("SELECT 1 / count(*) FROM pg_database WHERE datname = '{name}'");
    if postgres.batch_execute(&made).await.is_ok() {
        return Ok(name);
    }
    let draft = format!("{name}_draft");
    for statement in [
        format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"),
        format!("CREATE DATABASE {draft}"),
    ] {
        postgres.batch_execute(&statement).await.context("make the template")?;
    }
    let role = |role: &str| Secret::from(url(server, role, &draft));
    let (app, worker, migrator) = (role("core_app"), role("core_worker"), role("core_migrator"));
    let roles = RoleUrls { app: &app, worker: &worker, migrator: &migrator };
    let superuser = role(server.get_user().unwrap_or("postgres"));
    migrate::bootstrap(&superuser, roles, None).await.context("bootstrap the template")?;
    migrate::migrate(&migrator, None).await.context("migrate the template")?;
    // Only a template that is whole gets the name that others look for.
    let rename = format!("ALTER DATABASE {draft} RENAME TO {name}");
    postgres.batch_execute(&rename).await.context("name the template")?;
    Ok(name)
}
