//! A hundred organisations with an endpoint each, those who write, and the worker as it ships.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;
use restartix_kernel::{Clock, EventId, SystemClock};
use restartix_postgres::PgUnits;
use restartix_testkit::{HookedClinics, TestDatabase, change_that_tells, configure_worker, sql};

use super::receiver::Receiver;

/// Organisations, each with one endpoint.
pub(super) const CLINICS: usize = 100;
/// Those who write at once.
pub(super) const WRITERS: usize = 32;

/// Everything that a round needs.
pub(super) struct Stage {
    pub(super) database: TestDatabase,
    pub(super) receiver: Receiver,
    pub(super) clinics: HookedClinics,
    /// How many of them are well: the first ones.
    pub(super) well: usize,
    units: PgUnits,
    admin: tokio::sync::Mutex<AsyncPgConnection>,
    worker: Child,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}

#[derive(diesel::QueryableByName)]
struct Left {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    left: bool,
}

impl Stage {
    /// So many clinics that are well, and after them one for each of `others`, at these addresses.
    pub(super) async fn set(program: &Path, well: usize, others: &[String]) -> Result<Self> {
        let (database, receiver) = (TestDatabase::create().await?, Receiver::start()?);
        let own = format!("http://{}/hook", receiver.address);
        let url = |number: usize| {
            let other = number.checked_sub(well + 1).and_then(|at| others.get(at));
            other.unwrap_or(&own).clone()
        };
        let clinics = HookedClinics::furnish(&database, well + others.len(), url).await?;
        let worker = worker(program, &database)?;
        let units = PgUnits::new(database.pool("core_app", WRITERS)?);
        let admin = tokio::sync::Mutex::new(database.superuser().await?);
        Ok(Self { database, receiver, clinics, well, units, admin, worker })
    }

    /// Commits `commits` changes by all writers, each with so many events; how long it took.
    pub(super) async fn write(&self, commits: usize, events: usize) -> Result<Duration> {
        let (begun, next) = (Instant::now(), AtomicUsize::new(0));
        let writer = || async {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= commits {
                    return anyhow::Ok(());
                }
                self.change(number, events).await?;
            }
        };
        try_join_all((0..WRITERS).map(|_| writer())).await?;
        Ok(begun.elapsed())
    }

    /// One change in a transaction of its own, with its audit line and what it tells; the ids of that.
    pub(super) async fn change(&self, number: usize, events: usize) -> Result<Vec<EventId>> {
        let tenant = self.clinics.tenant(number % self.well)?;
        change_that_tells(&self.units, tenant, events).await
    }

    /// Waits until everything that was told to those who are well has arrived and is recorded.
    pub(super) async fn settled(&self) -> Result<()> {
        let begun = Instant::now();
        let mut connection = self.admin.lock().await;
        loop {
            let well = self.well;
            let query = format!(
                "SELECT EXISTS (SELECT FROM webhook_outbox WHERE org_id <= {well})
                   OR EXISTS (SELECT FROM webhook_queue WHERE org_id <= {well})
                   OR EXISTS (SELECT FROM webhook_in_flight WHERE org_id <= {well}) AS left"
            );
            let left: Left = diesel::sql_query(query).get_result(&mut *connection).await?;
            if !left.left {
                return Ok(());
            }
            ensure!(begun.elapsed() < Duration::from_secs(240), "deliveries do not end");
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many deliveries are in the log.
    pub(super) async fn recorded(&self) -> Result<i64> {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let mut connection = self.admin.lock().await;
        let query = "SELECT coalesce(sum(bit_count(places::bit(64))), 0)::bigint AS count
            FROM webhook_deliveries WHERE outcome = 'delivered'";
        let counted: Count = diesel::sql_query(query).get_result(&mut *connection).await?;
        Ok(counted.count)
    }

    /// So many bodies as they were sent.
    pub(super) async fn bodies(&self, limit: i64) -> Result<Vec<String>> {
        #[derive(diesel::QueryableByName)]
        struct Body {
            #[diesel(sql_type = diesel::sql_types::Text)]
            body: String,
        }
        let mut connection = self.admin.lock().await;
        let query = format!("SELECT unnest(bodies) AS body FROM webhook_events LIMIT {limit}");
        let bodies: Vec<Body> = diesel::sql_query(query).load(&mut *connection).await?;
        Ok(bodies.into_iter().map(|body| body.body).collect())
    }

    /// Lets the database forget what it kept of earlier rounds, and look at itself.
    pub(super) async fn tidy(&self) -> Result<()> {
        let statements =
            "TRUNCATE webhook_events, webhook_deliveries; VACUUM ANALYZE webhook_outbox;
            VACUUM ANALYZE webhook_queue; VACUUM ANALYZE webhook_in_flight; CHECKPOINT";
        for statement in statements.split(';') {
            sql(&self.database, statement).await?;
        }
        Ok(())
    }

    /// The worker's resident memory, in MiB.
    pub(super) fn worker_memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.worker.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib = line.trim().trim_end_matches("kB").trim().parse::<u32>()?;
        Ok(f64::from(kib) / 1024.0)
    }

    /// Where a clinic's endpoint is.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.receiver.address)
    }
}

/// The worker as it ships.
pub(super) fn worker(program: &Path, database: &TestDatabase) -> Result<Child> {
    let mut command = Command::new(program);
    configure_worker(&mut command, database);
    command.arg("worker").stdin(Stdio::null());
    command.spawn().context("start the worker")
}
