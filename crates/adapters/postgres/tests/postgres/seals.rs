//! The audit is sealed after it has committed, and both sides are compared by the hour.

use std::sync::Arc;

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::{Context, Result, ensure};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, Clock, EventId, SeededRandom, SystemClock};
use restartix_postgres::{PgAuditLog, PgSealQueue, PgTelemetryHours, PgTelemetryQueue, PgUnits};
use restartix_telemetry::{
    Act, AnalyticsFact, AuditEvent, AuditLog, Comparison, DueHour, ExportVerifier, Fact,
    ForwardClaim, ForwardQueue, ForwardVerdict, Forwarded, FrozenBatch, Head, Hour, HourClaim,
    Kept, KeyEpoch, LineDigest, Operation, Outcome, PoisonReason, Poisoned, Publication,
    ReconcileQueue, Resource, ResourceKind, SealClaim, SealKey, SealQueue, Sealed, Tally, Unsealed,
    Whom, export_begin, export_entry, export_head, sealed_line,
};
use restartix_tenancy::{ClaimSource, Found, Principal, Role, Tenant};
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::{Access, UnitOfWork, Work};

struct Bench {
    database: TestDatabase,
    queue: PgTelemetryQueue,
    seals: PgSealQueue,
    hours: PgTelemetryHours,
    random: SeededRandom,
}

fn key() -> SealKey {
    SealKey::from_seed([9; 32])
}

impl Bench {
    async fn new() -> Result<(Self, Principal)> {
        let (database, random) = (three_clinics().await?, SeededRandom::new(1));
        for (organisation, name) in [(1, "anna"), (2, "bela")] {
            add_member(&database, organisation, name, Role::Patient, &random).await?;
        }
        let worker = database.pool("core_worker", 3)?;
        let (clock, chance) = (Arc::new(SystemClock), Arc::new(SeededRandom::new(2)));
        let queue = PgTelemetryQueue::new(worker.clone(), clock.clone(), chance.clone());
        let hours = PgTelemetryHours::new(worker.clone(), clock, chance);
        let seals = PgSealQueue::new(worker);
        let bench = Self { database, queue, seals, hours, random };
        // What the members' own lines left.
        sql(&bench.database, "TRUNCATE telemetry_events, telemetry_batches").await?;
        while !bench.unsealed().await?.is_empty() {
            bench.seal_all().await?;
        }
        sql(&bench.database, "UPDATE telemetry_hours SET state = 'agreed'").await?;
        let anna = sign_in(&bench.database, "anna").await?;
        Ok((bench, anna))
    }

    fn line(&self, at: DateTime<Utc>) -> AuditEvent {
        AuditEvent {
            id: EventId::fresh(&SystemClock, &self.random),
            occurred_at: at,
            act: Act { operation: Operation::new("appointments.read"), request: None },
            resource: Resource::many(ResourceKind::Appointment),
            patient: None,
            outcome: Outcome::Success,
        }
    }

    /// Lines of reads that happened then.
    async fn lines(
        &self,
        tenant: &Tenant,
        count: usize,
        at: DateTime<Utc>,
    ) -> Result<Vec<EventId>> {
        let log = PgAuditLog::start(self.database.pool("core_app", 1)?, Arc::new(SystemClock));
        let mut ids = Vec::new();
        for _ in 0..count {
            let line = self.line(at);
            ids.push(line.id);
            log.append(tenant, line).await?;
        }
        // Those of one millisecond are in no order but that of their ids.
        ids.sort_unstable();
        Ok(ids)
    }

    /// A change with its line and a fact, both of then.
    async fn change(&self, tenant: &Tenant, at: DateTime<Utc>) -> Result<()> {
        let units = PgUnits::new(self.database.pool("core_app", 1)?);
        let mut work = units.begin(tenant, Access::Change).await?;
        let fact = AnalyticsFact::AppointmentStarted { appointment: AppointmentId::new(102)? };
        let id = EventId::fresh(&SystemClock, &self.random);
        let fact = Fact::Analytics(fact);
        work.telemetry()
            .publish(&[Publication { id, occurred_at: at, whom: Whom::Actor, fact }])
            .await?;
        work.audit().record(self.line(at)).await?;
        Ok(work.commit().await?)
    }

