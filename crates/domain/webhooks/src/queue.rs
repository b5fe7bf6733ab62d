//! What the workers need: places, claims, outcomes, replays, and how it all fares.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{EventId, StoreError, WebhookEndpointId};
use restartix_tenancy::{ClaimSource, OrgId};

use crate::{Attempt, SealedSecret, Verdict};

/// Gives events their places, freezes their bodies and fans them out.
#[async_trait]
pub trait Sequencer: Send + Sync {
    /// One batch, of the organisations that nobody else serves; how many events.
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
    /// How long nobody else gets them; after that the next claim of anybody ends the lease.
    pub lease: TimeDelta,
}

/// Deliveries to one endpoint that were claimed together, and what all of them need.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The fence.
    pub lease: EventId,
    /// To which endpoint.
    pub endpoint: WebhookEndpointId,
    /// Where to.
    pub url: String,
    /// The secrets that sign now.
    pub secrets: Vec<SealedSecret>,
    /// The endpoint's own headers.
    pub headers: Option<SealedSecret>,
    /// What, the oldest first; never empty, and each run's together.
    pub due: Vec<Due>,
}

/// A place in an organisation's feed, as it was claimed: in a run of places that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The first place of the run; below 0, what is for one endpoint alone.
    pub run: i64,
    /// How many places after it: 0 to 59.
    pub offset: u8,
}

/// One claimed delivery.
#[derive(Clone, Debug)]
pub struct Due {
    /// Where.
    pub place: Place,
    /// What.
    pub event: EventId,
    /// Attempts that failed before.
    pub attempts: u32,
    /// The frozen bytes.
    pub body: String,
}

/// A claimed delivery and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// Whose: that of the [`Tenant`] that the claim lent.
    ///
    /// [`Tenant`]: restartix_tenancy::Tenant
    pub organisation: OrgId,
    /// To which endpoint.
    pub endpoint: WebhookEndpointId,
    /// Under which lease.
    pub lease: EventId,
    /// Which of those that were claimed together.
    pub place: Place,
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
    /// Records outcomes, all at once, and answers how many; one whose lease is no longer the current
    /// one changes nothing.
    async fn settle(&self, outcomes: &[Settled], now: DateTime<Utc>) -> Result<usize, StoreError>;
}

/// Hears that there is something to claim, sooner than a poll would find out.
#[async_trait]
pub trait Wake: Send + Sync {
    /// Ends when something was queued since the last call; perhaps for nothing. May never end: a
    /// poll stands behind it.
    async fn woken(&self);
}

/// Brings replay jobs further, forgets what leads nowhere, and keeps the weeks of what is over, across
/// organisations.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// A piece of so many events of each of some jobs; how many jobs went on.
    async fn replay(&self, events: u16, now: DateTime<Utc>) -> Result<usize, StoreError>;

    /// Forgets deliveries whose events are from before `before`, or whose endpoints are gone; how many.
    async fn sweep(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<usize, StoreError>;

    /// Makes the weeks ahead of `now` that are missing and drops those that have been over for so long
    /// that nobody is shown them; whether there was anything to do. Idempotent, one process at a time.
    async fn keep_weeks(&self, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// How it all fares.
    async fn backlog(&self, now: DateTime<Utc>) -> Result<Backlog, StoreError>;
}

/// What waits, since when, and how the endpoints stand: of everybody together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Events without a place; counted up to 100,000.
    pub unsequenced: u64,
    /// When the oldest of them happened.
    pub unsequenced_since: Option<DateTime<Utc>>,
    /// Deliveries that are due; counted up to 100,000.
    pub due: u64,
    /// Since when the oldest of them is due.
    pub due_since: Option<DateTime<Utc>>,
    /// For each organisation with something due, for how many seconds the oldest has been; without
    /// its name.
    pub lags: Vec<f64>,
    /// Endpoints by how they stand, each word once.
    pub endpoints: Vec<(&'static str, u64)>,
}

/// Shows a backlog to whoever watches.
pub trait BacklogGauge: Send + Sync {
    /// Shows what was found at `now`.
    fn show(&self, backlog: &Backlog, now: DateTime<Utc>);
}
