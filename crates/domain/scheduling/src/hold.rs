use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentTypeId, HoldId, PersonId};
use restartix_tenancy::Tenant;

use crate::AppointmentType;
use crate::engine::{Busy, EngineError, Minutes, Window};

/// A time with one specialist for one type of appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What for.
    pub appointment_type: AppointmentTypeId,
    /// With whom.
    pub specialist: PersonId,
    /// From then.
    pub starts_at: DateTime<Utc>,
    /// Until then.
    pub ends_at: DateTime<Utc>,
    /// Time kept clear before it.
    pub buffer_before: Minutes,
    /// Time kept clear after it.
    pub buffer_after: Minutes,
}

impl Slot {
    /// The slot of `kind` with `specialist` that starts at `starts_at`.
    pub fn of(kind: &AppointmentType, specialist: PersonId, starts_at: DateTime<Utc>) -> Self {
        let length = TimeDelta::minutes(i64::from(kind.rules.duration.get()));
        Self {
            appointment_type: kind.id,
            specialist,
            starts_at,
            ends_at: starts_at + length,
            buffer_before: kind.rules.buffer_before,
            buffer_after: kind.rules.buffer_after,
        }
    }

    /// What the slot keeps others out of: the slot and its buffers.
    pub fn footprint(&self) -> Window {
        let minutes = |length: Minutes| TimeDelta::minutes(i64::from(length.get()));
        Window {
            starts_at: self.starts_at - minutes(self.buffer_before),
            ends_at: self.ends_at + minutes(self.buffer_after),
        }
    }

    /// The slot as time that is taken.
    pub fn busy(&self) -> Result<Busy, EngineError> {
        let busy = Busy::new(self.starts_at, self.ends_at)?;
        Ok(busy.with_buffers(self.buffer_before, self.buffer_after))
    }
}

/// A slot kept for somebody for some minutes, while they make up their mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// What is kept.
    pub slot: Slot,
    /// For whom.
    pub owner: PersonId,
    /// Until then.
    pub expires_at: DateTime<Utc>,
}

impl Hold {
    /// How long a hold lives, and how much longer each renewal makes it.
    pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);
    /// How often a hold may be renewed.
    pub const RENEWALS: u8 = 2;
    /// How long the record of a hold outlives it, so that a late confirm is still understood.
    pub const AFTERLIFE: TimeDelta = TimeDelta::hours(1);

    /// Whether the hold still keeps others out at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }
}

/// Why a hold was not given, by what the caller can do next.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Somebody else holds a slot of the specialist that meets this one: choose another.
    #[error("the slot is held by somebody else")]
    Taken,
    /// There is no such live hold of this owner.
    #[error("there is no such hold")]
    NotFound,
    /// It was renewed as often as it may be: book, or let go.
    #[error("the hold cannot be renewed again")]
    Exhausted,
    /// Holds cannot be had now: book without one.
    #[error("holds are unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps slots for some minutes. A courtesy: what is lost here costs convenience, never
/// correctness, because the booking's own constraint decides.
///
/// Each operation is atomic. `now` is the caller's clock: holds expire by it and by no other.
#[async_trait]
pub trait Holds: Send + Sync {
    /// Keeps `slot` for `owner` under `id`. The same owner and slot: the hold there is already,
    /// unchanged. Another slot of the same type: the owner's earlier hold of that type is let go.
    /// Whoever holds a slot of the same specialist whose footprint meets this one's, whatever its
    /// type: [`HoldError::Taken`].
    async fn acquire(
        &self,
        tenant: &Tenant,
        id: HoldId,
        slot: &Slot,
        owner: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Hold, HoldError>;

    /// Gives a live hold of `owner` another [`Hold::LIFETIME`] from `now`, at most
    /// [`Hold::RENEWALS`] times.
    async fn renew(
        &self,
        tenant: &Tenant,
        id: HoldId,
        owner: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Hold, HoldError>;

    /// Lets a hold of `owner` go; [`HoldError::NotFound`] when there is none.
    async fn release(&self, tenant: &Tenant, id: HoldId, owner: PersonId) -> Result<(), HoldError>;

    /// The hold of `owner` called `id`, live or expired for less than [`Hold::AFTERLIFE`].
    async fn find(
        &self,
        tenant: &Tenant,
        id: HoldId,
        owner: PersonId,
    ) -> Result<Option<Hold>, HoldError>;

    /// The live holds on any of `specialists` whose footprint meets `range`, in any order.
    async fn live(
        &self,
        tenant: &Tenant,
        specialists: &[PersonId],
        range: Window,
        now: DateTime<Utc>,
    ) -> Result<Vec<Hold>, HoldError>;
}
