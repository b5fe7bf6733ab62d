use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{
    EventId, Page, PageRequest, Secret, StoreError, WebhookDeliveryId, WebhookEndpointId, words,
};
use restartix_tenancy::{Change, ClaimSource, Tenant, Version};

use crate::{Attempt, Disabled, Endpoint, Event, EventType, FailureCode, State, Verdict};

/// A signing secret as it is kept: it opens only for its organisation, endpoint and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which of the endpoint's: 1, 2, ...
    pub version: u32,
    /// What the sealer made of it.
    pub bytes: Vec<u8>,
}

/// The endpoints of one organisation, within one unit of work.
#[async_trait]
pub trait Endpoints: Send {
    /// All of them, by id: there are [`crate::MAX_ENDPOINTS`] at most.
    async fn list(&mut self) -> Result<Vec<Endpoint>, StoreError>;

    /// One of them.
    async fn find(&mut self, id: WebhookEndpointId) -> Result<Option<Endpoint>, StoreError>;

    /// Adds one, unless there are as many as may be. Two at once count each other.
    async fn add(
        &mut self,
        endpoint: &Endpoint,
        secret: &SealedSecret,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Keeps where it is and what it hears of; with `seen`, only when that is still its version.
    async fn update(
        &mut self,
        endpoint: &Endpoint,
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;

    /// Lets it stand at `state`; what was said of it by failures is forgotten.
    async fn set_state(
        &mut self,
        id: WebhookEndpointId,
        state: State,
        disabled: Option<Disabled>,
    ) -> Result<Change, StoreError>;

    /// Forgets it, its secrets and its deliveries.
    async fn remove(&mut self, id: WebhookEndpointId) -> Result<bool, StoreError>;

    /// The version that its next secret will have; the endpoint is locked until the unit ends.
    async fn next_secret(&mut self, id: WebhookEndpointId) -> Result<Option<u32>, StoreError>;

    /// Adds a secret; those before it sign until `grace_until`, and the oldest no more where there
    /// would be more than [`crate::MAX_LIVE_SECRETS`].
    async fn add_secret(
        &mut self,
        id: WebhookEndpointId,
        secret: &SealedSecret,
        now: DateTime<Utc>,
        grace_until: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}

/// An event that is about to commit with the change that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The key by which receivers drop duplicates: `webhook-id`.
    pub id: EventId,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// What.
    pub event: Event,
    /// The one endpoint that it is for; `None`: those that subscribe. What is for one endpoint has
    /// no place in the feed, and 0 for its `seq`.
    pub only_for: Option<WebhookEndpointId>,
}

/// An event as its receivers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Its place in the organisation's events: 1, 2, 3, ... without gaps.
    pub seq: i64,
    /// The very bytes that are signed and sent.
    pub body: String,
}

/// The events of one organisation, within one unit of work.
#[async_trait]
pub trait EventFeed: Send {
    /// Keeps events, in one statement; a sequencer takes them from there.
    async fn publish(&mut self, publications: &[Publication]) -> Result<(), StoreError>;

    /// Those after `seq`, by `seq`, at most `limit`.
    async fn after(&mut self, seq: i64, limit: i64) -> Result<Vec<FeedEvent>, StoreError>;
}

words! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// It is to be tried, or tried again.
        Waiting = "waiting",
        /// It arrived.
        Delivered = "delivered",
        /// It is not tried again.
        Failed = "failed",
    }
}

/// One event on its way to one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// Where to.
    pub endpoint: WebhookEndpointId,
    /// What.
    pub event: EventId,
    /// Of which type.
    pub kind: EventType,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// Of one that waits: not before this.
    pub due_at: DateTime<Utc>,
}

/// Which deliveries to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To this endpoint.
    pub endpoint: Option<WebhookEndpointId>,
    /// Standing there.
    pub status: Option<DeliveryStatus>,
    /// Of this type.
    pub kind: Option<EventType>,
}

/// One attempt as it is kept: nothing of what the receiver wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// What was answered, when anything was.
    pub status: Option<u16>,
    /// Why it does not count, when it does not.
    pub code: Option<FailureCode>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// Bytes of the answer that were read.
    pub size: u32,
}

