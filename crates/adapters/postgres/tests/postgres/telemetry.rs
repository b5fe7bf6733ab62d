//! What waits for the Telemetry service: from the line of the audit to the batch that is gone.

use std::sync::Arc;

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, Clock, EventId, SeededRandom, SystemClock};
use restartix_postgres::{PgAuditLog, PgTelemetryQueue, PgUnits};
use restartix_telemetry::{
    Act, AnalyticsFact, AuditEvent, AuditLog, BatchId, EventKind, Fact, ForwardClaim, ForwardQueue,
    ForwardVerdict, Forwarded, FrozenBatch, Kept, KeyEpoch, Operation, Outcome, PoisonReason,
    Poisoned, Publication, Resource, ResourceKind, Subject, Whom,
};
use restartix_tenancy::{ClaimSource, Found, Role, Tenant};
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::{Access, UnitOfWork};

struct Bench {
    database: TestDatabase,
    queue: PgTelemetryQueue,
    random: SeededRandom,
}

impl Bench {
    async fn new() -> Result<Self> {
        let (database, random) = (three_clinics().await?, SeededRandom::new(1));
        for (organisation, name) in [(1, "anna"), (2, "bela")] {
            add_member(&database, organisation, name, Role::Patient, &random).await?;
        }
        let worker = database.pool("core_worker", 2)?;
        let chance = Arc::new(SeededRandom::new(2));
        let queue = PgTelemetryQueue::new(worker, Arc::new(SystemClock), chance);
        sql(&database, "TRUNCATE telemetry_events, telemetry_batches").await?;
        Ok(Self { database, queue, random })
    }

    fn line(&self) -> AuditEvent {
        AuditEvent {
            id: EventId::fresh(&SystemClock, &self.random),
            occurred_at: SystemClock.now(),
            act: Act { operation: Operation::new("appointments.read"), request: None },
            resource: Resource::many(ResourceKind::Appointment),
            patient: None,
            outcome: Outcome::Success,
        }
    }

    /// A change with its line and a fact.
    async fn change(&self, tenant: &Tenant, commit: bool) -> Result<[EventId; 2]> {
        let units = PgUnits::new(self.database.pool("core_app", 1)?);
        let mut work = units.begin(tenant, Access::Change).await?;
        let line = self.line();
        let fact = AnalyticsFact::AppointmentStarted { appointment: AppointmentId::new(102)? };
        let told = Publication {
            id: EventId::fresh(&SystemClock, &self.random),
            occurred_at: line.occurred_at,
            whom: Whom::Actor,
            fact: Fact::Analytics(fact),
        };
        let ids = [line.id, told.id];
        work.audit().record(line).await?;
        work.telemetry().publish(&[told]).await?;
        if commit {
            work.commit().await?;
        } else {
            work.roll_back().await?;
        }
        Ok(ids)
    }

    async fn claim(&self, events: u16, now: DateTime<Utc>) -> Result<Vec<Found<FrozenBatch>>> {
        let lease = TimeDelta::seconds(40);
        let epoch = KeyEpoch::new(3);
        Ok(self.queue.claim(&ForwardClaim { batches: 8, events, epoch, now, lease }).await?)
    }

    async fn members(&self, tenant: &Tenant, batch: BatchId) -> Result<Vec<Kept>> {
        let units = PgUnits::new(self.database.pool("core_worker", 1)?);
        let mut work = units.begin(tenant, Access::Read).await?;
        let members = work.telemetry().members(batch).await?;
        work.commit().await?;
        Ok(members)
    }

    async fn settle(&self, batch: &FrozenBatch, verdict: ForwardVerdict) -> Result<()> {
        let settled = Forwarded { batch: batch.id, lease: batch.lease, verdict };
        Ok(self.queue.settle(&[settled], SystemClock.now()).await?)
    }

    async fn waiting(&self) -> Result<(u64, u64)> {
        let backlog = self.queue.backlog(SystemClock.now()).await?;
        assert_eq!(backlog.since.is_some(), backlog.events > 0);
        Ok((backlog.events, backlog.quarantined))
    }
}

fn ids(members: &[Kept]) -> Vec<EventId> {
    members.iter().map(Kept::id).collect()
}

fn only(found: Vec<Found<FrozenBatch>>) -> Result<FrozenBatch> {
    assert_eq!(found.len(), 1);
    Ok(found.into_iter().next().context("a batch")?.row)
}

