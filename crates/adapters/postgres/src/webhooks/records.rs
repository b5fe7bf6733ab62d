//! What waits and what is over, as rows, and how a delivery and its attempts are read from them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use restartix_kernel::{EventId, StoreError, WebhookDeliveryId, WebhookEndpointId};
use restartix_webhooks::{AttemptRecord, Delivery, DeliveryStatus};
use uuid::Uuid;

use crate::error::unreadable;
use crate::schema::webhook_attempts as attempts;

/// One that waits or is under way.
#[derive(Queryable)]
pub(super) struct WaitingRow {
    pub(super) id: Uuid,
    endpoint_id: Uuid,
    event_id: Uuid,
    event_type: String,
    attempts: i32,
    due_at: DateTime<Utc>,
}

impl TryFrom<WaitingRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: WaitingRow) -> Result<Self, StoreError> {
        let bad = |_| unreadable("webhook_events.type");
        Ok(Self {
            id: WebhookDeliveryId::from_uuid(row.id),
            endpoint: WebhookEndpointId::from_uuid(row.endpoint_id),
            event: EventId::from_uuid(row.event_id),
            kind: row.event_type.parse().map_err(bad)?,
            status: DeliveryStatus::Waiting,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            at: row.due_at,
        })
    }
}

/// One that is over, with the attempt that ended it.
#[derive(Queryable)]
pub(super) struct OverRow {
    pub(super) id: Uuid,
    pub(super) kept_at: DateTime<Utc>,
    pub(super) endpoint_id: Uuid,
    pub(super) seq: i64,
    event_id: Uuid,
    pub(super) event_type: String,
    outcome: String,
    attempts: i32,
    ended_at: DateTime<Utc>,
    status: Option<i32>,
    code: Option<String>,
    duration_ms: i32,
    size: i32,
}

impl TryFrom<OverRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: OverRow) -> Result<Self, StoreError> {
        let bad = |_| unreadable("webhook_deliveries.outcome");
        Ok(Self {
            id: WebhookDeliveryId::from_uuid(row.id),
            endpoint: WebhookEndpointId::from_uuid(row.endpoint_id),
            event: EventId::from_uuid(row.event_id),
            kind: row.event_type.parse().map_err(bad)?,
            status: row.outcome.parse().map_err(bad)?,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            at: row.ended_at,
        })
    }
}

/// One attempt.
#[derive(Queryable, Selectable)]
#[diesel(table_name = attempts)]
pub(super) struct AttemptRow {
    ended_at: DateTime<Utc>,
    status: Option<i32>,
    code: Option<String>,
    duration_ms: i32,
    size: i32,
}

/// The attempt that ended a delivery.
impl From<OverRow> for AttemptRow {
    fn from(row: OverRow) -> Self {
        Self {
            ended_at: row.ended_at,
            status: row.status,
            code: row.code,
            duration_ms: row.duration_ms,
            size: row.size,
        }
    }
}

impl TryFrom<AttemptRow> for AttemptRecord {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let code = row.code.map(|code| code.parse()).transpose();
        Ok(Self {
            at: row.ended_at,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            code: code.map_err(|_| unreadable("webhook_attempts.code"))?,
            duration_ms: u32::try_from(row.duration_ms).unwrap_or_default(),
            size: u32::try_from(row.size).unwrap_or_default(),
        })
    }
}
