//! What happened, for those who act on it later.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, EventId, StoreError};
use restartix_tenancy::{ClaimSource, Version};

/// The kinds of events: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Somebody was booked.
    AppointmentCreated,
    /// An appointment was called off.
    AppointmentCancelled,
}

impl EventKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::AppointmentCreated, Self::AppointmentCancelled];

    /// The kind's name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppointmentCreated => "appointment.created",
            Self::AppointmentCancelled => "appointment.cancelled",
        }
    }

    /// Who acts on it. This table is the one place where one domain's event reaches another.
    pub const fn topics(self) -> &'static [Topic] {
        match self {
            Self::AppointmentCreated | Self::AppointmentCancelled => &[Topic::Video],
        }
    }
}

/// Somebody who acts on events; each has a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Makes and deletes rooms.
    Video,
}

impl Topic {
    /// The topic's name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
        }
    }
}

/// Something that happened to an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    /// The key by which consumers drop duplicates.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// To which appointment.
    pub appointment: AppointmentId,
    /// The appointment's version after it.
    pub version: Version,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

/// The events of one unit of work: they commit with the change that caused them.
#[async_trait]
pub trait Outbox: Send {
    /// Queues `event` for each of its topics.
    async fn record(&mut self, event: &DomainEvent) -> Result<(), StoreError>;
}

/// How a consumer claims events.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Whose queue.
    pub topic: Topic,
    /// Events at most.
    pub limit: u16,
    /// The consumer's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub length: TimeDelta,
}

/// The fence of one claim: an outcome is recorded only while its lease is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseToken(pub EventId);

/// A claimed event.
#[derive(Clone, Copy, Debug)]
pub struct QueuedEvent {
    /// What happened.
    pub id: EventId,
    /// To which appointment.
    pub appointment: AppointmentId,
    /// How often it was claimed before.
    pub attempts: u32,
    /// The fence.
    pub lease: LeaseToken,
}

/// What became of a claimed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Dealt with: it leaves the queue.
    Done,
    /// To be claimed again, not before this.
    RetryAt(DateTime<Utc>),
}

/// A claimed event and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub event: EventId,
    /// Under which lease.
    pub lease: LeaseToken,
    /// What became of it.
    pub settlement: Settlement,
}

/// The queues of events, across organisations.
///
/// Events about one appointment are handed out one after another, in the order in which they
/// happened; what is not settled before its lease ends is handed out again.
#[async_trait]
pub trait EventQueue: ClaimSource<Key = Lease, Row = QueuedEvent> {
    /// Records outcomes, all at once; one whose lease is no longer the current one changes nothing.
    async fn settle(&self, outcomes: &[Settled]) -> Result<(), StoreError>;
}
