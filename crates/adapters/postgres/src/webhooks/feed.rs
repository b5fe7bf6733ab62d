use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::min;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{StoreError, WebhookEndpointId};
use restartix_webhooks::{EventFeed, FeedEvent, Publication};

use crate::error::store_error;
use crate::schema::{
    webhook_counters as counters, webhook_events as events, webhook_outbox as outbox,
};
use crate::transaction::TenantTx;
use crate::unit::PgWork;

/// What one row of the outbox holds.
const TOGETHER: usize = 500;

/// Publishes them, in a transaction that is open: what is told together is one row.
pub(crate) async fn publish(
    mut tx: &TenantTx,
    publications: &[Publication],
) -> Result<(), StoreError> {
    let org_id = tx.organisation().get();
    for together in publications.chunks(TOGETHER) {
        let Some(first) = together.first() else { return Ok(()) };
        let ids: Vec<_> = together.iter().map(|told| told.id.as_uuid()).collect();
        let types: Vec<_> = together.iter().map(|told| told.event.kind().as_str()).collect();
        let moments: Vec<_> = together.iter().map(|told| told.occurred_at).collect();
        let data: Vec<_> = together.iter().map(|told| told.event.data()).collect();
        let only_for: Vec<_> =
            together.iter().map(|told| told.only_for.map(WebhookEndpointId::as_uuid)).collect();
        let row = (
            outbox::org_id.eq(org_id),
            outbox::id.eq(first.id.as_uuid()),
            outbox::occurred_at.eq(first.occurred_at),
            outbox::ids.eq(ids),
            outbox::types.eq(types),
            outbox::moments.eq(moments),
            outbox::data.eq(data),
            outbox::only_for.eq(only_for),
        );
        let insert = diesel::insert_into(outbox::table).values(row);
        insert.execute(&mut tx).await.map_err(store_error)?;
    }
    Ok(())
}

#[async_trait]
impl EventFeed for PgWork {
    async fn publish(&mut self, publications: &[Publication]) -> Result<(), StoreError> {
        let tx = self.tx().open().await.map_err(store_error)?;
        publish(tx, publications).await
    }

    async fn after(&mut self, seq: i64, limit: i64) -> Result<Vec<FeedEvent>, StoreError> {
        let rows: Vec<(i64, String)> = events::table
            .filter(events::org_id.eq(self.org_id()))
            // Said twice, so that the feed's own index serves, which has no place 0.
            .filter(events::seq.gt(0))
            .filter(events::seq.gt(seq))
            .order(events::seq)
            .limit(limit)
            .select((events::seq, events::body))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows.into_iter().map(|(seq, body)| FeedEvent { seq, body }).collect())
    }

    async fn last(&mut self) -> Result<i64, StoreError> {
        let last: Option<i64> = counters::table
            .find(self.org_id())
            .select(counters::last_seq)
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        Ok(last.unwrap_or_default())
    }

    async fn first_since(&mut self, instant: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
        events::table
            .filter(events::org_id.eq(self.org_id()))
            .filter(events::seq.gt(0))
            .filter(events::kept_at.ge(instant))
            .select(min(events::seq))
            .get_result(self.tx())
            .await
            .map_err(store_error)
    }
}
