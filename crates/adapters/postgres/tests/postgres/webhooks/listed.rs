//! What a clinic is shown of its deliveries: of runs that nobody tried, of what is under way, of what
//! waits by itself and of what is over, all of it once and in order, a page at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{
    Clock, EventId, Limit, ManualClock, PageRequest, SeededRandom, SystemClock, WebhookDeliveryId,
    WebhookEndpointId,
};
use restartix_postgres::{PgUnits, PgWebhookQueue};
use restartix_tenancy::ClaimSource;
use restartix_testkit::{HookedClinics, TestDatabase, audit_line, change_that_tells, sql};
use restartix_webhooks::{
    Attempt, Claim, Claimed, Delivery, DeliveryFilter, DeliveryStatus, EventType, FailureCode,
    Queue, Sequencer, Settled, Verdict,
};
use restartix_workflows::{Access, UnitOfWork, Work};

struct Scene {
    clinics: HookedClinics,
    units: PgUnits,
    queue: PgWebhookQueue,
    clock: Arc<ManualClock>,
    database: TestDatabase,
}

impl Scene {
    /// Two clinics, the first with three endpoints.
    async fn set() -> Result<Self> {
        let database = TestDatabase::create().await?;
        let clinics = HookedClinics::furnish(&database, 2, |_| "https://a.example/".into()).await?;
        for _ in 0..2 {
            let another = "INSERT INTO webhook_endpoints (org_id, id, url, filters, admits, state)
                VALUES (1, gen_random_uuid(), 'https://a.example/', '{member.*}', '{member.added}', 'enabled')";
            sql(&database, another).await?;
        }
        let clock = Arc::new(ManualClock::at("2026-11-26T09:00:00Z".parse()?));
        let random = Arc::new(SeededRandom::new(7));
        let queue = PgWebhookQueue::new(database.pool("core_worker", 2)?, clock.clone(), random);
        let units = PgUnits::new(database.pool("core_app", 2)?);
        Ok(Self { clinics, units, queue, clock, database })
    }

    async fn work(&self, clinic: usize) -> Result<Box<dyn Work>> {
        Ok(self.units.begin(self.clinics.tenant(clinic - 1)?, Access::Change).await?)
    }

    /// So many events of one transaction, which get their places at one moment.
    async fn tell(&self, clinic: usize, events: usize) -> Result<()> {
        change_that_tells(&self.units, self.clinics.tenant(clinic - 1)?, events).await?;
        while self.queue.sequence(1_000, self.clock.now()).await? > 0 {}
        self.clock.advance(TimeDelta::milliseconds(1));
        Ok(())
    }

    async fn claim(&self, limit: u16, each: u16) -> Result<Vec<Settled>> {
        let claim = Claim {
            limit,
            per_endpoint: each,
            per_organisation: 64,
            now: self.clock.now(),
            lease: TimeDelta::seconds(30),
        };
        let mut taken = Vec::new();
        for found in self.queue.claim(&claim).await? {
            let Claimed { lease, endpoint, due, .. } = found.row;
            taken.extend(due.iter().map(|due| Settled {
                organisation: found.organisation,
                endpoint,
                lease,
                place: due.place,
                attempt: Attempt {
                    outcome: Ok(204),
                    retry_after: None,
                    duration: std::time::Duration::from_millis(3),
                    size: 0,
                },
                verdict: Verdict::Delivered,
                pause_until: None,
            }));
        }
        Ok(taken)
    }

    async fn settle(&self, outcomes: &[Settled]) -> Result<()> {
        let held = self.queue.settle(outcomes, self.clock.now()).await?;
        ensure!(held == outcomes.len(), "{held} of {}", outcomes.len());
        Ok(())
    }

    /// Runs, singles that wait, some under way, some over.
    async fn busy() -> Result<Self> {
        let scene = Self::set().await?;
        for events in [7, 1, 5, 3] {
            scene.tell(1, events).await?;
        }
        // Of each endpoint's first run a part is claimed; what is under way stays so.
        let mut claimed = scene.claim(9, 3).await?;
        let under_way = claimed.split_off(6);
        ensure!(!under_way.is_empty(), "nothing is under way");
        // One endpoint fails once, which opens no breaker.
        claimed[0].verdict =
            Verdict::RetryAt(scene.clock.now() + TimeDelta::seconds(5), FailureCode::Refused);
        claimed[0].attempt.outcome = Ok(500);
        scene.settle(&claimed).await?;
        scene.tell(2, 8).await?;
        Ok(scene)
    }
}

