use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use restartix_kernel::{Clock, EventId, Random, StoreError};
use restartix_telemetry::{
    Backlog, BatchId, ForwardClaim, ForwardQueue, ForwardVerdict, Forwarded, FrozenBatch, KeyEpoch,
    PoisonReason,
};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// Freezes what waits, and leases what is due.
    ClaimTelemetry<'a> {
        batches: i32 => Integer,
        events: i32 => Integer,
        epoch: i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        lease: &'a Uuid => SqlUuid,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_telemetry" -> (BigInt, SqlUuid, Integer, Integer)
}

definer_call! {
    /// Records what became of claimed batches.
    SettleTelemetry<'a> {
        ids: &'a [Uuid] => Array<SqlUuid>,
        leases: &'a [Uuid] => Array<SqlUuid>,
        verdicts: &'a [&'static str] => Array<Text>,
        retry_at: &'a [Option<DateTime<Utc>>] => Array<Nullable<Timestamptz>>,
        poison_ids: &'a [Uuid] => Array<SqlUuid>,
        poison_batches: &'a [Uuid] => Array<SqlUuid>,
        poison_reasons: &'a [&'static str] => Array<Text>,
        told_ids: &'a [Uuid] => Array<SqlUuid>,
        told_batches: &'a [Uuid] => Array<SqlUuid>,
        told_digests: &'a [Vec<u8>] => Array<Binary>,
        now: DateTime<Utc> => Timestamptz,
    } = "settle_telemetry" -> Text
}

definer_call! {
    /// What waits.
    TelemetryBacklog<'a> {
        now: &'a DateTime<Utc> => Timestamptz,
    } = "telemetry_backlog" -> (BigInt, Nullable<Timestamptz>, BigInt, BigInt)
}

definer_call! {
    /// Lets what was put aside wait again.
    RequeueTelemetry<'a> {
        reason: &'a str => Text,
    } = "requeue_telemetry" -> BigInt
}

definer_call! {
    /// The epochs of frozen batches, but for none below this one.
    TelemetryEpochs<'a> {
        least: &'a i32 => Integer,
    } = "telemetry_epochs" -> Integer
}

/// What waits for the Telemetry service, in PostgreSQL.
#[derive(Clone)]
pub struct PgTelemetryQueue {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl PgTelemetryQueue {
    /// The queue kept in `database`, as the role that runs workers.
    pub fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random }
    }
}

fn claimed(
    (organisation, id, epoch, attempts): (i64, Uuid, i32, i32),
    lease: EventId,
) -> Result<Found<FrozenBatch>, StoreError> {
    Ok(Found {
        organisation: OrgId::new(organisation)
            .map_err(|_| unreadable("telemetry_batches.org_id"))?,
        actor: Actor::System,
        row: FrozenBatch {
            id: BatchId(EventId::from_uuid(id)),
            epoch: KeyEpoch::new(
                u32::try_from(epoch).map_err(|_| unreadable("telemetry_batches.key_epoch"))?,
            ),
            attempts: u32::try_from(attempts).unwrap_or_default(),
            lease,
        },
    })
}

#[async_trait]
impl ClaimSource for PgTelemetryQueue {
    type Key = ForwardClaim;
    type Row = FrozenBatch;

    async fn claim(&self, key: &ForwardClaim) -> Result<Vec<Found<FrozenBatch>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let lease = EventId::fresh(&*self.clock, &*self.random);
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ClaimTelemetry {
            batches: i32::from(key.batches),
            events: i32::from(key.events),
            epoch: i32::try_from(key.epoch.get()).unwrap_or(i32::MAX),
            now: key.now,
            lease: &lease.as_uuid(),
            until: key.now + key.lease,
        };
        let rows: Vec<(i64, Uuid, i32, i32)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter().map(|row| claimed(row, lease)).collect::<Result<_, _>>().map_err(failed)
    }
}

/// An outcome as columns: its word, and when it is tried again.
const fn columns(verdict: &ForwardVerdict) -> (&'static str, Option<DateTime<Utc>>) {
    match verdict {
        ForwardVerdict::Done(_) => ("done", None),
        ForwardVerdict::Split => ("split", None),
        ForwardVerdict::RetryAt(at) => ("retry", Some(*at)),
        ForwardVerdict::Quarantine(_) => ("quarantine", None),
    }
}

/// A number that is never negative.
fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[async_trait]
impl ForwardQueue for PgTelemetryQueue {
    async fn settle(&self, outcomes: &[Forwarded], now: DateTime<Utc>) -> Result<(), StoreError> {
        let ids: Vec<_> = outcomes.iter().map(|one| one.batch.0.as_uuid()).collect();
        let leases: Vec<_> = outcomes.iter().map(|one| one.lease.as_uuid()).collect();
        let (verdicts, retry_at): (Vec<_>, Vec<_>) =
            outcomes.iter().map(|one| columns(&one.verdict)).unzip();
        let (mut poison_ids, mut poison_batches, mut poison_reasons) = (vec![], vec![], vec![]);
        let (mut told_ids, mut told_batches, mut told_digests) = (vec![], vec![], vec![]);
        for one in outcomes {
            let batch = one.batch.0.as_uuid();
            match &one.verdict {
                ForwardVerdict::Quarantine(named) => {
                    for poisoned in named {
                        poison_ids.push(poisoned.event.as_uuid());
                        poison_batches.push(batch);
                        poison_reasons.push(poisoned.reason.as_str());
                    }
                }
                ForwardVerdict::Done(told) => {
                    for (event, digest) in told {
                        told_ids.push(event.as_uuid());
                        told_batches.push(batch);
                        told_digests.push(digest.as_bytes().to_vec());
                    }
                }
                ForwardVerdict::RetryAt(_) | ForwardVerdict::Split => {}
            }
        }
        let call = SettleTelemetry {
            ids: &ids,
            leases: &leases,
            verdicts: &verdicts,
            retry_at: &retry_at,
            poison_ids: &poison_ids,
            poison_batches: &poison_batches,
            poison_reasons: &poison_reasons,
            told_ids: &told_ids,
            told_batches: &told_batches,
            told_digests: &told_digests,
            now,
        };
        let mut connection = self.database.connection().await?;
        call.execute(&mut connection).await.map_err(store_error)?;
        Ok(())
    }

    async fn backlog(&self, now: DateTime<Utc>) -> Result<Backlog, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = TelemetryBacklog { now: &now };
        let (events, since, quarantined, differing): (i64, Option<DateTime<Utc>>, i64, i64) =
            call.get_result(&mut connection).await.map_err(store_error)?;
        let [events, quarantined, differing] = [events, quarantined, differing].map(count);
        Ok(Backlog { events, since, quarantined, differing })
    }

    async fn requeue(&self, reason: PoisonReason) -> Result<u64, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = RequeueTelemetry { reason: reason.as_str() };
        Ok(count(call.get_result(&mut connection).await.map_err(store_error)?))
    }

    async fn epochs(&self) -> Result<Vec<KeyEpoch>, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = TelemetryEpochs { least: &0 };
        let epochs: Vec<i32> = call.load(&mut connection).await.map_err(store_error)?;
        Ok(epochs
            .into_iter()
            .filter_map(|epoch| Some(KeyEpoch::new(epoch.try_into().ok()?)))
            .collect())
    }
}
