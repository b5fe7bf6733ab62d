use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::{StoreError, WebhookEndpointId};
use restartix_webhooks::{EventFeed, FeedEvent, Publication};

use crate::call::function_call;
use crate::error::store_error;
use crate::schema::{
    webhook_counters as counters, webhook_events as events, webhook_outbox as outbox,
};
use crate::transaction::TenantTx;
use crate::unit::PgWork;

/// What one row of the outbox holds.
const TOGETHER: usize = 500;

function_call! {
    /// The feed from after a place.
    Feed<'a> {
        org_id: i64 => BigInt,
        after: i64 => BigInt,
        limit: &'a i64 => BigInt,
    } = "" "webhook_feed" -> (BigInt, Timestamptz, Text, Text)
}

/// Publishes them, in a transaction that is open: what is told together is one row.
pub(crate) async fn publish(
    mut tx: &TenantTx,
    publications: &[Publication],
) -> Result<(), StoreError> {
    let org_id = tx.organisation().get();
    let alike = publications.chunk_by(|one, next| one.only_for == next.only_for);
    for together in alike.flat_map(|alike| alike.chunks(TOGETHER)) {
        let Some(first) = together.first() else { return Ok(()) };
        let ids: Vec<_> = together.iter().map(|told| told.id.as_uuid()).collect();
        let types: Vec<_> = together.iter().map(|told| told.event.kind().as_str()).collect();
        let moments: Vec<_> = together.iter().map(|told| told.occurred_at).collect();
        let data: Vec<_> = together.iter().map(|told| told.event.data()).collect();
        let row = (
            outbox::org_id.eq(org_id),
            outbox::id.eq(first.id.as_uuid()),
            outbox::occurred_at.eq(first.occurred_at),
            outbox::ids.eq(ids),
            outbox::types.eq(types),
            outbox::moments.eq(moments),
            outbox::data.eq(data),
            outbox::only_for.eq(first.only_for.map(WebhookEndpointId::as_uuid)),
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
        let call = Feed { org_id: self.org_id(), after: seq, limit: &limit };
        let rows: Vec<(i64, DateTime<Utc>, String, String)> =
            call.load(self.tx()).await.map_err(store_error)?;
        Ok(rows.into_iter().map(|(seq, _, _, body)| FeedEvent { seq, body }).collect())
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
            .filter(events::last_seq.gt(0))
            .filter(events::kept_at.ge(instant))
            .order(events::last_seq)
            .select(events::first_seq)
            .first(self.tx())
            .await
            .optional()
            .map_err(store_error)
    }
}
