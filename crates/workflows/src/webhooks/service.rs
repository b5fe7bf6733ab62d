use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{
    EventId, Page, PageRequest, Secret, StoreError, WebhookDeliveryId, WebhookEndpointId,
};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Change, Tenant, Version};
use restartix_webhooks::{
    AttemptRecord, Delivery, DeliveryFilter, Disabled, Endpoint, Event, FeedEvent, Filters,
    Publication, SealError, SecretSealer, SigningSecret, State, WebhookSender,
};

use crate::{Desk, Failure, Work};

/// Where an organisation's own systems listen, what they were told, and what became of it.
#[derive(Clone)]
pub struct Webhooks {
    desk: Desk,
    sender: Arc<dyn WebhookSender>,
    sealer: Arc<dyn SecretSealer>,
}

/// An endpoint to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDraft {
    /// Where it is.
    pub url: String,
    /// What it wants to hear of.
    pub filters: Filters,
}

/// What is to be changed about an endpoint; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPatch {
    /// Where it is: a new place must answer before it is told anything.
    pub url: Option<String>,
    /// What it wants to hear of.
    pub filters: Option<Filters>,
}

/// How long an old secret goes on signing: 0 to 7 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(TimeDelta);

impl Grace {
    /// A grace of so many hours, 0 to 168.
    pub fn hours(hours: u16) -> Option<Self> {
        (hours <= 168).then(|| Self(TimeDelta::hours(i64::from(hours))))
    }
}

/// An endpoint and its secret, which is shown this once.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// `whsec_...`
    pub secret: Secret,
}

const ENDPOINT: ResourceKind = ResourceKind::WebhookEndpoint;

