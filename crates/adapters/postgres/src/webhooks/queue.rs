use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use restartix_kernel::{Clock, EventId, Random, RandomExt, StoreError, WebhookEndpointId};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_webhooks::{Claim, Claimed, Due, Queue, SealedSecret, Sequencer, Settled, Verdict};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// Gives the events that wait their places; how many.
    SequenceWebhooks<'a> {
        limit: i32 => Integer,
        now: &'a DateTime<Utc> => Timestamptz,
    } = "sequence_webhooks" -> Integer
}

definer_call! {
    /// A batch of deliveries that are due.
    ClaimWebhooks<'a> {
        limit: i32 => Integer,
        per_endpoint: i32 => Integer,
        per_organisation: i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        lease: &'a Uuid => SqlUuid,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_webhooks" -> (
        BigInt, SqlUuid, Text, Array<Integer>, Array<Binary>, Nullable<Integer>, Nullable<Binary>,
        Array<SqlUuid>, Array<Integer>, Array<Text>
    )
}

/// Whose, where to, the URL, the secrets and the headers; and of each delivery what, tries and bytes.
type ClaimRow = (
    i64,
    Uuid,
    String,
    Vec<i32>,
    Vec<Vec<u8>>,
    Option<i32>,
    Option<Vec<u8>>,
    Vec<Uuid>,
    Vec<i32>,
    Vec<String>,
);

definer_call! {
    /// Records what became of claimed deliveries.
    SettleWebhooks<'a> {
        organisations: &'a [i64] => Array<BigInt>,
        endpoints: &'a [Uuid] => Array<SqlUuid>,
        leases: &'a [Uuid] => Array<SqlUuid>,
        firsts: &'a [i32] => Array<Integer>,
        lasts: &'a [i32] => Array<Integer>,
        numbers: &'a [i32] => Array<Integer>,
        verdicts: &'a [&'static str] => Array<Text>,
        retry_at: &'a [Option<DateTime<Utc>>] => Array<Nullable<Timestamptz>>,
        pause_until: &'a [Option<DateTime<Utc>>] => Array<Nullable<Timestamptz>>,
        statuses: &'a [Option<i32>] => Array<Nullable<Integer>>,
        codes: &'a [Option<&'static str>] => Array<Nullable<Text>>,
        durations: &'a [i32] => Array<Integer>,
        sizes: &'a [i32] => Array<Integer>,
        probe_at: DateTime<Utc> => Timestamptz,
        now: DateTime<Utc> => Timestamptz,
    } = "settle_webhooks" -> Integer
}

/// The queue of webhooks in PostgreSQL.
#[derive(Clone)]
pub struct PgWebhookQueue {
    pub(super) database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// How long an endpoint that has been failing is left alone between two probes; up to half as much
/// again is added. Short, because what waits must arrive within a minute of the receiver's return.
const PROBE: TimeDelta = TimeDelta::seconds(15);

impl PgWebhookQueue {
    /// The queue kept in `database`, as the role that runs workers.
    pub fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random }
    }
}

#[async_trait]
impl Sequencer for PgWebhookQueue {
    async fn sequence(&self, limit: u16, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = SequenceWebhooks { limit: i32::from(limit), now: &now };
        let done: i32 = call.get_result(&mut connection).await.map_err(store_error)?;
        Ok(usize::try_from(done).unwrap_or_default())
    }
}

fn claimed(row: ClaimRow, lease: EventId) -> Result<Found<Claimed>, StoreError> {
    let (
        organisation,
        endpoint,
        url,
        versions,
        secrets,
        version,
        headers,
        events,
        attempts,
        bodies,
    ) = row;
    let sealed = |(version, bytes): (i32, Vec<u8>)| SealedSecret {
        version: u32::try_from(version).unwrap_or_default(),
        bytes,
    };
    let due = (1..).zip(events).zip(attempts).zip(bodies);
    let due = due.map(|(((number, event), attempts), body)| Due {
        number,
        event: EventId::from_uuid(event),
        attempts: u32::try_from(attempts).unwrap_or_default(),
        body,
    });
    Ok(Found {
        organisation: OrgId::new(organisation)
            .map_err(|_| unreadable("webhook_deliveries.org_id"))?,
        actor: Actor::System,
        row: Claimed {
            lease,
            endpoint: WebhookEndpointId::from_uuid(endpoint),
            url,
            secrets: versions.into_iter().zip(secrets).map(sealed).collect(),
            headers: version.zip(headers).map(sealed),
            due: due.collect(),
        },
    })
}

