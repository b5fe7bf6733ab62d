//! What was told, what became of it, and telling it again.

use restartix_kernel::{Page, PageRequest, WebhookDeliveryId, WebhookEndpointId, WebhookJobId};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::Tenant;
use restartix_webhooks::{
    AttemptRecord, Delivery, DeliveryFilter, FeedEvent, Job, MAX_JOBS, State,
};

use super::ReplayFrom;
use super::service::{ENDPOINT, Webhooks, found};
use crate::Failure;

impl Webhooks {
    /// The organisation's events after a place, at most `limit`.
    pub async fn feed(
        &self,
        tenant: &Tenant,
        after: i64,
        limit: i64,
    ) -> Result<Vec<FeedEvent>, Failure> {
        self.desk
            .read(tenant, async |work| Ok(work.webhook_events().after(after, limit).await?))
            .await
    }

    /// Deliveries, the newest first.
    pub async fn deliveries(
        &self,
        tenant: &Tenant,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Failure> {
        self.desk
            .read(tenant, async |work| Ok(work.webhook_deliveries().list(filter, page).await?))
            .await
    }

    /// The attempts at one delivery.
    pub async fn attempts(
        &self,
        tenant: &Tenant,
        id: WebhookDeliveryId,
    ) -> Result<Vec<AttemptRecord>, Failure> {
        self.desk
            .read(tenant, async |work| {
                work.webhook_deliveries().find(id).await?.ok_or(Failure::NotFound)?;
                Ok(work.webhook_deliveries().attempts(id).await?)
            })
            .await
    }

    /// Sends one again, with the same `webhook-id`.
    pub async fn resend(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookDeliveryId,
    ) -> Result<Delivery, Failure> {
        let now = self.desk.clock.now();
        self.desk
            .change(tenant, async |work| {
                let delivery = work.webhook_deliveries().find(id).await?;
                let delivery = delivery.ok_or(Failure::NotFound)?;
                // What was sent is told of for longer than its endpoint may be there.
                if work.webhook_endpoints().find(delivery.endpoint).await?.is_none() {
                    return Err(Failure::EndpointNotReady);
                }
                if !work.webhook_deliveries().resend(id, now).await? {
                    return Err(Failure::NotFound);
                }
                let resource = Resource::one(ResourceKind::WebhookDelivery, id);
                self.desk.trace(work, act, resource, None).await?;
                work.webhook_deliveries().find(id).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// Lets an endpoint hear everything once more that it subscribes to, from a place of the feed to
    /// its end: a durable job, of which [`MAX_JOBS`] go on at once.
    pub async fn replay(
        &self,
        tenant: &Tenant,
        act: &Act,
        endpoint: WebhookEndpointId,
        from: ReplayFrom,
    ) -> Result<Job, Failure> {
        let now = self.desk.moment();
        let id = WebhookJobId::fresh(&*self.desk.clock, &*self.desk.random);
        self.desk
            .change(tenant, async |work| {
                if found(work, endpoint).await?.state != State::Enabled
                    || work.webhook_jobs().running(endpoint).await? >= MAX_JOBS
                {
                    return Err(Failure::EndpointNotReady);
                }
                let last = work.webhook_events().last().await?;
                let first = match from {
                    ReplayFrom::Seq(first) => first,
                    ReplayFrom::Time(since) => {
                        let first = work.webhook_events().first_since(since).await?;
                        first.unwrap_or(last.saturating_add(1))
                    }
                };
                let job = Job::new(id, endpoint, (first, last), now);
                work.webhook_jobs().begin(&job).await?;
                self.desk.trace(work, act, Resource::one(ENDPOINT, endpoint), None).await?;
                Ok(job)
            })
            .await
    }

    /// How far a replay is.
    pub async fn job(&self, tenant: &Tenant, id: WebhookJobId) -> Result<Job, Failure> {
        self.desk
            .read(tenant, async |work| work.webhook_jobs().find(id).await?.ok_or(Failure::NotFound))
            .await
    }
}