#[tokio::test]
async fn what_commits_waits_and_what_does_not_commit_never_did() -> Result<()> {
    let bench = Bench::new().await?;
    let anna = sign_in(&bench.database, "anna").await?;
    let tenant = anna.tenant()?;
    bench.change(tenant, false).await?;
    assert_eq!(bench.waiting().await?, (0, 0));
    let expected = bench.change(tenant, true).await?;
    let log = PgAuditLog::start(bench.database.pool("core_app", 1)?, Arc::new(SystemClock));
    let read = bench.line();
    let read_id = read.id;
    log.append(tenant, read).await?;
    assert_eq!(bench.waiting().await?, (3, 0));

    let batch = only(bench.claim(500, SystemClock.now()).await?)?;
    assert_eq!((batch.epoch, batch.attempts), (KeyEpoch::new(3), 0));
    let members = bench.members(tenant, batch.id).await?;
    let mut told = ids(&members);
    told.sort();
    let mut expected = vec![expected[0], expected[1], read_id];
    expected.sort();
    assert_eq!(told, expected);
    let person = tenant.person().context("a person")?;
    for member in &members {
        match member {
            Kept::Audit(entry) => assert_eq!(entry.operation, "appointments.read"),
            Kept::Told(told) => {
                assert_eq!(told.kind, EventKind::Analytics);
                assert_eq!(told.event_type, "appointment.started");
                assert_eq!(told.subject, Some(Subject::Patient(person)));
                assert_eq!(told.data, r#"{"appointment_id":102}"#);
            }
        }
    }
    let bela = sign_in(&bench.database, "bela").await?;
    assert!(bench.members(bela.tenant()?, batch.id).await?.is_empty(), "another organisation's");
    bench.settle(&batch, ForwardVerdict::Done(Vec::new())).await?;
    assert_eq!(bench.waiting().await?, (0, 0));
    assert!(bench.claim(500, SystemClock.now()).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_batch_stays_the_same_however_often_it_is_claimed() -> Result<()> {
    let bench = Bench::new().await?;
    let anna = sign_in(&bench.database, "anna").await?;
    let tenant = anna.tenant()?;
    bench.change(tenant, true).await?;
    let now = SystemClock.now();
    let first = only(bench.claim(500, now).await?)?;
    let members = ids(&bench.members(tenant, first.id).await?);
    // The process is killed here; what comes meanwhile goes into another batch.
    bench.change(tenant, true).await?;
    let second = only(bench.claim(500, now).await?)?;
    assert_ne!(second.id, first.id);
    bench.settle(&second, ForwardVerdict::Done(Vec::new())).await?;
    let later = now + TimeDelta::seconds(41);
    let again = only(bench.claim(500, later).await?)?;
    assert_eq!((again.id, again.attempts), (first.id, 1));
    assert_eq!(ids(&bench.members(tenant, again.id).await?), members);
    // Who comes back after its lease says nothing any more.
    bench.settle(&first, ForwardVerdict::Done(Vec::new())).await?;
    assert_eq!(bench.waiting().await?, (2, 0));
    bench.settle(&again, ForwardVerdict::RetryAt(later + TimeDelta::seconds(5))).await?;
    assert!(bench.claim(500, later + TimeDelta::seconds(4)).await?.is_empty());
    let third = only(bench.claim(500, later + TimeDelta::seconds(6)).await?)?;
    assert_eq!(third.id, first.id);
    bench.settle(&third, ForwardVerdict::Done(Vec::new())).await?;
    assert_eq!(bench.waiting().await?, (0, 0));
    Ok(())
}

#[tokio::test]
async fn poison_is_put_aside_and_the_rest_goes_into_another_batch() -> Result<()> {
    let bench = Bench::new().await?;
    let anna = sign_in(&bench.database, "anna").await?;
    let tenant = anna.tenant()?;
    bench.change(tenant, true).await?;
    let batch = only(bench.claim(500, SystemClock.now()).await?)?;
    let members = ids(&bench.members(tenant, batch.id).await?);
    let poison = Poisoned { event: members[0], reason: PoisonReason::Schema };
    bench.settle(&batch, ForwardVerdict::Quarantine(vec![poison])).await?;
    assert_eq!(bench.waiting().await?, (1, 1));
    let rest = only(bench.claim(500, SystemClock.now()).await?)?;
    assert_ne!(rest.id, batch.id);
    assert_eq!(ids(&bench.members(tenant, rest.id).await?), members[1..]);
    bench.settle(&rest, ForwardVerdict::Done(Vec::new())).await?;
    assert_eq!(bench.waiting().await?, (0, 1));
    sql(
        &bench.database,
        "SELECT 1 / (count(*) = 1)::int FROM telemetry_events WHERE reason = 'schema'",
    )
    .await
}

#[tokio::test]
async fn a_batch_is_of_one_organisation_and_an_outage_freezes_few() -> Result<()> {
    let bench = Bench::new().await?;
    let (anna, bela) =
        (sign_in(&bench.database, "anna").await?, sign_in(&bench.database, "bela").await?);
    for _ in 0..4 {
        bench.change(anna.tenant()?, true).await?;
    }
    bench.change(bela.tenant()?, true).await?;
    let now = SystemClock.now();
    let mut of = [0, 0];
    for _ in 0..8 {
        for found in bench.claim(1, now).await? {
            match found.organisation.get() {
                1 => of[0] += 1,
                _ => of[1] += 1,
            }
        }
    }
    assert_eq!(of, [4, 2], "an organisation has four batches at once");
    assert_eq!(bench.waiting().await?, (10, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forwarders_side_by_side_share_nothing_and_miss_nothing() -> Result<()> {
    let bench = Arc::new(Bench::new().await?);
    let anna = sign_in(&bench.database, "anna").await?;
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.extend(bench.change(anna.tenant()?, true).await?);
    }
    let now = SystemClock.now();
    let forwarders: Vec<_> = (0..4)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move {
                let anna = sign_in(&bench.database, "anna").await?;
                let mut sent = Vec::new();
                for _ in 0..40 {
                    for found in bench.claim(3, now).await? {
                        sent.extend(ids(&bench.members(anna.tenant()?, found.row.id).await?));
                        bench.settle(&found.row, ForwardVerdict::Done(Vec::new())).await?;
                    }
                }
                anyhow::Ok(sent)
            })
        })
        .collect();
    let mut sent = Vec::new();
    for forwarder in forwarders {
        sent.extend(forwarder.await??);
    }
    sent.sort();
    expected.sort();
    assert_eq!(sent, expected);
    assert_eq!(bench.waiting().await?, (0, 0));
    Ok(())
}
