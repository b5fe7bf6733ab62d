use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, PersonId, StoreError, words};
use uuid::Uuid;

use crate::NoticeId;

words! {
    /// In what part somebody is in a room.
    Part {
        /// They are treated.
        Patient = "patient",
        /// They treat.
        Specialist = "specialist",
    }
}

/// The provider's name of one person's connection to one room. Who reconnects stays anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StayId(pub Uuid);

/// Somebody's stay in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Which.
    pub id: StayId,
    /// Whose.
    pub person: PersonId,
    /// From then, on the provider's clock.
    pub joined_at: DateTime<Utc>,
    /// Until then; while it is not known to have ended, nothing.
    pub left_at: Option<DateTime<Utc>>,
}

impl Stay {
    /// How long it lasted, in whole seconds: what a clock that went backwards says is none.
    pub fn seconds(&self) -> Option<u32> {
        let lasted = (self.left_at? - self.joined_at).num_seconds().max(0);
        Some(u32::try_from(lasted).unwrap_or(u32::MAX))
    }
}

/// What of a stay was not known before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// That it began.
    pub joined: bool,
    /// That it ended.
    pub left: bool,
}

/// Who was in the rooms of one organisation, within one unit of work.
#[async_trait]
pub trait Presence: Send {
    /// Remembers the notice `id`; `false` when it was remembered already. Those of the organisation
    /// that are older than anything a provider repeats are forgotten.
    async fn remember(&mut self, id: &NoticeId, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Writes down a stay in the room of `appointment`; what was known of it stays as it was.
    async fn learn(
        &mut self,
        appointment: AppointmentId,
        stay: &Stay,
    ) -> Result<Learned, StoreError>;

    /// Every stay in the room of `appointment`, the earliest first.
    async fn stays(&mut self, appointment: AppointmentId) -> Result<Vec<Stay>, StoreError>;

    /// Every stay in the rooms of `appointments`.
    async fn stays_of(
        &mut self,
        appointments: &[AppointmentId],
    ) -> Result<Vec<(AppointmentId, Stay)>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_lasts_until_it_ends_and_never_less_than_nothing() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let stay = |left_at| Stay {
            id: StayId(Uuid::nil()),
            person: PersonId::from_uuid(Uuid::nil()),
            joined_at: at(100),
            left_at,
        };
        assert_eq!(stay(None).seconds(), None);
        assert_eq!(stay(Some(at(161))).seconds(), Some(61));
        assert_eq!(stay(Some(at(90))).seconds(), Some(0));
    }
}
