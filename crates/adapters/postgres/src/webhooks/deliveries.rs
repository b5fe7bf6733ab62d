use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{Page, PageRequest, StoreError, WebhookDeliveryId};
use restartix_webhooks::{AttemptRecord, Deliveries, Delivery, DeliveryFilter, DeliveryStatus};
use uuid::Uuid;

use super::records::{AttemptRow, OverRow, WaitingRow};
use crate::error::store_error;
use crate::schema::{
    webhook_attempts as attempts, webhook_deliveries as over, webhook_queue as queue,
};
use crate::unit::{PgWork, after};

/// Attempts that are told of one delivery.
const MOST_ATTEMPTS: i64 = 100;

impl PgWork {
    async fn over(&mut self, id: WebhookDeliveryId) -> Result<Option<OverRow>, StoreError> {
        over::table
            .filter(over::org_id.eq(self.org_id()))
            .filter(over::id.eq(id.as_uuid()))
            .select(OverRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)
    }

    async fn waiting(
        &mut self,
        filter: &DeliveryFilter,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        let mut query = queue::table.filter(queue::org_id.eq(self.org_id())).into_boxed();
        if let Some(id) = before {
            query = query.filter(queue::id.lt(id));
        }
        if let Some(endpoint) = filter.endpoint {
            query = query.filter(queue::endpoint_id.eq(endpoint.as_uuid()));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(queue::event_type.eq(kind.as_str()));
        }
        if let Some(since) = filter.since {
            query = query.filter(queue::kept_at.ge(since));
        }
        if let Some(before) = filter.before {
            query = query.filter(queue::kept_at.lt(before));
        }
        query
            .order(queue::id.desc())
            .limit(limit)
            .select(WaitingRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)
    }

    async fn ended(
        &mut self,
        filter: &DeliveryFilter,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<OverRow>, StoreError> {
        let mut query = over::table.filter(over::org_id.eq(self.org_id())).into_boxed();
        if let Some(id) = before {
            query = query.filter(over::id.lt(id));
        }
        if let Some(endpoint) = filter.endpoint {
            query = query.filter(over::endpoint_id.eq(endpoint.as_uuid()));
        }
        if let Some(status) = filter.status {
            query = query.filter(over::outcome.eq(status.as_str()));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(over::event_type.eq(kind.as_str()));
        }
        if let Some(since) = filter.since {
            query = query.filter(over::kept_at.ge(since));
        }
        if let Some(before) = filter.before {
            query = query.filter(over::kept_at.lt(before));
        }
        query
            .order(over::id.desc())
            .limit(limit)
            .select(OverRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)
    }
}

#[async_trait]
impl Deliveries for PgWork {
    async fn list(
        &mut self,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let (before, limit) = (after::<Uuid>(page)?, page.limit.one_more());
        let waits = filter.status.is_none_or(|status| status == DeliveryStatus::Waiting);
        let ended = filter.status != Some(DeliveryStatus::Waiting);
        let waiting = if waits { self.waiting(filter, before, limit).await? } else { Vec::new() };
        let over = if ended { self.ended(filter, before, limit).await? } else { Vec::new() };
        let waiting = waiting.into_iter().map(Delivery::try_from);
        let all: Result<Vec<Delivery>, _> =
            waiting.chain(over.into_iter().map(Delivery::try_from)).collect();
        let mut all = all?;
        // Each half is in order and long enough: so is the head of both together.
        all.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
        all.dedup_by_key(|delivery| delivery.id);
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Page::of_one_more(all, page.limit, |delivery| delivery.id.to_string()))
    }

    async fn find(&mut self, id: WebhookDeliveryId) -> Result<Option<Delivery>, StoreError> {
        let waiting: Option<WaitingRow> = queue::table
            .find((self.org_id(), id.as_uuid()))
            .select(WaitingRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        match waiting {
            Some(row) => Delivery::try_from(row).map(Some),
            None => self.over(id).await?.map(Delivery::try_from).transpose(),
        }
    }

    async fn attempts(&mut self, id: WebhookDeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        let mut rows: Vec<AttemptRow> = attempts::table
            .filter(attempts::org_id.eq(self.org_id()))
            .filter(attempts::delivery_id.eq(id.as_uuid()))
            .order(attempts::ended_at.desc())
            .limit(MOST_ATTEMPTS - 1)
            .select(AttemptRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.reverse();
        rows.extend(self.over(id).await?.as_ref().map(AttemptRow::last_of));
        rows.into_iter().map(AttemptRecord::try_from).collect()
    }

    async fn resend(
        &mut self,
        id: WebhookDeliveryId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let org_id = self.org_id();
        // One that is under way keeps its lease: its outcome is fenced, not lost.
        let sooner = diesel::update(queue::table.find((org_id, id.as_uuid())))
            .set((queue::attempts.eq(0), queue::due_at.eq(now)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        if sooner > 0 {
            return Ok(true);
        }
        let Some(row) = self.over(id).await? else { return Ok(false) };
        diesel::delete(over::table.find((org_id, row.id, row.kept_at)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        diesel::insert_into(attempts::table)
            .values((attempts::org_id.eq(org_id), AttemptRow::last_of(&row)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let again = (
            queue::org_id.eq(org_id),
            queue::id.eq(row.id),
            queue::endpoint_id.eq(row.endpoint_id),
            queue::event_id.eq(row.event_id),
            queue::kept_at.eq(row.kept_at),
            queue::event_type.eq(row.event_type),
            queue::due_at.eq(now),
        );
        diesel::insert_into(queue::table)
            .values(again)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(true)
    }
}