/// All of it, page by page.
async fn listed(work: &mut dyn Work, filter: &DeliveryFilter, limit: u16) -> Result<Vec<Delivery>> {
    let mut request =
        PageRequest { limit: Limit::new(limit).context("a limit")?, ..PageRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = work.webhook_deliveries().list(filter, &request).await?;
        ensure!(page.items.len() <= usize::from(limit), "a page of {}", page.items.len());
        all.extend(page.items);
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            return Ok(all);
        }
    }
}

fn ids(deliveries: &[Delivery]) -> Vec<WebhookDeliveryId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

#[tokio::test]
async fn pages_of_any_length_show_all_of_it_once_and_in_order() -> Result<()> {
    let scene = Scene::busy().await?;
    let mut work = scene.work(1).await?;
    let everything = DeliveryFilter::default();
    let whole = listed(&mut *work, &everything, 200).await?;
    assert_eq!(whole.len(), 16 * 3, "16 events, of which each endpoint hears");
    assert!(whole.is_sorted_by(|one, next| one.id > next.id), "the newest first");
    let pairs: BTreeSet<_> = whole.iter().map(|one| (one.endpoint, one.event)).collect();
    assert_eq!(pairs.len(), whole.len(), "each event once for each endpoint");
    for limit in [1, 2, 3, 5, 7, 20] {
        assert_eq!(ids(&listed(&mut *work, &everything, limit).await?), ids(&whole), "by {limit}");
    }
    let is = |status| move |one: &&Delivery| one.status == status;
    for status in [DeliveryStatus::Waiting, DeliveryStatus::Delivered, DeliveryStatus::Failed] {
        let filter = DeliveryFilter { status: Some(status), ..everything };
        let some: Vec<_> = whole.iter().filter(is(status)).copied().collect();
        assert_eq!(ids(&listed(&mut *work, &filter, 3).await?), ids(&some), "{status}");
    }
    let over = whole.iter().filter(is(DeliveryStatus::Delivered)).count();
    assert!(over >= 4, "{over} are over");
    let mut endpoints: Vec<WebhookEndpointId> = whole.iter().map(|one| one.endpoint).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    assert_eq!(endpoints.len(), 3);
    for endpoint in endpoints {
        let filter = DeliveryFilter { endpoint: Some(endpoint), ..everything };
        let some: Vec<_> = whole.iter().filter(|one| one.endpoint == endpoint).copied().collect();
        assert_eq!(ids(&listed(&mut *work, &filter, 4).await?), ids(&some));
    }
    for (kind, count) in [(EventType::MemberAdded, whole.len()), (EventType::FileDeleted, 0)] {
        let filter = DeliveryFilter { kind: Some(kind), ..everything };
        assert_eq!(listed(&mut *work, &filter, 5).await?.len(), count, "{kind}");
    }
    // The second transaction's moment and what follows it, without the last one's.
    let at = |nth: i64| -> Result<DateTime<Utc>> {
        let begun: DateTime<Utc> = "2026-11-26T09:00:00Z".parse()?;
        Ok(begun + TimeDelta::milliseconds(nth))
    };
    let filter = DeliveryFilter { since: Some(at(1)?), before: Some(at(3)?), ..everything };
    assert_eq!(listed(&mut *work, &filter, 5).await?.len(), 6 * 3);
    let mut other = scene.work(2).await?;
    assert_eq!(listed(&mut *other, &everything, 3).await?.len(), 8, "its own and nobody else's");
    assert!(other.webhook_deliveries().find(whole[0].id).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn each_is_found_by_its_id_and_sent_again_whatever_stands_behind_it() -> Result<()> {
    let scene = Scene::busy().await?;
    let mut work = scene.work(1).await?;
    let everything = DeliveryFilter::default();
    let whole = listed(&mut *work, &everything, 200).await?;
    for one in &whole {
        assert_eq!(work.webhook_deliveries().find(one.id).await?.as_ref(), Some(one));
    }
    let [first, last] = [whole[0].id, whole[whole.len() - 1].id].map(|id| id.as_uuid().as_u128());
    for beside in [first + 1, last - 1] {
        let beside = WebhookDeliveryId::from_uuid(uuid::Uuid::from_u128(beside));
        assert_eq!(work.webhook_deliveries().find(beside).await?, None);
        assert!(!work.webhook_deliveries().resend(beside, scene.clock.now()).await?);
    }
    for one in &whole {
        assert!(work.webhook_deliveries().resend(one.id, scene.clock.now()).await?);
        let again = work.webhook_deliveries().find(one.id).await?.context("it is there")?;
        assert_eq!((again.event, again.status), (one.event, DeliveryStatus::Waiting));
        assert_eq!(again.attempts, 0, "with its schedule begun anew");
    }
    assert_eq!(ids(&listed(&mut *work, &everything, 4).await?), ids(&whole), "the same ones");
    let line = audit_line(EventId::fresh(&SystemClock, &SeededRandom::new(9)), scene.clock.now());
    work.audit().record(line).await?;
    work.commit().await?;
    // What nobody brought to its end comes back with its lease; then each is delivered once.
    scene.clock.advance(TimeDelta::seconds(31));
    let mut sent = 0;
    loop {
        let claimed = scene.claim(64, 16).await?;
        if claimed.is_empty() {
            break;
        }
        sent += claimed.iter().filter(|one| one.organisation.get() == 1).count();
        scene.settle(&claimed).await?;
    }
    assert_eq!(sent, whole.len());
    let mut work = scene.work(1).await?;
    let filter = DeliveryFilter { status: Some(DeliveryStatus::Delivered), ..everything };
    assert_eq!(ids(&listed(&mut *work, &filter, 9).await?), ids(&whole));
    // Before and after: two attempts at what was delivered or refused, one at the rest.
    let mut tried = Vec::new();
    for one in &whole {
        let attempts = work.webhook_deliveries().attempts(one.id).await?;
        assert!(attempts.is_sorted_by_key(|attempt| attempt.at));
        tried.push((one.status == DeliveryStatus::Delivered, attempts.len()));
    }
    assert!(tried.iter().all(|(over, attempts)| !over || *attempts == 2), "{tried:?}");
    assert_eq!(tried.iter().filter(|(_, attempts)| *attempts == 2).count(), 6);
    Ok(())
}

/// What of two types ended in turns: pages of one type miss nothing.
#[tokio::test]
async fn pages_of_one_type_show_all_of_it_whatever_ended_between() -> Result<()> {
    let scene = Scene::set().await?;
    let told = "UPDATE webhook_endpoints SET filters = '{*}', admits = '{member.added,member.removed}' WHERE org_id = 1;
        DELETE FROM webhook_endpoints e WHERE org_id = 1
          AND NOT EXISTS (SELECT FROM webhook_secrets s WHERE s.endpoint_id = e.id);
        INSERT INTO webhook_outbox (org_id, id, occurred_at, ids, types, moments, data)
        SELECT 1, gen_random_uuid(), now(), array_agg(gen_random_uuid()),
          array_agg(CASE WHEN n IN (4, 6, 7, 8) THEN 'member.removed' ELSE 'member.added' END ORDER BY n), array_agg(now()),
          array_agg(format('{\"object\":\"member\",\"id\":%s,\"version\":1}', n)) FROM generate_series(1, 8) n";
    sql(&scene.database, told).await?;
    scene.queue.sequence(100, scene.clock.now()).await?;
    let claimed = scene.claim(8, 8).await?;
    assert_eq!(claimed.len(), 8);
    for places in [&[0, 7][..], &[1, 6], &[2], &[3, 5], &[4]] {
        let some: Vec<_> = places.iter().map(|at| claimed[*at]).collect();
        scene.settle(&some).await?;
    }
    let mut work = scene.work(1).await?;
    let whole = listed(&mut *work, &DeliveryFilter::default(), 200).await?;
    assert_eq!(whole.len(), 8);
    for kind in [EventType::MemberAdded, EventType::MemberRemoved] {
        let filter = DeliveryFilter { kind: Some(kind), ..DeliveryFilter::default() };
        let of: Vec<_> = whole.iter().filter(|one| one.kind == kind).copied().collect();
        ensure!(of.len() >= 2, "{kind}");
        for limit in 1..=5 {
            assert_eq!(
                ids(&listed(&mut *work, &filter, limit).await?),
                ids(&of),
                "{kind} by {limit}"
            );
        }
    }
    Ok(())
}
