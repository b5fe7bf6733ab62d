//! What waits to be sent: kept with the change that caused it, frozen into batches, and forgotten
//! when the service has it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{EventId, StoreError, words};
use restartix_tenancy::ClaimSource;

use crate::{
    BatchId, Hour, Kept, KeyEpoch, LineDigest, PoisonReason, Poisoned, Publication, Tally,
};

/// The events of one organisation that wait, within one unit of work.
///
/// Lines of the audit need no word here: whatever store keeps them lets each of them wait too.
#[async_trait]
pub trait TelemetryFeed: Send {
    /// Lets facts wait, in one statement: they commit with the change that caused them.
    async fn publish(&mut self, publications: &[Publication]) -> Result<(), StoreError>;

    /// The events that were frozen into `batch`, by id.
    async fn members(&mut self, batch: BatchId) -> Result<Vec<Kept>, StoreError>;

    /// What the service is believed to have of an hour: everything but what waits and what was put
    /// aside. `None` while a batch with something of the hour is under way: nobody knows then.
    async fn tally(&mut self, hour: Hour) -> Result<Option<Tally>, StoreError>;
}

/// How a forwarder claims.
#[derive(Clone, Copy, Debug)]
pub struct ForwardClaim {
    /// Batches at most.
    pub batches: u16,
    /// Events in each batch that is frozen now, at most.
    pub events: u16,
    /// The epoch whose pseudonyms such a batch will have.
    pub epoch: KeyEpoch,
    /// The forwarder's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub lease: TimeDelta,
}

/// A batch whose id and members are durable, to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrozenBatch {
    /// Its name.
    pub id: BatchId,
    /// The epoch of its pseudonyms.
    pub epoch: KeyEpoch,
    /// How often it was claimed before.
    pub attempts: u32,
    /// The fence: an outcome is recorded only while this lease is the current one.
    pub lease: EventId,
}

/// What became of a claimed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardVerdict {
    /// The service has it. Of its facts it was told lines with these digests.
    Done(Vec<(EventId, LineDigest)>),
    /// The service refuses it and does not say why: it becomes two, of half its events each.
    Split,
    /// To be sent again as it is, not before this.
    RetryAt(DateTime<Utc>),
    /// These events are put aside with their reason, and the others go into other batches.
    Quarantine(Vec<Poisoned>),
}

/// A claimed batch and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Which.
    pub batch: BatchId,
    /// Under which lease.
    pub lease: EventId,
    /// What became of it.
    pub verdict: ForwardVerdict,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many events.
    pub events: u64,
    /// Since when the oldest of them.
    pub since: Option<DateTime<Utc>>,
    /// How many were put aside besides.
    pub quarantined: u64,
    /// Of how many hours both sides do not have the same, however often they are told again.
    pub differing: u64,
}

words! {
    /// What somebody has to look at.
    Alarm {
        /// The oldest event waits for longer than [`Backlog::PATIENCE`].
        Late = "late",
        /// An event was put aside.
        Quarantined = "quarantined",
        /// An hour differs.
        Differing = "differing",
    }
}

impl Backlog {
    /// How long an event may wait before somebody has to look.
    pub const PATIENCE: TimeDelta = TimeDelta::minutes(15);

    /// For how long the oldest event has waited at `now`.
    pub fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        self.since.map_or(TimeDelta::zero(), |since| now.signed_duration_since(since))
    }

    /// Whether this alarm is to be raised at `now`.
    pub fn raises(&self, alarm: Alarm, now: DateTime<Utc>) -> bool {
        match alarm {
            Alarm::Late => self.age(now) > Self::PATIENCE,
            Alarm::Quarantined => self.quarantined > 0,
            Alarm::Differing => self.differing > 0,
        }
    }
}

/// The events that wait, across organisations. A claim freezes what is not frozen yet: a batch is
/// of one organisation, and its id and members are durable before anybody gets it.
#[async_trait]
pub trait ForwardQueue: ClaimSource<Key = ForwardClaim, Row = FrozenBatch> {
    /// Records outcomes at `now`, all at once; one whose lease is no longer the current one changes
    /// nothing.
    async fn settle(&self, outcomes: &[Forwarded], now: DateTime<Utc>) -> Result<(), StoreError>;

    /// What waits at `now`, in all organisations.
    async fn backlog(&self, now: DateTime<Utc>) -> Result<Backlog, StoreError>;

    /// Lets what was put aside for this reason wait again, in all organisations; answers how much.
    async fn requeue(&self, reason: PoisonReason) -> Result<u64, StoreError>;

    /// The epochs of the batches that are on their way.
    async fn epochs(&self) -> Result<Vec<KeyEpoch>, StoreError>;
}

/// Shows to those who run the platform what waits.
pub trait BacklogGauge: Send + Sync {
    /// So much waits at `now`.
    fn show(&self, backlog: &Backlog, now: DateTime<Utc>);
}