    async fn unsealed(&self) -> Result<Vec<Found<Unsealed>>> {
        Ok(self.seals.claim(&SealClaim { lines: 3, since: Some(SystemClock.now()) }).await?)
    }

    /// Seals what is found, as the organisation of each tenant that knows it.
    async fn seal_all(&self) -> Result<usize> {
        let mut count = 0;
        for found in self.unsealed().await? {
            let name = if found.organisation.get() == 1 { "anna" } else { "bela" };
            let who = sign_in(&self.database, name).await?;
            let sealed = found.row.seal(who.tenant()?, &key(), now()).context("lines")?;
            ensure!(self.seals.seal(who.tenant()?, &sealed).await?, "somebody else sealed");
            count += sealed.leaves.len();
        }
        Ok(count)
    }

    async fn read<T>(
        &self,
        tenant: &Tenant,
        look: impl AsyncFnOnce(&mut dyn Work) -> Result<T>,
    ) -> Result<T> {
        let units = PgUnits::new(self.database.pool("core_worker", 1)?);
        let mut work = units.begin(tenant, Access::Read).await?;
        let seen = look(&mut *work).await?;
        work.commit().await?;
        Ok(seen)
    }

    async fn tally(&self, tenant: &Tenant, hour: Hour) -> Result<Option<Tally>> {
        self.read(tenant, async |work| Ok(work.telemetry().tally(hour).await?)).await
    }

    async fn batches(&self) -> Result<Vec<FrozenBatch>> {
        let claim = ForwardClaim {
            batches: 8,
            events: 100,
            epoch: KeyEpoch::new(3),
            now: SystemClock.now(),
            lease: TimeDelta::seconds(40),
        };
        Ok(self.queue.claim(&claim).await?.into_iter().map(|found| found.row).collect())
    }

    async fn members(&self, tenant: &Tenant, batch: &FrozenBatch) -> Result<Vec<Kept>> {
        self.read(tenant, async |work| Ok(work.telemetry().members(batch.id).await?)).await
    }

    async fn settle(&self, batch: &FrozenBatch, verdict: ForwardVerdict) -> Result<()> {
        let settled = Forwarded { batch: batch.id, lease: batch.lease, verdict };
        Ok(self.queue.settle(&[settled], SystemClock.now()).await?)
    }

    /// Sends everything that waits; answers what the other side has then.
    async fn send_all(&self, tenant: &Tenant, mut theirs: Tally) -> Result<Tally> {
        let mut batches = self.batches().await?;
        while let Some(batch) = batches.pop() {
            let mut told = Vec::new();
            for kept in self.members(tenant, &batch).await? {
                let digest = match &kept {
                    Kept::Audit(entry) => LineDigest::of(&sealed_line(tenant, entry)),
                    Kept::Told(fact) => {
                        let digest = LineDigest::of(&fact.data);
                        told.push((fact.id, digest));
                        digest
                    }
                };
                theirs = theirs.with(digest);
            }
            self.settle(&batch, ForwardVerdict::Done(told)).await?;
            if batches.is_empty() {
                batches = self.batches().await?;
            }
        }
        Ok(theirs)
    }

    async fn due(&self, now: DateTime<Utc>) -> Result<Vec<DueHour>> {
        let claim = HourClaim { hours: 8, now, lease: TimeDelta::minutes(5) };
        Ok(self.hours.claim(&claim).await?.into_iter().map(|found| found.row).collect())
    }
}

fn now() -> DateTime<Utc> {
    SystemClock.now().trunc_subsecs(6)
}

