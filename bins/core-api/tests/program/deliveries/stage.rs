//! A database, clinics with endpoints, and worker processes.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use restartix_kernel::{Clock, SystemClock};
use restartix_postgres::PgUnits;
use restartix_testkit::{HookedClinics, TestDatabase, change_that_tells, configure_worker};
use tokio::sync::Mutex;

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A worker as it ships, gone with the test.
pub(crate) struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Worker {
    pub(crate) fn start(database: &TestDatabase) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_core-api"));
        configure_worker(&mut command, database);
        command.arg("worker").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().context("start a worker")?))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let id = self.0.id().to_string();
        ensure!(Command::new("kill").args([&format!("-{name}"), &id]).status()?.success());
        Ok(())
    }
}

/// Clinics 1, 2, ... in a database.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) clinics: HookedClinics,
    units: PgUnits,
    admin: Mutex<Option<AsyncPgConnection>>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Stage {
    pub(crate) async fn set(
        database: TestDatabase,
        clinics: usize,
        url: impl Fn(usize) -> String,
    ) -> Result<Self> {
        let clinics = HookedClinics::furnish(&database, clinics, url).await?;
        let units = PgUnits::new(database.pool("core_app", 8)?);
        Ok(Self { database, clinics, units, admin: Mutex::default() })
    }

    /// One change that tells one event; whether it was committed for all that is known.
    pub(crate) async fn change(&self, number: usize) -> Result<()> {
        change_that_tells(&self.units, self.clinics.tenant(number)?, 1).await.map(drop)
    }

    /// The one number that `query` (of one column `number`) answers.
    pub(crate) async fn number(&self, query: &str) -> Result<i64> {
        let mut admin = self.admin.lock().await;
        if admin.is_none() {
            *admin = Some(self.database.superuser().await?);
        }
        let connection = admin.as_mut().context("a connection")?;
        let found: Result<Number, _> = diesel::sql_query(query).get_result(connection).await;
        // Of a server that was killed: the next one connects anew.
        let number = found.map(|found| found.number);
        if number.is_err() {
            *admin = None;
        }
        number.with_context(|| query.to_owned())
    }

    /// Waits until `query` answers something else than 0.
    pub(crate) async fn until(&self, what: &str, query: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            if self.number(query).await.is_ok_and(|number| number != 0) {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "{what} did not happen");
            SystemClock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing waits for anybody.
    pub(crate) async fn quiet(&self) -> Result<()> {
        let all =
            "SELECT ((SELECT count(*) FROM webhook_outbox) + (SELECT count(*) FROM webhook_queue)
            + (SELECT count(*) FROM webhook_in_flight) = 0)::int::bigint AS number";
        self.until("the end of all deliveries", all).await
    }

    /// What must hold whatever was killed: each row has its event and each event its row, each event
    /// one place and one outcome, and places have no gaps.
    pub(crate) async fn whole(&self) -> Result<()> {
        for (what, query) in [
            (
                "a row without its event, or an event without its row",
                "SELECT count(*) AS number FROM (SELECT org_id, id FROM people) p
                   FULL JOIN (SELECT org_id, (b::jsonb -> 'data' ->> 'id')::uuid AS id
                     FROM webhook_events, unnest(types, bodies) AS e (t, b) WHERE t = 'member.added') e USING (org_id, id)
                 WHERE p.org_id IS NULL OR e.org_id IS NULL
                   OR NOT EXISTS (SELECT FROM people x WHERE x.org_id = p.org_id AND x.id = p.id)
                   OR (e.id IS NULL) <> (p.id IS NULL)",
            ),
            (
                "a gap, or a place given twice",
                "SELECT count(*) AS number FROM (SELECT last_seq - sum(cardinality(ids))
                   OVER (PARTITION BY org_id ORDER BY last_seq) AS gap FROM webhook_events WHERE last_seq > 0) e WHERE gap <> 0",
            ),
            (
                "an event without its outcome, or with two",
                "SELECT abs((SELECT count(*) FROM webhook_events, unnest(types) t WHERE t = 'member.added')
                   - (SELECT coalesce(sum(bit_count(places::bit(64))), 0)::bigint FROM webhook_deliveries WHERE outcome = 'delivered'))
                 + (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries, generate_series(0, 59) n
                     WHERE places >> n & 1 = 1 GROUP BY org_id, endpoint_id, first_seq + n HAVING count(*) > 1) x)
                   AS number",
            ),
        ] {
            let found = self.number(query).await?;
            ensure!(found == 0, "{what}: {found}");
        }
        Ok(())
    }
}
