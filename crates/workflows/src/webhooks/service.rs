use std::sync::Arc;

use restartix_kernel::{EventId, StoreError, WebhookEndpointId};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Change, Tenant, Version};
use restartix_webhooks::{
    Disabled, Endpoint, Event, OwnHeaders, Publication, Purpose, SealError, SecretSealer,
    SigningSecret, State, WebhookSender,
};

use super::{EndpointDraft, EndpointPatch, Grace, Shown};
use crate::{Desk, Failure, Work};

/// Where an organisation's own systems listen, what they were told, and what became of it.
#[derive(Clone)]
pub struct Webhooks {
    pub(super) desk: Desk,
    sender: Arc<dyn WebhookSender>,
    sealer: Arc<dyn SecretSealer>,
}

pub(super) const ENDPOINT: ResourceKind = ResourceKind::WebhookEndpoint;

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
            rate: draft.rate,
            headers: draft.headers.count(),
            version: Version::FIRST,
        };
        let secret = SigningSecret::fresh(&*self.desk.random);
        let (id, bytes) = (endpoint.id, secret.expose_bytes());
        let sealed =
            self.sealer.seal(tenant, Purpose::Signing, id, 1, bytes).map_err(unavailable)?;
        self.desk
            .change(tenant, async |work| {
                if !work.webhook_endpoints().add(&endpoint, &sealed, now).await? {
                    return Err(Failure::TooManyEndpoints);
                }
                self.keep_headers(work, tenant, &endpoint, &draft.headers).await?;
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
                after.rate = patch.rate.unwrap_or(after.rate);
                after.version = before.version.next();
                let change =
                    work.webhook_endpoints().update(&after, seen.or(Some(before.version))).await?;
                match change {
                    Change::Made => {}
                    Change::Absent => return Err(Failure::NotFound),
                    Change::Stale if seen.is_none() => return Err(collided()),
                    Change::Stale => return Err(Failure::Stale),
                }
                if let Some(headers) = &patch.headers {
                    self.keep_headers(work, tenant, &after, headers).await?;
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
                    .seal(tenant, Purpose::Signing, id, version, secret.expose_bytes())
                    .map_err(unavailable)?;
                Ok(work.webhook_endpoints().add_secret(id, &sealed, now, now + grace.0).await?)
            })
            .await?;
        Ok(Shown { endpoint, secret: secret.to_text() })
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

    /// Seals an endpoint's own headers for its version, and keeps them.
    async fn keep_headers(
        &self,
        work: &mut dyn Work,
        tenant: &Tenant,
        endpoint: &Endpoint,
        headers: &OwnHeaders,
    ) -> Result<(), Failure> {
        if headers.count() == 0 {
            return Ok(work.webhook_endpoints().set_headers(endpoint.id, None).await?);
        }
        let version = u32::try_from(endpoint.version.get()).unwrap_or_default();
        let bytes = headers.to_bytes();
        let sealed = self
            .sealer
            .seal(tenant, Purpose::Headers, endpoint.id, version, &bytes)
            .map_err(unavailable)?;
        let kept = Some((headers.count(), &sealed));
        Ok(work.webhook_endpoints().set_headers(endpoint.id, kept).await?)
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
        let occurred_at = self.desk.clock.now();
        let publication = Publication { id, occurred_at, event, only_for };
        Ok(work.webhook_events().publish(&[publication]).await?)
    }
}

pub(super) async fn found(work: &mut dyn Work, id: WebhookEndpointId) -> Result<Endpoint, Failure> {
    work.webhook_endpoints().find(id).await?.ok_or(Failure::NotFound)
}

fn unavailable(error: SealError) -> Failure {
    Failure::Store(StoreError::Unavailable(error.into()))
}

fn collided() -> Failure {
    Failure::Store(StoreError::Busy("the endpoint was changed meanwhile".into()))
}
