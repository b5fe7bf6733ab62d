use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{Page, PageRequest, StoreError, WebhookDeliveryId, WebhookEndpointId};
use restartix_webhooks::{
    AttemptRecord, Deliveries, Delivery, DeliveryFilter, DeliveryStatus, EventType,
};
use uuid::Uuid;

use super::records::{AttemptRow, OverRow, WaitingRow};
use crate::call::function_call;
use crate::error::store_error;
use crate::schema::{webhook_attempts as attempts, webhook_queue as queue};
use crate::unit::{PgWork, after};

/// Attempts that are told of one delivery.
const MOST_ATTEMPTS: i64 = 100;

function_call! {
    /// The newest that wait, from below an id.
    Waiting<'a> {
        org_id: i64 => BigInt,
        before: Option<Uuid> => Nullable<SqlUuid>,
        endpoint: Option<Uuid> => Nullable<SqlUuid>,
        kind: Option<&'a str> => Nullable<Text>,
        since: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        until: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        limit: i64 => BigInt,
    } = "" "webhook_waiting" -> (SqlUuid, SqlUuid, SqlUuid, Text, Integer, Timestamptz)
}

function_call! {
    /// The newest that are over, from below an id.
    Ended<'a> {
        org_id: i64 => BigInt,
        before: Option<Uuid> => Nullable<SqlUuid>,
        endpoint: Option<Uuid> => Nullable<SqlUuid>,
        kind: Option<&'a str> => Nullable<Text>,
        since: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        until: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        outcome: Option<&'a str> => Nullable<Text>,
        limit: i64 => BigInt,
    } = "" "webhook_ended" -> (
        SqlUuid, Timestamptz, SqlUuid, BigInt, SqlUuid, Text, Text, Integer, Timestamptz,
        Nullable<Integer>, Nullable<Text>, Integer, Integer
    )
}

function_call! {
    /// Takes one that is over out of the log; whether it was there.
    Retake<'a> {
        org_id: i64 => BigInt,
        endpoint: Uuid => SqlUuid,
        kept_at: &'a DateTime<Utc> => Timestamptz,
        seq: i64 => BigInt,
    } = "" "retake_webhook" -> Bool
}

/// The id after `id`: what is below it, and of that the first, is the one of `id` or there is none.
fn next(id: WebhookDeliveryId) -> Uuid {
    Uuid::from_u128(id.as_uuid().as_u128().saturating_add(1))
}

impl PgWork {
    async fn waiting(
        &mut self,
        filter: &DeliveryFilter,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        let call = Waiting {
            org_id: self.org_id(),
            before,
            endpoint: filter.endpoint.map(WebhookEndpointId::as_uuid),
            kind: filter.kind.map(EventType::as_str),
            since: filter.since,
            until: filter.before,
            limit,
        };
        call.load(self.tx()).await.map_err(store_error)
    }

    async fn ended(
        &mut self,
        filter: &DeliveryFilter,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<OverRow>, StoreError> {
        let call = Ended {
            org_id: self.org_id(),
            before,
            endpoint: filter.endpoint.map(WebhookEndpointId::as_uuid),
            kind: filter.kind.map(EventType::as_str),
            since: filter.since,
            until: filter.before,
            outcome: filter.status.map(DeliveryStatus::as_str),
            limit,
        };
        call.load(self.tx()).await.map_err(store_error)
    }

    async fn waits(&mut self, id: WebhookDeliveryId) -> Result<Option<WaitingRow>, StoreError> {
        let newest = self.waiting(&DeliveryFilter::default(), Some(next(id)), 1).await?;
        Ok(newest.into_iter().find(|row| row.id == id.as_uuid()))
    }

    async fn over(&mut self, id: WebhookDeliveryId) -> Result<Option<OverRow>, StoreError> {
        let newest = self.ended(&DeliveryFilter::default(), Some(next(id)), 1).await?;
        Ok(newest.into_iter().find(|row| row.id == id.as_uuid()))
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
        match self.waits(id).await? {
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
        rows.extend(self.over(id).await?.map(AttemptRow::from));
        rows.into_iter().map(AttemptRecord::try_from).collect()
    }

    async fn resend(
        &mut self,
        id: WebhookDeliveryId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let org_id = self.org_id();
        // What waits in a longer run was never tried, and is due.
        let alone = queue::first_seq.eq(queue::last_seq);
        let sooner = diesel::update(queue::table.find((org_id, id.as_uuid())).filter(alone))
            .set((queue::attempts.eq(0), queue::due_at.eq(now)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        // One that is under way is being sent again at this moment.
        if sooner > 0 || self.waits(id).await?.is_some() {
            return Ok(true);
        }
        let Some(row) = self.over(id).await? else { return Ok(false) };
        let retake =
            Retake { org_id, endpoint: row.endpoint_id, kept_at: &row.kept_at, seq: row.seq };
        let taken: bool = retake.get_result(self.tx()).await.map_err(store_error)?;
        if !taken {
            // Somebody else sends it again.
            return Ok(true);
        }
        let again = (
            queue::org_id.eq(org_id),
            queue::id.eq(row.id),
            queue::endpoint_id.eq(row.endpoint_id),
            queue::kept_at.eq(row.kept_at),
            queue::first_seq.eq(row.seq),
            queue::last_seq.eq(row.seq),
            queue::due_at.eq(now),
            queue::verifies.eq(row.event_type == EventType::EndpointVerification.as_str()),
        );
        diesel::insert_into(queue::table)
            .values(again)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(true)
    }
}