/// The deliveries of one organisation, within one unit of work.
#[async_trait]
pub trait Deliveries: Send {
    /// Those that `filter` lets through, the newest first.
    async fn list(
        &mut self,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;

    /// One of them.
    async fn find(&mut self, id: WebhookDeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// The last attempts at one, the oldest first, 100 at most.
    async fn attempts(&mut self, id: WebhookDeliveryId) -> Result<Vec<AttemptRecord>, StoreError>;

    /// Sends it again at once, with the schedule begun anew.
    async fn resend(
        &mut self,
        id: WebhookDeliveryId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
}

/// Gives events their places, freezes their bodies and fans them out.
#[async_trait]
pub trait Sequencer: Send + Sync {
    /// One batch of every organisation that waits and that nobody else serves; how many events.
    async fn sequence(&self, limit: u16, now: DateTime<Utc>) -> Result<usize, StoreError>;
}

/// How a dispatcher claims.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Deliveries at most.
    pub limit: u16,
    /// Under way to one endpoint at once.
    pub per_endpoint: u16,
    /// Under way for one organisation at once.
    pub per_organisation: u16,
    /// The dispatcher's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub lease: TimeDelta,
}

/// A claimed delivery.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Which.
    pub id: WebhookDeliveryId,
    /// The fence.
    pub lease: EventId,
    /// To which endpoint.
    pub endpoint: WebhookEndpointId,
    /// What.
    pub event: EventId,
    /// Attempts that failed before.
    pub attempts: u32,
    /// Where to.
    pub url: String,
    /// The frozen bytes.
    pub body: String,
    /// The secrets that sign now.
    pub secrets: Vec<SealedSecret>,
}

/// A claimed delivery and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// Which.
    pub delivery: WebhookDeliveryId,
    /// Under which lease.
    pub lease: EventId,
    /// How the attempt went.
    pub attempt: Attempt,
    /// What that comes to.
    pub verdict: Verdict,
    /// Until when the endpoint wants to be left alone.
    pub pause_until: Option<DateTime<Utc>>,
}

/// The deliveries that are due, across organisations.
#[async_trait]
pub trait Queue: ClaimSource<Key = Claim, Row = Claimed> {
    /// Records outcomes, all at once; one whose lease is no longer the current one changes nothing.
    async fn settle(&self, outcomes: &[Settled], now: DateTime<Utc>) -> Result<(), StoreError>;
}

/// A delivery that is signed and ready to go.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch<'a> {
    /// Where to.
    pub url: &'a str,
    /// The organisation's own headers.
    pub headers: &'a [(String, Secret)],
    /// `webhook-id`: the same for every attempt.
    pub id: &'a str,
    /// `webhook-timestamp`: of this attempt.
    pub timestamp: DateTime<Utc>,
    /// `webhook-signature`.
    pub signature: &'a str,
    /// The bytes that were signed.
    pub body: &'a str,
}

/// A URL that nothing may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing may be sent to this URL")]
pub struct UrlRefused;

/// Sends to where organisations chose, and nowhere inside.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Whether a URL can be a receiver's at all; its name is not looked up.
    fn check(&self, url: &str) -> Result<(), UrlRefused>;

    /// Sends one delivery and waits for the answer, within the sender's own deadline.
    async fn send(&self, tenant: &Tenant, dispatch: Dispatch<'_>) -> Attempt;
}

/// The secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("the secret could not be sealed or opened")]
pub struct SealError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps secrets so that they open for one organisation, endpoint and version alone.
pub trait SecretSealer: Send + Sync {
    /// Seals.
    fn seal(
        &self,
        tenant: &Tenant,
        endpoint: WebhookEndpointId,
        version: u32,
        secret: &[u8],
    ) -> Result<SealedSecret, SealError>;

    /// Opens.
    fn open(
        &self,
        tenant: &Tenant,
        endpoint: WebhookEndpointId,
        sealed: &SealedSecret,
    ) -> Result<Vec<u8>, SealError>;
}
