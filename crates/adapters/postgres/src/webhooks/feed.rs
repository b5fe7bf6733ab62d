use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{StoreError, WebhookEndpointId};
use restartix_webhooks::{EventFeed, FeedEvent, Publication};

use crate::error::{store_error, unreadable};
use crate::schema::webhook_events as events;
use crate::unit::PgWork;

#[async_trait]
impl EventFeed for PgWork {
    async fn publish(&mut self, publications: &[Publication]) -> Result<(), StoreError> {
        let org_id = self.org_id();
        let row = |publication: &Publication| {
            (
                events::org_id.eq(org_id),
                events::id.eq(publication.id.as_uuid()),
                events::kind.eq(publication.event.kind().as_str()),
                events::occurred_at.eq(publication.occurred_at),
                events::data.eq(publication.event.data()),
                events::only_for.eq(publication.only_for.map(WebhookEndpointId::as_uuid)),
            )
        };
        let insert = diesel::insert_into(events::table);
        match publications {
            [] => return Ok(()),
            // A statement of its own, that the connection keeps: almost every change tells one.
            [one] => insert.values(row(one)).execute(self.tx()).await,
            several => {
                let rows: Vec<_> = several.iter().map(row).collect();
                insert.values(rows).execute(self.tx()).await
            }
        }
        .map_err(store_error)?;
        Ok(())
    }

    async fn after(&mut self, seq: i64, limit: i64) -> Result<Vec<FeedEvent>, StoreError> {
        let rows: Vec<(Option<i64>, Option<String>)> = events::table
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
        let event = |(seq, body): (Option<i64>, Option<String>)| {
            let (seq, body) = seq.zip(body).ok_or_else(|| unreadable("webhook_events.body"))?;
            Ok(FeedEvent { seq, body })
        };
        rows.into_iter().map(event).collect()
    }
}
