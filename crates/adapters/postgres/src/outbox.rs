//! Events on their way to those who act on them.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, Clock, EventId, Random, StoreError};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_workflows::{
    DomainEvent, EventQueue, Lease, LeaseToken, QueuedEvent, Settled, Settlement,
};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::insert::insert_rows;
use crate::schema::outbox;
use crate::transaction::TenantTx;

/// Queues what has a topic, by one statement, in a transaction that is open.
pub(crate) async fn queue(mut tx: &TenantTx, events: &[DomainEvent]) -> Result<(), StoreError> {
    let org_id = tx.organisation().get();
    let row = |event: &DomainEvent| {
        let (topic, appointment, version) = event.what.queued()?;
        Some((
            outbox::org_id.eq(org_id),
            outbox::topic.eq(topic.as_str()),
            outbox::id.eq(event.id.as_uuid()),
            outbox::kind.eq(event.what.name()),
            outbox::appointment_id.eq(appointment.get()),
            outbox::version.eq(version.get()),
            outbox::occurred_at.eq(event.occurred_at),
            outbox::due_at.eq(event.occurred_at),
        ))
    };
    insert_rows!(tx, outbox::table, events.iter().filter_map(row)).map_err(store_error)?;
    Ok(())
}

definer_call! {
    /// A batch of due events of one topic.
    ClaimOutbox<'a> {
        topic: &'a str => Text,
        limit: i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        lease: &'a Uuid => SqlUuid,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_outbox" -> (BigInt, SqlUuid, BigInt, Integer)
}

definer_call! {
    /// Records what became of claimed events.
    SettleOutbox<'a> {
        ids: &'a [Uuid] => Array<SqlUuid>,
        leases: &'a [Uuid] => Array<SqlUuid>,
        retry_at: &'a [Option<DateTime<Utc>>] => Array<Nullable<Timestamptz>>,
    } = "settle_outbox" -> Text
}

/// The queues of events in PostgreSQL.
#[derive(Clone)]
pub struct PgEventQueue {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl PgEventQueue {
    /// The queues kept in `database`, as the role that runs workers.
    pub fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random }
    }
}

fn queued(
    (organisation, id, appointment, attempts): (i64, Uuid, i64, i32),
    lease: LeaseToken,
) -> Result<Found<QueuedEvent>, StoreError> {
    Ok(Found {
        organisation: OrgId::new(organisation).map_err(|_| unreadable("outbox.org_id"))?,
        actor: Actor::System,
        row: QueuedEvent {
            id: EventId::from_uuid(id),
            appointment: AppointmentId::new(appointment)
                .map_err(|_| unreadable("outbox.appointment_id"))?,
            attempts: u32::try_from(attempts).unwrap_or_default(),
            lease,
        },
    })
}

#[async_trait]
impl ClaimSource for PgEventQueue {
    type Key = Lease;
    type Row = QueuedEvent;

    async fn claim(&self, key: &Lease) -> Result<Vec<Found<QueuedEvent>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let lease = LeaseToken(EventId::fresh(&*self.clock, &*self.random));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ClaimOutbox {
            topic: key.topic.as_str(),
            limit: i32::from(key.limit),
            now: key.now,
            lease: &lease.0.as_uuid(),
            until: key.now + key.length,
        };
        let rows: Vec<(i64, Uuid, i64, i32)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter().map(|row| queued(row, lease)).collect::<Result<_, _>>().map_err(failed)
    }
}

#[async_trait]
impl EventQueue for PgEventQueue {
    async fn settle(&self, outcomes: &[Settled]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = outcomes.iter().map(|settled| settled.event.as_uuid()).collect();
        let leases: Vec<Uuid> = outcomes.iter().map(|settled| settled.lease.0.as_uuid()).collect();
        let retry_at: Vec<_> = outcomes
            .iter()
            .map(|settled| match settled.settlement {
                Settlement::Done => None,
                Settlement::RetryAt(instant) => Some(instant),
            })
            .collect();
        let mut connection = self.database.connection().await?;
        let call = SettleOutbox { ids: &ids, leases: &leases, retry_at: &retry_at };
        call.execute(&mut connection).await.map_err(store_error)?;
        Ok(())
    }
}
