use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentTypeId, SessionId};

use crate::AppointmentType;

/// Seats of a session: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capacity(u16);

impl Capacity {
    /// One patient at a time.
    pub const ONE: Self = Self(1);
    /// The largest.
    pub const MOST: u16 = 1000;

    /// So many seats.
    pub const fn new(seats: u16) -> Option<Self> {
        if seats == 0 || seats > Self::MOST { None } else { Some(Self(seats)) }
    }

    /// How many seats.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A time of a specialist in which somebody has a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What for.
    pub appointment_type: AppointmentTypeId,
    /// From then.
    pub starts_at: DateTime<Utc>,
    /// Until then.
    pub ends_at: DateTime<Utc>,
    /// Its seats, as the type had them when it was opened.
    pub seats: Capacity,
    /// How many are taken: at least one.
    pub taken: u16,
}

impl Session {
    /// Whether somebody can still book `kind` here: it is of that type, as long as that type is now,
    /// and a seat is free.
    pub fn is_open_for(&self, kind: &AppointmentType) -> bool {
        let length = TimeDelta::minutes(i64::from(kind.rules.duration.get()));
        self.appointment_type == kind.id
            && self.ends_at - self.starts_at == length
            && self.taken < self.seats.get()
    }
}

/// How a booking comes by its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// It opens a session of so many seats.
    Opened(Capacity),
    /// It takes a free one of a session that is there.
    Joined,
}