impl Webhooks {
    /// The service over these ports.
    pub fn new(desk: Desk, sender: Arc<dyn WebhookSender>, sealer: Arc<dyn SecretSealer>) -> Self {
        Self { desk, sender, sealer }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// The organisation's endpoints.
    pub async fn endpoints(&self, tenant: &Tenant) -> Result<Vec<Endpoint>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.webhook_endpoints().list().await?)).await
    }

    /// One of them.
    pub async fn endpoint(
        &self,
        tenant: &Tenant,
        id: WebhookEndpointId,
    ) -> Result<Endpoint, Failure> {
        self.desk.read(tenant, async |work| found(work, id).await).await
    }

    /// Adds one, and asks it whether anybody is there.
    pub async fn add(
        &self,
        tenant: &Tenant,
        act: &Act,
        draft: &EndpointDraft,
    ) -> Result<Shown, Failure> {
        self.check(&draft.url)?;
        let now = self.desk.clock.now();
        let endpoint = Endpoint {
            id: WebhookEndpointId::fresh(&*self.desk.clock, &*self.desk.random),
            url: draft.url.clone(),
            filters: draft.filters.clone(),
            state: State::Pending,
            disabled: None,
            version: Version::FIRST,
        };
        let secret = SigningSecret::fresh(&*self.desk.random);
        let sealed =
            self.sealer.seal(tenant, endpoint.id, 1, secret.expose_bytes()).map_err(unavailable)?;
        self.desk
            .change(tenant, async |work| {
                if !work.webhook_endpoints().add(&endpoint, &sealed, now).await? {
                    return Err(Failure::TooManyEndpoints);
                }
                self.ask(work, &endpoint).await?;
                self.desk.trace(work, act, Resource::one(ENDPOINT, endpoint.id), None).await
            })
            .await?;
        Ok(Shown { secret: secret.to_text(), endpoint })
    }

    /// Changes one; with `seen`, only when that is still its version.
    pub async fn edit(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
        seen: Option<Version>,
        patch: &EndpointPatch,
    ) -> Result<Endpoint, Failure> {
        if let Some(url) = &patch.url {
            self.check(url)?;
        }
        self.desk
            .change(tenant, async |work| {
                let before = found(work, id).await?;
                let mut after = before.clone();
                after.url = patch.url.clone().unwrap_or(after.url);
                after.filters = patch.filters.clone().unwrap_or(after.filters);
                let change =
                    work.webhook_endpoints().update(&after, seen.or(Some(before.version))).await?;
                match change {
                    Change::Made => {}
                    Change::Absent => return Err(Failure::NotFound),
                    Change::Stale if seen.is_none() => return Err(collided()),
                    Change::Stale => return Err(Failure::Stale),
                }
                if after.url != before.url && before.state != State::Disabled {
                    work.webhook_endpoints().set_state(id, State::Pending, None).await?;
                    self.ask(work, &after).await?;
                }
                self.desk.trace(work, act, Resource::one(ENDPOINT, id), None).await?;
                found(work, id).await
            })
            .await
    }

    /// Forgets one, with all that was on its way there.
    pub async fn remove(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
    ) -> Result<(), Failure> {
        self.desk
            .change(tenant, async |work| {
                if !work.webhook_endpoints().remove(id).await? {
                    return Err(Failure::NotFound);
                }
                self.desk.trace(work, act, Resource::one(ENDPOINT, id), None).await
            })
            .await
    }

    /// Asks one that has not answered yet once more.
    pub async fn verify(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
    ) -> Result<Endpoint, Failure> {
        self.stand(tenant, act, id, async |work, endpoint| match endpoint.state {
            State::Pending => self.ask(work, endpoint).await,
            State::Enabled => Ok(()),
            State::Disabled => Err(Failure::EndpointNotReady),
        })
        .await
    }

    /// Lets one that was disabled hear again, as soon as it answers. What waited for it is sent then.
    pub async fn enable(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
    ) -> Result<Endpoint, Failure> {
        self.stand(tenant, act, id, async |work, endpoint| {
            if endpoint.state == State::Disabled {
                work.webhook_endpoints().set_state(id, State::Pending, None).await?;
                self.ask(work, endpoint).await?;
            }
            Ok(())
        })
        .await
    }

    /// Lets one hear nothing any more.
    pub async fn disable(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
    ) -> Result<Endpoint, Failure> {
        self.stand(tenant, act, id, async |work, endpoint| {
            if endpoint.state != State::Disabled {
                let why = Some(Disabled::ByAdmin);
                work.webhook_endpoints().set_state(id, State::Disabled, why).await?;
            }
            Ok(())
        })
        .await
    }

    /// Sends a test to one that is enabled.
    pub async fn test(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
    ) -> Result<Endpoint, Failure> {
        self.stand(tenant, act, id, async |work, endpoint| {
            if endpoint.state != State::Enabled {
                return Err(Failure::EndpointNotReady);
            }
            let event = Event::EndpointTest { id, version: endpoint.version };
            self.publish(work, event, Some(id)).await
        })
        .await
    }

    /// Gives one a new secret; those before it sign as well for `grace`, three at most at once.
    pub async fn rotate(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
        grace: Grace,
    ) -> Result<Shown, Failure> {
        let secret = SigningSecret::fresh(&*self.desk.random);
        let now = self.desk.clock.now();
        let endpoint = self
            .stand(tenant, act, id, async |work, _| {
                let next = work.webhook_endpoints().next_secret(id).await?;
                let version = next.ok_or(Failure::NotFound)?;
                let sealed = self
                    .sealer
                    .seal(tenant, id, version, secret.expose_bytes())
                    .map_err(unavailable)?;
                Ok(work.webhook_endpoints().add_secret(id, &sealed, now, now + grace.0).await?)
            })
            .await?;
        Ok(Shown { endpoint, secret: secret.to_text() })
    }

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
                if !work.webhook_deliveries().resend(id, now).await? {
                    return Err(Failure::NotFound);
                }
                let resource = Resource::one(ResourceKind::WebhookDelivery, id);
                self.desk.trace(work, act, resource, None).await?;
                work.webhook_deliveries().find(id).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// Does `change` to an endpoint, and says how it stands then.
    async fn stand(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: WebhookEndpointId,
        mut change: impl AsyncFnMut(&mut dyn Work, &Endpoint) -> Result<(), Failure>,
    ) -> Result<Endpoint, Failure> {
        self.desk
            .change(tenant, async |work| {
                let endpoint = found(work, id).await?;
                change(work, &endpoint).await?;
                self.desk.trace(work, act, Resource::one(ENDPOINT, id), None).await?;
                found(work, id).await
            })
            .await
    }

    fn check(&self, url: &str) -> Result<(), Failure> {
        self.sender
            .check(url)
            .map_err(|_| Failure::Invalid { pointer: "/url", code: "url_refused" })
    }

    async fn ask(&self, work: &mut dyn Work, endpoint: &Endpoint) -> Result<(), Failure> {
        let event = Event::EndpointVerification { id: endpoint.id, version: endpoint.version };
        self.publish(work, event, Some(endpoint.id)).await
    }

    async fn publish(
        &self,
        work: &mut dyn Work,
        event: Event,
        only_for: Option<WebhookEndpointId>,
    ) -> Result<(), Failure> {
        let id = EventId::fresh(&*self.desk.clock, &*self.desk.random);
        let occurred_at: DateTime<Utc> = self.desk.clock.now();
        let publication = Publication { id, occurred_at, event, only_for };
        Ok(work.webhook_events().publish(&[publication]).await?)
    }
}

async fn found(work: &mut dyn Work, id: WebhookEndpointId) -> Result<Endpoint, Failure> {
    work.webhook_endpoints().find(id).await?.ok_or(Failure::NotFound)
}

fn unavailable(error: SealError) -> Failure {
    Failure::Store(StoreError::Unavailable(error.into()))
}

fn collided() -> Failure {
    Failure::Store(StoreError::Busy("the endpoint was changed meanwhile".into()))
}