#[async_trait]
impl ClaimSource for PgWebhookQueue {
    type Key = Claim;
    type Row = Claimed;

    async fn claim(&self, key: &Claim) -> Result<Vec<Found<Claimed>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let lease = EventId::fresh(&*self.clock, &*self.random);
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ClaimWebhooks {
            limit: i32::from(key.limit),
            per_endpoint: i32::from(key.per_endpoint),
            per_organisation: i32::from(key.per_organisation),
            now: key.now,
            lease: &lease.as_uuid(),
            until: key.now + key.lease,
        };
        let rows: Vec<ClaimRow> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter().map(|row| claimed(row, lease).map_err(failed)).collect()
    }
}

/// An outcome as columns: its word, when it is tried again, and why it does not count.
fn columns(settled: &Settled) -> (&'static str, Option<DateTime<Utc>>, Option<&'static str>) {
    match settled.verdict {
        Verdict::Delivered => ("delivered", None, None),
        Verdict::RetryAt(at, code) => ("retry", Some(at), Some(code.as_str())),
        Verdict::GivenUp(code) => ("failed", None, Some(code.as_str())),
        Verdict::Gone => ("gone", None, Some("gone")),
    }
}

#[async_trait]
impl Queue for PgWebhookQueue {
    async fn settle(&self, outcomes: &[Settled], now: DateTime<Utc>) -> Result<usize, StoreError> {
        let whole = |number: u128| i32::try_from(number).unwrap_or(i32::MAX);
        let together =
            |one: &Settled| (one.organisation.get(), one.endpoint.as_uuid(), one.lease.as_uuid());
        let mut outcomes: Vec<_> = outcomes.iter().collect();
        outcomes.sort_by_key(|one| together(one));
        let (mut organisations, mut endpoints, mut leases) = (Vec::new(), Vec::new(), Vec::new());
        let (mut firsts, mut lasts, mut last) = (Vec::new(), Vec::new(), 0);
        for claim in outcomes.chunk_by(|one, next| together(one) == together(next)) {
            let Some((organisation, endpoint, lease)) = claim.first().copied().map(together) else {
                continue;
            };
            organisations.push(organisation);
            endpoints.push(endpoint);
            leases.push(lease);
            firsts.push(last + 1);
            last += i32::try_from(claim.len()).unwrap_or(i32::MAX);
            lasts.push(last);
        }
        let numbers: Vec<_> = outcomes.iter().map(|one| i32::from(one.number)).collect();
        let told: Vec<_> = outcomes.iter().copied().map(columns).collect();
        let verdicts: Vec<_> = told.iter().map(|(verdict, _, _)| *verdict).collect();
        let retry_at: Vec<_> = told.iter().map(|(_, retry_at, _)| *retry_at).collect();
        let codes: Vec<_> = told.iter().map(|(_, _, code)| *code).collect();
        let pause_until: Vec<_> = outcomes.iter().map(|one| one.pause_until).collect();
        let statuses: Vec<_> =
            outcomes.iter().map(|one| one.attempt.outcome.ok().map(i32::from)).collect();
        let durations: Vec<_> =
            outcomes.iter().map(|one| whole(one.attempt.duration.as_millis())).collect();
        let sizes: Vec<_> = outcomes
            .iter()
            .map(|one| i32::try_from(one.attempt.size).unwrap_or(i32::MAX))
            .collect();
        let jitter = i64::from(self.random.below(7_500));
        let call = SettleWebhooks {
            organisations: &organisations,
            endpoints: &endpoints,
            leases: &leases,
            firsts: &firsts,
            lasts: &lasts,
            numbers: &numbers,
            verdicts: &verdicts,
            retry_at: &retry_at,
            pause_until: &pause_until,
            statuses: &statuses,
            codes: &codes,
            durations: &durations,
            sizes: &sizes,
            probe_at: now + PROBE + TimeDelta::milliseconds(jitter),
            now,
        };
        let mut connection = self.database.connection().await?;
        let held: i32 = call.get_result(&mut connection).await.map_err(store_error)?;
        Ok(usize::try_from(held).unwrap_or_default())
    }
}
