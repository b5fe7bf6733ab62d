use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use restartix_kernel::{Page, PageRequest, PersonId, StoreError};
use restartix_tenancy::Personal;

use crate::engine::{Busy, Candidate, Diary, SpecialistCalendar, WeeklyBlock, Window};

/// Somebody who can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specialist {
    /// Who they are.
    pub id: PersonId,
    /// What they are called.
    pub display_name: Personal,
    /// The zone in which their hours are read.
    pub timezone: Tz,
    /// Their hours by weekday.
    pub hours: Vec<WeeklyBlock>,
}

/// What the engine needs of one specialist for a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialistDiary {
    /// Whose.
    pub specialist: PersonId,
    /// When they work.
    pub calendar: SpecialistCalendar,
    /// What is booked, each with its own buffers.
    pub busy: Vec<Busy>,
    /// When they were last booked, for the round robin.
    pub last_booked_at: Option<DateTime<Utc>>,
    /// How many bookings they have around the range, for the round robin.
    pub booked: u64,
}

impl SpecialistDiary {
    /// The diary as the engine reads it.
    pub fn as_diary(&self) -> Diary<'_> {
        Diary { calendar: &self.calendar, busy: &self.busy, open_sessions: &[] }
    }

    /// The specialist as the engine's round robin reads them.
    pub fn as_candidate(&self) -> Candidate<'_, PersonId> {
        Candidate {
            id: self.specialist,
            diary: self.as_diary(),
            last_booked_at: self.last_booked_at,
            booked: self.booked,
        }
    }
}

/// The calendars of one organisation, within one unit of work.
#[async_trait]
pub trait Calendars: Send {
    /// The active specialists, by id.
    async fn list(&mut self, page: &PageRequest) -> Result<Page<Specialist>, StoreError>;

    /// One active specialist.
    async fn find(&mut self, id: PersonId) -> Result<Option<Specialist>, StoreError>;

    /// Replaces zone and hours; `false` when there is no such specialist.
    async fn set_hours(
        &mut self,
        id: PersonId,
        timezone: Tz,
        hours: &[WeeklyBlock],
    ) -> Result<bool, StoreError>;

    /// The diaries of those of `who` that are active specialists, or of all for an empty `who`, by
    /// id; busy is what is booked within three days of `range`, so that whole local dates of every
    /// zone are covered.
    async fn diaries(
        &mut self,
        who: &[PersonId],
        range: Window,
    ) -> Result<Vec<SpecialistDiary>, StoreError>;

    /// The diary of one active specialist, whose calendar stays locked against other bookings
    /// until the unit of work ends.
    async fn lock(
        &mut self,
        id: PersonId,
        range: Window,
    ) -> Result<Option<SpecialistDiary>, StoreError>;
}
