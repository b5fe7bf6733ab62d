use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use restartix_kernel::{Page, PageRequest, PersonId, SessionId, StoreError};
use restartix_tenancy::{Change, Personal, Version};

use crate::engine::{Busy, Candidate, Diary, SpecialistCalendar, WeeklyBlock, Window};
use crate::{AppointmentType, Seat, Session};

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
    /// Changes of zone and hours so far.
    pub version: Version,
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
    /// What is booked, by session.
    pub sessions: Vec<Session>,
    /// When they were last booked, for the round robin.
    pub last_booked_at: Option<DateTime<Utc>>,
    /// How many bookings they have around the range, for the round robin.
    pub booked: u64,
}

impl SpecialistDiary {
    /// When the sessions start in which a seat for `kind` is free.
    pub fn open_starts(&self, kind: &AppointmentType) -> Vec<DateTime<Utc>> {
        let open = self.sessions.iter().filter(|session| session.is_open_for(kind));
        open.map(|session| session.starts_at).collect()
    }

    /// The seat of whoever books `kind` then: in the session that is there, or in a new one of this
    /// id.
    pub fn seat(
        &self,
        kind: &AppointmentType,
        starts_at: DateTime<Utc>,
        fresh: SessionId,
    ) -> (SessionId, Seat) {
        let there =
            |session: &&Session| session.starts_at == starts_at && session.is_open_for(kind);
        match self.sessions.iter().find(there) {
            Some(session) => (session.id, Seat::Joined),
            None => (fresh, Seat::Opened(kind.capacity)),
        }
    }

    /// The diary as the engine reads it, with the starts of open sessions.
    pub fn as_diary<'a>(&'a self, open: &'a [DateTime<Utc>]) -> Diary<'a> {
        Diary { calendar: &self.calendar, busy: &self.busy, open_sessions: open }
    }

    /// The specialist as the engine's round robin reads them, with the starts of open sessions.
    pub fn as_candidate<'a>(&'a self, open: &'a [DateTime<Utc>]) -> Candidate<'a, PersonId> {
        Candidate {
            id: self.specialist,
            diary: self.as_diary(open),
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

    /// Replaces zone and hours; with `seen`, only when that is still the version kept.
    async fn set_hours(
        &mut self,
        id: PersonId,
        timezone: Tz,
        hours: &[WeeklyBlock],
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;

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