#[tokio::test]
async fn lines_are_sealed_once_in_order_and_an_export_of_them_verifies() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    let tenant = anna.tenant()?;
    let ids = bench.lines(tenant, 5, now()).await?;
    let first = bench.unsealed().await?;
    ensure!(first.len() == 1 && first[0].row.lines.len() == 3, "three of one clinic: {first:?}");
    let before = first[0].row.head;
    assert_eq!(bench.seal_all().await? + bench.seal_all().await? + bench.seal_all().await?, 5);
    // What was claimed before somebody else sealed changes nothing.
    let late = first[0].row.seal(tenant, &key(), now()).context("lines")?;
    ensure!(!bench.seals.seal(tenant, &late).await?, "sealed twice");

    let (entries, heads) = bench
        .read(tenant, async |work| {
            Ok((work.seals().sealed(0, 1000).await?, work.seals().heads(0, 1000).await?))
        })
        .await?;
    let sealed: Vec<_> = entries.iter().filter(|one| one.seq > before.seq).collect();
    let sealed: Vec<_> =
        sealed.iter().map(|one| one.entry.as_ref().map(|entry| entry.id)).collect();
    assert_eq!(sealed, ids.iter().copied().map(Some).collect::<Vec<_>>());
    let mut verifier = ExportVerifier::new(vec![key().public()]);
    verifier.line(&export_begin(tenant))?;
    let mut entries = entries.iter().peekable();
    for head in &heads {
        while let Some(entry) = entries.next_if(|entry| entry.seq <= head.head.seq) {
            verifier.line(&export_entry(tenant, entry))?;
        }
        verifier.line(&export_head(head))?;
    }
    assert_eq!(verifier.finish()?.events, before.seq + 5);
    // The other clinic sees none of it.
    let bela = sign_in(&bench.database, "bela").await?;
    let strange = bench
        .read(bela.tenant()?, async |work| Ok(work.seals().sealed(before.seq, 1000).await?))
        .await?;
    assert_eq!(strange, []);
    Ok(())
}

#[tokio::test]
async fn a_line_that_committed_late_is_sealed_behind_the_others() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    let tenant = anna.tenant()?;
    let slow = bench.line(now());
    let ids = bench.lines(tenant, 2, now()).await?;
    assert_eq!(bench.seal_all().await?, 2);
    let log = PgAuditLog::start(bench.database.pool("core_app", 1)?, Arc::new(SystemClock));
    let late = slow.id;
    ensure!(late < ids[0], "its key is older");
    log.append(tenant, slow).await?;
    let fresh = bench.seals.claim(&SealClaim { lines: 3, since: None }).await?;
    assert!(fresh.is_empty(), "its key is below what was reached");
    let found = bench.unsealed().await?;
    assert_eq!(found[0].row.lines.iter().map(|line| line.id).collect::<Vec<_>>(), [late]);
    assert_eq!(found[0].row.reach, Some(ids[1]), "what was reached stays reached");
    assert_eq!(bench.seal_all().await?, 1);
    assert!(bench.unsealed().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_sealed_cannot_be_changed_by_anybody() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    bench.lines(anna.tenant()?, 1, now()).await?;
    bench.seal_all().await?;
    for statement in [
        "UPDATE audit_leaves SET seq = seq + 1",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_leaves",
    ] {
        let refused = sql(&bench.database, statement).await.expect_err(statement);
        ensure!(format!("{refused:#}").contains("append-only"), "{refused:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_is_halved_until_the_one_event_is_left() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    let tenant = anna.tenant()?;
    let ids = bench.lines(tenant, 5, now()).await?;
    let poison = ids[3];
    let mut arrived = Vec::new();
    let mut steps = 0;
    loop {
        let batches = bench.batches().await?;
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            steps += 1;
            let members: Vec<_> =
                bench.members(tenant, &batch).await?.iter().map(Kept::id).collect();
            let verdict = match members.as_slice() {
                [only] if *only == poison => ForwardVerdict::Quarantine(vec![Poisoned {
                    event: poison,
                    reason: PoisonReason::Other,
                }]),
                some if some.contains(&poison) => ForwardVerdict::Split,
                some => {
                    arrived.extend(some.iter().copied());
                    ForwardVerdict::Done(Vec::new())
                }
            };
            bench.settle(&batch, verdict).await?;
        }
        ensure!(steps < 20, "it does not end");
    }
    arrived.sort_unstable();
    let wanted: Vec<_> = ids.iter().copied().filter(|id| *id != poison).collect();
    assert_eq!(arrived, wanted);
    let backlog = bench.queue.backlog(SystemClock.now()).await?;
    assert_eq!((backlog.events, backlog.quarantined), (0, 1));
    assert_eq!(bench.queue.requeue(PoisonReason::Schema).await?, 0);
    assert_eq!(bench.queue.requeue(PoisonReason::Other).await?, 1);
    assert_eq!(bench.queue.backlog(SystemClock.now()).await?.events, 1);
    let batches = bench.batches().await?;
    assert_eq!(bench.queue.epochs().await?, [KeyEpoch::new(3)]);
    bench.settle(&batches[0], ForwardVerdict::Done(Vec::new())).await?;
    assert_eq!(bench.queue.epochs().await?, []);
    Ok(())
}

#[tokio::test]
async fn an_hour_that_differs_is_told_again_and_then_agrees() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    let tenant = anna.tenant()?;
    let long_ago = now() - TimeDelta::days(3);
    let hour = Hour::of(long_ago);
    bench.change(tenant, long_ago).await?;
    bench.lines(tenant, 2, long_ago).await?;
    bench.seal_all().await?;
    let nothing = Tally::default();
    assert_eq!(bench.tally(tenant, hour).await?, Some(nothing), "nothing was told yet");
    let batch = bench.batches().await?;
    assert_eq!(bench.tally(tenant, hour).await?, None, "nobody knows while it is under way");
    bench.settle(&batch[0], ForwardVerdict::RetryAt(SystemClock.now())).await?;

    let theirs = bench.send_all(tenant, nothing).await?;
    assert_eq!(theirs.count, 4);
    assert_eq!(bench.tally(tenant, hour).await?, Some(theirs));
    // The hour is over, so it is due at once, to one who asks.
    let due = bench.due(SystemClock.now()).await?;
    assert_eq!(due.iter().map(|due| due.hour).collect::<Vec<_>>(), [hour]);
    assert!(bench.due(SystemClock.now()).await?.is_empty(), "leased");

    // The other side has lost it all.
    let soon = SystemClock.now();
    assert_eq!(bench.hours.conclude(tenant, &due[0], Comparison::Replay(soon)).await?, 4);
    assert_eq!(bench.tally(tenant, hour).await?, Some(nothing));
    let again = bench.send_all(tenant, nothing).await?;
    assert_eq!(again, theirs, "the same was told again");
    let due = bench.due(SystemClock.now()).await?;
    assert_eq!(due[0].replays, 1);
    bench.hours.conclude(tenant, &due[0], Comparison::Agreed).await?;
    assert!(bench.due(SystemClock.now() + TimeDelta::days(9)).await?.is_empty());

    // Something late of the same hour.
    bench.change(tenant, long_ago).await?;
    let late = bench.send_all(tenant, theirs).await?;
    bench.seal_all().await?;
    assert_eq!(bench.tally(tenant, hour).await?, Some(late));
    let due = bench.due(SystemClock.now()).await?;
    assert_eq!((due.len(), due[0].replays), (1, 0));
    let tomorrow = SystemClock.now() + TimeDelta::days(1);
    bench.hours.conclude(tenant, &due[0], Comparison::Differs(tomorrow)).await?;
    assert_eq!(bench.queue.backlog(SystemClock.now()).await?.differing, 1);
    // A lease that is over changes nothing.
    bench.hours.conclude(tenant, &due[0], Comparison::Agreed).await?;
    assert_eq!(bench.queue.backlog(SystemClock.now()).await?.differing, 1);
    Ok(())
}

