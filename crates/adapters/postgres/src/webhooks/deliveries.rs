use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{
    EventId, Page, PageRequest, StoreError, WebhookDeliveryId, WebhookEndpointId,
};
use restartix_webhooks::{AttemptRecord, Deliveries, Delivery, DeliveryFilter, DeliveryStatus};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::{webhook_attempts as attempts, webhook_deliveries as deliveries};
use crate::unit::{PgWork, after};

/// Attempts that are told of one delivery.
const MOST_ATTEMPTS: i64 = 100;

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct DeliveryRow {
    id: Uuid,
    endpoint_id: Uuid,
    event_id: Uuid,
    event_type: String,
    status: String,
    attempts: i32,
    due_at: DateTime<Utc>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let bad = |_| unreadable("webhook_deliveries.status");
        Ok(Self {
            id: WebhookDeliveryId::from_uuid(row.id),
            endpoint: WebhookEndpointId::from_uuid(row.endpoint_id),
            event: EventId::from_uuid(row.event_id),
            kind: row.event_type.parse().map_err(bad)?,
            status: row.status.parse().map_err(bad)?,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            due_at: row.due_at,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = attempts)]
struct AttemptRow {
    ended_at: DateTime<Utc>,
    status: Option<i32>,
    code: Option<String>,
    duration_ms: i32,
    size: i32,
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

#[async_trait]
impl Deliveries for PgWork {
    async fn list(
        &mut self,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut query = deliveries::table.filter(deliveries::org_id.eq(self.org_id())).into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(deliveries::id.lt(id));
        }
        if let Some(endpoint) = filter.endpoint {
            query = query.filter(deliveries::endpoint_id.eq(endpoint.as_uuid()));
        }
        if let Some(status) = filter.status {
            query = query.filter(deliveries::status.eq(status.as_str()));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(deliveries::event_type.eq(kind.as_str()));
        }
        let rows: Vec<DeliveryRow> = query
            .order(deliveries::id.desc())
            .limit(page.limit.one_more())
            .select(DeliveryRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let rows: Result<Vec<Delivery>, _> = rows.into_iter().map(Delivery::try_from).collect();
        Ok(Page::of_one_more(rows?, page.limit, |delivery| delivery.id.to_string()))
    }

    async fn find(&mut self, id: WebhookDeliveryId) -> Result<Option<Delivery>, StoreError> {
        let row: Option<DeliveryRow> = deliveries::table
            .find((self.org_id(), id.as_uuid()))
            .select(DeliveryRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Delivery::try_from).transpose()
    }

    async fn attempts(&mut self, id: WebhookDeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        let mut rows: Vec<AttemptRow> = attempts::table
            .filter(attempts::org_id.eq(self.org_id()))
            .filter(attempts::delivery_id.eq(id.as_uuid()))
            .order(attempts::ended_at.desc())
            .limit(MOST_ATTEMPTS)
            .select(AttemptRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.reverse();
        rows.into_iter().map(AttemptRecord::try_from).collect()
    }

    async fn resend(
        &mut self,
        id: WebhookDeliveryId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        // One that is under way keeps its lease: its outcome is fenced, not lost.
        let rows = diesel::update(deliveries::table.find((self.org_id(), id.as_uuid())))
            .set((
                deliveries::status.eq(DeliveryStatus::Waiting.as_str()),
                deliveries::attempts.eq(0),
                deliveries::due_at.eq(now),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows > 0)
    }
}
