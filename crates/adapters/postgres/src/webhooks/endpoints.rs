use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::{exists, max, sql};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::{StoreError, WebhookEndpointId};
use restartix_tenancy::{Change, Version};
use restartix_webhooks::{
    Disabled, Endpoint, Endpoints, Filters, MAX_ENDPOINTS, MAX_LIVE_SECRETS, RatePerMinute,
    SealedSecret, State,
};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::{
    organizations, webhook_endpoints as endpoints, webhook_queue as queue,
    webhook_secrets as secrets,
};
use crate::unit::{PgWork, changed, versions};

#[derive(Queryable, Selectable)]
#[diesel(table_name = endpoints)]
struct EndpointRow {
    id: Uuid,
    url: String,
    filters: Vec<String>,
    state: String,
    disabled_reason: Option<String>,
    rate_per_minute: Option<i32>,
    header_count: i32,
    version: i32,
}

impl TryFrom<EndpointRow> for Endpoint {
    type Error = StoreError;

    fn try_from(row: EndpointRow) -> Result<Self, StoreError> {
        let bad = |_| unreadable("webhook_endpoints.state");
        Ok(Self {
            id: WebhookEndpointId::from_uuid(row.id),
            url: row.url,
            filters: Filters::parse(&row.filters)
                .map_err(|_| unreadable("webhook_endpoints.filters"))?,
            state: row.state.parse().map_err(bad)?,
            disabled: row.disabled_reason.map(|why| why.parse()).transpose().map_err(bad)?,
            rate: row
                .rate_per_minute
                .and_then(|rate| u16::try_from(rate).ok())
                .and_then(RatePerMinute::new),
            headers: usize::try_from(row.header_count).unwrap_or_default(),
            version: Version::new(row.version)
                .ok_or_else(|| unreadable("webhook_endpoints.version"))?,
        })
    }
}

impl PgWork {
    async fn there(&mut self, id: WebhookEndpointId) -> Result<bool, StoreError> {
        let row = endpoints::table.find((self.org_id(), id.as_uuid())).select(endpoints::id);
        diesel::select(exists(row)).get_result(self.tx()).await.map_err(store_error)
    }

    async fn keep_secret(
        &mut self,
        id: WebhookEndpointId,
        secret: &SealedSecret,
    ) -> Result<(), StoreError> {
        let row = (
            secrets::org_id.eq(self.org_id()),
            secrets::endpoint_id.eq(id.as_uuid()),
            secrets::version.eq(stored(secret.version)),
            secrets::sealed.eq(&secret.bytes),
        );
        diesel::insert_into(secrets::table)
            .values(row)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }
}

