use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{
    EventId, Page, PageRequest, Secret, StoreError, WebhookDeliveryId, WebhookEndpointId,
    WebhookJobId, words,
};
use restartix_tenancy::{Change, Tenant, Version};

use crate::{Attempt, Disabled, Endpoint, Event, EventType, FailureCode, Job, State};

/// What a sealed secret is for: one cannot stand in for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It signs.
    Signing,
    /// It is the endpoint's own headers.
    Headers,
}

/// A secret as it is kept: it opens only for its organisation, endpoint, purpose and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which of the endpoint's: 1, 2, ...; of headers, the endpoint's version when they were set.
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

    /// Keeps where it is, what it hears of and how fast; with `seen`, only when that is still its
    /// version.
    async fn update(
        &mut self,
        endpoint: &Endpoint,
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;

    /// Keeps its own headers, so many, or that it has none.
    async fn set_headers(
        &mut self,
        id: WebhookEndpointId,
        headers: Option<(usize, &SealedSecret)>,
    ) -> Result<(), StoreError>;

    /// Lets it stand at `state`; what was said of it by failures is forgotten.
    async fn set_state(
        &mut self,
        id: WebhookEndpointId,
        state: State,
        disabled: Option<Disabled>,
    ) -> Result<Change, StoreError>;

    /// Forgets it, its secrets, its jobs and what waits for it. What was sent stays in the log until
    /// that is dropped.
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

    /// The last place that was given; 0 before the first.
    async fn last(&mut self) -> Result<i64, StoreError>;

    /// The first place that is kept of those given since `instant`.
    async fn first_since(&mut self, instant: DateTime<Utc>) -> Result<Option<i64>, StoreError>;
}

/// What endpoints are to hear once more, within one unit of work.
#[async_trait]
pub trait Jobs: Send {
    /// Begins one.
    async fn begin(&mut self, job: &Job) -> Result<(), StoreError>;

    /// One of them.
    async fn find(&mut self, id: WebhookJobId) -> Result<Option<Job>, StoreError>;

    /// How many of an endpoint's are not over.
    async fn running(&mut self, endpoint: WebhookEndpointId) -> Result<usize, StoreError>;
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
    /// Of one that waits: not before this. Of one that is over: when that was.
    pub at: DateTime<Utc>,
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
    /// Of an event that got its place then or later.
    pub since: Option<DateTime<Utc>>,
    /// Of an event that got its place before then.
    pub before: Option<DateTime<Utc>>,
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

/// Keeps secrets so that they open for one organisation, endpoint, purpose and version alone.
pub trait SecretSealer: Send + Sync {
    /// Seals.
    fn seal(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        endpoint: WebhookEndpointId,
        version: u32,
        secret: &[u8],
    ) -> Result<SealedSecret, SealError>;

    /// Opens.
    fn open(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        endpoint: WebhookEndpointId,
        sealed: &SealedSecret,
    ) -> Result<Vec<u8>, SealError>;
}