#[tokio::test]
async fn a_line_of_which_the_queue_never_knew_is_told_by_its_hour() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    let tenant = anna.tenant()?;
    let long_ago = now() - TimeDelta::days(3);
    bench.lines(tenant, 2, long_ago).await?;
    sql(&bench.database, "TRUNCATE telemetry_events").await?;
    bench.seal_all().await?;
    let due = bench.due(SystemClock.now()).await?;
    assert_eq!(bench.tally(tenant, due[0].hour).await?.map(|tally| tally.count), Some(2));
    let soon = SystemClock.now();
    assert_eq!(bench.hours.conclude(tenant, &due[0], Comparison::Replay(soon)).await?, 2);
    assert_eq!(bench.send_all(tenant, Tally::default()).await?.count, 2);
    Ok(())
}

#[tokio::test]
async fn two_who_seal_at_once_give_no_place_twice() -> Result<()> {
    let (bench, anna) = Bench::new().await?;
    let tenant = anna.tenant()?;
    bench.lines(tenant, 3, now()).await?;
    let found = bench.unsealed().await?;
    let sealed = found[0].row.seal(tenant, &key(), now()).context("lines")?;
    let other = Sealed {
        head: key().sign(tenant, Head { seq: sealed.head.head.seq, chain: [7; 32] }, now()),
        ..sealed.clone()
    };
    let (one, two) =
        tokio::join!(bench.seals.seal(tenant, &sealed), bench.seals.seal(tenant, &other));
    assert_ne!(one?, two?, "one of the two");
    Ok(())
}
