use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use restartix_kernel::{Clock, EventId, ManualClock, SeededRandom, WebhookEndpointId};
use restartix_postgres::PgWebhookQueue;
use restartix_tenancy::{ClaimSource, Found, OrgId};
use restartix_testkit::{TestDatabase, sql};
use restartix_webhooks::{
    Attempt, Claim, Claimed, FailureCode, Place, Queue, Sequencer, Settled, Verdict,
};
use tokio::sync::Mutex;

/// How long a claim of these tests is leased.
pub(crate) const LEASE: TimeDelta = TimeDelta::seconds(30);

/// Organisations 1 and 2, a queue on a clock that a test moves, and the superuser.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) queue: PgWebhookQueue,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) random: Arc<SeededRandom>,
    admin: Mutex<AsyncPgConnection>,
}

/// One claimed delivery.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) organisation: OrgId,
    pub(crate) endpoint: WebhookEndpointId,
    pub(crate) lease: EventId,
    pub(crate) place: Place,
    pub(crate) event: EventId,
}

impl Taken {
    fn of(found: &Found<Claimed>) -> impl Iterator<Item = Self> {
        let (organisation, row) = (found.organisation, &found.row);
        row.due.iter().map(move |due| Self {
            organisation,
            endpoint: row.endpoint,
            lease: row.lease,
            place: due.place,
            event: due.event,
        })
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Words {
    #[diesel(sql_type = Nullable<Text>)]
    words: Option<String>,
}

impl Stage {
    pub(crate) async fn set() -> Result<Self> {
        let database = TestDatabase::create().await?;
        let clinics = "INSERT INTO organizations (id, name, timezone) VALUES \
            (1, 'One', 'UTC'), (2, 'Two', 'UTC')";
        sql(&database, clinics).await?;
        let clock = Arc::new(ManualClock::at("2026-11-26T09:00:00Z".parse()?));
        let random = Arc::new(SeededRandom::new(7));
        let pool = database.pool("core_worker", 4)?;
        let queue = PgWebhookQueue::new(pool, clock.clone(), random.clone());
        let admin = Mutex::new(database.superuser().await?);
        Ok(Self { database, queue, clock, random, admin })
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// An endpoint that hears of bookings, with a secret.
    pub(crate) async fn endpoint(&self, organisation: i64) -> Result<WebhookEndpointId> {
        let id = WebhookEndpointId::fresh(&*self.clock, &*self.random);
        let statements = format!(
            "INSERT INTO webhook_endpoints (org_id, id, url, filters, admits, state) VALUES
               ({organisation}, '{id}', 'https://a.example/{id}', '{{*}}',
                '{{appointment.created,endpoint.recovered,endpoint.disabled}}', 'enabled');
             INSERT INTO webhook_secrets (org_id, endpoint_id, version, sealed)
               VALUES ({organisation}, '{id}', 1, '\\xabcd')"
        );
        sql(&self.database, &statements).await?;
        Ok(id)
    }

    /// So many bookings, each in a transaction of its own, not sequenced yet.
    pub(crate) async fn happen(&self, organisation: i64, count: usize) -> Result<()> {
        self.happen_together(organisation, count, 1).await
    }

    /// So many transactions with so many bookings each.
    pub(crate) async fn happen_together(
        &self,
        organisation: i64,
        count: usize,
        together: usize,
    ) -> Result<()> {
        let statement = format!(
            "INSERT INTO webhook_outbox (org_id, id, occurred_at, ids, types, moments, data, only_for)
             SELECT {organisation}, (array_agg(e.id ORDER BY m))[1], min(e.at), array_agg(e.id ORDER BY m),
               array_agg('appointment.created'::text), array_agg(e.at ORDER BY m),
               array_agg(format('{{\"object\":\"appointment\",\"id\":%s,\"version\":1}}', n * {together} + m) ORDER BY m),
               NULL::uuid
             FROM generate_series(1, {count}) n, generate_series(1, {together}) m
             CROSS JOIN LATERAL (SELECT gen_random_uuid() AS id,
               '{}'::timestamptz + (n * {together} + m) * interval '1 us' AS at) e
             GROUP BY n",
            self.now().to_rfc3339()
        );
        sql(&self.database, &statement).await
    }

    /// Gives everything its place.
    pub(crate) async fn sequence(&self) -> Result<usize> {
        let mut all = 0;
        loop {
            let done = self.queue.sequence(1_000, self.now()).await?;
            if done == 0 {
                return Ok(all);
            }
            all += done;
        }
    }

    pub(crate) async fn claim(
        &self,
        limit: u16,
        per_endpoint: u16,
        per_organisation: u16,
    ) -> Result<Vec<Taken>> {
        let claim = Claim { limit, per_endpoint, per_organisation, now: self.now(), lease: LEASE };
        let found = self.queue.claim(&claim).await?;
        Ok(found.iter().flat_map(Taken::of).collect())
    }

    /// Records one outcome; whether the lease still held.
    pub(crate) async fn settle(
        &self,
        found: &Taken,
        verdict: Verdict,
        pause_until: Option<DateTime<Utc>>,
    ) -> Result<bool> {
        let (outcome, size) = match verdict {
            Verdict::Delivered => (Ok(204), 20),
            Verdict::Gone => (Ok(410), 20),
            Verdict::RetryAt(_, code) | Verdict::GivenUp(code) => (Err(code), 0),
        };
        let attempt = Attempt {
            outcome,
            retry_after: None,
            duration: std::time::Duration::from_millis(3),
            size,
        };
        let settled = Settled {
            organisation: found.organisation,
            endpoint: found.endpoint,
            lease: found.lease,
            place: found.place,
            attempt,
            verdict,
            pause_until,
        };
        Ok(self.queue.settle(&[settled], self.now()).await? == 1)
    }

    pub(crate) async fn deliver(&self, found: &Taken) -> Result<()> {
        ensure!(self.settle(found, Verdict::Delivered, None).await?, "the lease is lost");
        Ok(())
    }

    /// Fails one, to be tried again five seconds later.
    pub(crate) async fn fail(&self, found: &Taken) -> Result<()> {
        let again = Verdict::RetryAt(self.now() + TimeDelta::seconds(5), FailureCode::TimedOut);
        ensure!(self.settle(found, again, None).await?, "the lease is lost");
        Ok(())
    }

    /// The one number that `query` (of one column `number`) answers.
    pub(crate) async fn number(&self, query: &str) -> Result<i64> {
        let mut admin = self.admin.lock().await;
        let row: Number = diesel::sql_query(query)
            .get_result(&mut *admin)
            .await
            .with_context(|| query.to_owned())?;
        Ok(row.number)
    }

    /// The one text that `query` (of one column `words`) answers.
    pub(crate) async fn words(&self, query: &str) -> Result<Option<String>> {
        let mut admin = self.admin.lock().await;
        let row: Words = diesel::sql_query(query)
            .get_result(&mut *admin)
            .await
            .with_context(|| query.to_owned())?;
        Ok(row.words)
    }

    pub(crate) async fn sql(&self, statements: &str) -> Result<()> {
        sql(&self.database, statements).await
    }
}
