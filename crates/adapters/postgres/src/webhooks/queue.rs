use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use restartix_kernel::{Clock, EventId, Random, RandomExt, StoreError, WebhookEndpointId};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_webhooks::{Claim, Claimed, Due, Place, Queue, SealedSecret, Sequencer, Settled};
use uuid::Uuid;

use super::outcomes::Outcomes;
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
        BigInt, Integer, Array<SqlUuid>, Array<Text>
    )
}

/// A run: whose, where to, the URL, the secrets and the headers; its first place and the tries; and of
/// each delivery what and the bytes.
type ClaimRow = (
    i64,
    Uuid,
    String,
    Vec<i32>,
    Vec<Vec<u8>>,
    Option<i32>,
    Option<Vec<u8>>,
    i64,
    i32,
    Vec<Uuid>,
    Vec<String>,
);

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

/// Whom a run is for and what all of its deliveries need, and the deliveries.
fn claimed(row: ClaimRow, lease: EventId) -> Result<Found<Claimed>, StoreError> {
    let (
        organisation,
        endpoint,
        url,
        versions,
        secrets,
        version,
        headers,
        run,
        attempts,
        events,
        bodies,
    ) = row;
    let sealed = |(version, bytes): (i32, Vec<u8>)| SealedSecret {
        version: u32::try_from(version).unwrap_or_default(),
        bytes,
    };
    let attempts = u32::try_from(attempts).unwrap_or_default();
    let due = (0..).zip(events).zip(bodies).map(|((offset, event), body)| Due {
        place: Place { run, offset },
        event: EventId::from_uuid(event),
        attempts,
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

/// Runs of one endpoint follow one another, and are one claim.
fn together(rows: Vec<ClaimRow>, lease: EventId) -> Result<Vec<Found<Claimed>>, StoreError> {
    let mut all: Vec<Found<Claimed>> = Vec::with_capacity(rows.len());
    for row in rows {
        let found = claimed(row, lease)?;
        match all.last_mut() {
            Some(last) if last.row.endpoint == found.row.endpoint => {
                last.row.due.extend(found.row.due);
            }
            _ => all.push(found),
        }
    }
    Ok(all)
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
        together(rows, lease).map_err(failed)
    }
}

#[async_trait]
impl Queue for PgWebhookQueue {
    async fn settle(&self, outcomes: &[Settled], now: DateTime<Utc>) -> Result<usize, StoreError> {
        let outcomes = Outcomes::of(outcomes);
        let jitter = TimeDelta::milliseconds(i64::from(self.random.below(7_500)));
        let call = outcomes.call(now + PROBE + jitter, now);
        let mut connection = self.database.connection().await?;
        let held: i32 = call.get_result(&mut connection).await.map_err(store_error)?;
        Ok(usize::try_from(held).unwrap_or_default())
    }
}