fn stored(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

#[async_trait]
impl Endpoints for PgWork {
    async fn list(&mut self) -> Result<Vec<Endpoint>, StoreError> {
        let rows: Vec<EndpointRow> = endpoints::table
            .filter(endpoints::org_id.eq(self.org_id()))
            .order(endpoints::id)
            .select(EndpointRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(Endpoint::try_from).collect()
    }

    async fn find(&mut self, id: WebhookEndpointId) -> Result<Option<Endpoint>, StoreError> {
        let row: Option<EndpointRow> = endpoints::table
            .find((self.org_id(), id.as_uuid()))
            .select(EndpointRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Endpoint::try_from).transpose()
    }

    async fn add(
        &mut self,
        endpoint: &Endpoint,
        secret: &SealedSecret,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let org_id = self.org_id();
        // Two that are added at once count each other.
        organizations::table
            .find(org_id)
            .select(organizations::id)
            .for_update()
            .get_result::<i64>(self.tx())
            .await
            .map_err(store_error)?;
        let there: i64 = endpoints::table
            .filter(endpoints::org_id.eq(org_id))
            .count()
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        if usize::try_from(there).unwrap_or(usize::MAX) >= MAX_ENDPOINTS {
            return Ok(false);
        }
        let row = (
            endpoints::org_id.eq(org_id),
            endpoints::id.eq(endpoint.id.as_uuid()),
            endpoints::url.eq(&endpoint.url),
            endpoints::filters.eq(endpoint.filters.texts()),
            endpoints::admits.eq(endpoint.filters.admitted()),
            endpoints::state.eq(endpoint.state.as_str()),
            endpoints::version.eq(endpoint.version.get()),
            endpoints::rate_per_minute.eq(endpoint.rate.map(|rate| i32::from(rate.get()))),
            endpoints::created_at.eq(now),
        );
        diesel::insert_into(endpoints::table)
            .values(row)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        self.keep_secret(endpoint.id, secret).await?;
        Ok(true)
    }

    async fn update(
        &mut self,
        endpoint: &Endpoint,
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        let (least, most) = versions(seen);
        let rows = diesel::update(endpoints::table.find((self.org_id(), endpoint.id.as_uuid())))
            .filter(endpoints::version.between(least, most))
            .set((
                endpoints::url.eq(&endpoint.url),
                endpoints::filters.eq(endpoint.filters.texts()),
                endpoints::admits.eq(endpoint.filters.admitted()),
                endpoints::rate_per_minute.eq(endpoint.rate.map(|rate| i32::from(rate.get()))),
                endpoints::version.eq(endpoints::version + 1),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let there = rows > 0 || self.there(endpoint.id).await?;
        Ok(changed(rows, there))
    }

    async fn set_headers(
        &mut self,
        id: WebhookEndpointId,
        headers: Option<(usize, &SealedSecret)>,
    ) -> Result<(), StoreError> {
        let count = headers.map(|(count, _)| i32::try_from(count).unwrap_or(i32::MAX));
        diesel::update(endpoints::table.find((self.org_id(), id.as_uuid())))
            .set((
                endpoints::header_count.eq(count.unwrap_or_default()),
                endpoints::headers_version.eq(headers.map(|(_, sealed)| stored(sealed.version))),
                endpoints::headers_sealed.eq(headers.map(|(_, sealed)| &sealed.bytes)),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn set_state(
        &mut self,
        id: WebhookEndpointId,
        state: State,
        disabled: Option<Disabled>,
    ) -> Result<Change, StoreError> {
        let never = None::<DateTime<Utc>>;
        let rows = diesel::update(endpoints::table.find((self.org_id(), id.as_uuid())))
            .set((
                endpoints::state.eq(state.as_str()),
                endpoints::disabled_reason.eq(disabled.map(Disabled::as_str)),
                endpoints::version.eq(endpoints::version + 1),
                endpoints::failures.eq(0),
                endpoints::failing_since.eq(never),
                endpoints::probe_at.eq(never),
                endpoints::paused_until.eq(never),
                endpoints::ramp.eq(None::<i32>),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(changed(rows, false))
    }

    async fn remove(&mut self, id: WebhookEndpointId) -> Result<bool, StoreError> {
        let rows = diesel::delete(endpoints::table.find((self.org_id(), id.as_uuid())))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        diesel::delete(queue::table)
            .filter(queue::org_id.eq(self.org_id()))
            .filter(queue::endpoint_id.eq(id.as_uuid()))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows > 0)
    }

    async fn next_secret(&mut self, id: WebhookEndpointId) -> Result<Option<u32>, StoreError> {
        let locked: Option<Uuid> = endpoints::table
            .find((self.org_id(), id.as_uuid()))
            .select(endpoints::id)
            .for_update()
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        if locked.is_none() {
            return Ok(None);
        }
        let last: Option<i32> = secrets::table
            .filter(secrets::org_id.eq(self.org_id()))
            .filter(secrets::endpoint_id.eq(id.as_uuid()))
            .select(max(secrets::version))
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        let next = last.unwrap_or_default().saturating_add(1);
        Ok(Some(u32::try_from(next).unwrap_or(1)))
    }

    async fn add_secret(
        &mut self,
        id: WebhookEndpointId,
        secret: &SealedSecret,
        now: DateTime<Utc>,
        grace_until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let org_id = self.org_id();
        let kept = stored(secret.version) - i32::try_from(MAX_LIVE_SECRETS).unwrap_or(3);
        // What signs no more is forgotten, and the oldest where there would be too many.
        diesel::delete(secrets::table)
            .filter(secrets::org_id.eq(org_id))
            .filter(secrets::endpoint_id.eq(id.as_uuid()))
            .filter(
                secrets::version
                    .le(kept)
                    .or(secrets::expires_at.le(now).is_not_distinct_from(true)),
            )
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let earlier = sql::<Nullable<Timestamptz>>("least(expires_at, ")
            .bind::<Timestamptz, _>(grace_until)
            .sql(")");
        diesel::update(secrets::table)
            .filter(secrets::org_id.eq(org_id))
            .filter(secrets::endpoint_id.eq(id.as_uuid()))
            .set(secrets::expires_at.eq(earlier))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        self.keep_secret(id, secret).await
    }
}
