use chrono::{DateTime, TimeDelta, Utc};

use crate::Room;

/// How long before its start, and after its end, an appointment's room is open. An organisation's
/// own choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowPolicy {
    lead: TimeDelta,
    grace: TimeDelta,
}

impl WindowPolicy {
    /// Open for `lead_minutes` before and `grace_minutes` after: each 0 to 1,440.
    pub fn new(lead_minutes: u16, grace_minutes: u16) -> Option<Self> {
        let most = 24 * 60;
        (lead_minutes <= most && grace_minutes <= most).then(|| Self {
            lead: TimeDelta::minutes(i64::from(lead_minutes)),
            grace: TimeDelta::minutes(i64::from(grace_minutes)),
        })
    }

    /// When the room of an appointment is open.
    pub fn window(&self, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> Window {
        Window { opens_at: starts_at - self.lead, closes_at: ends_at + self.grace }
    }
}

/// When a room is open: half-open, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant at which somebody may enter.
    pub opens_at: DateTime<Utc>,
    /// The instant at which everybody is asked to leave.
    pub closes_at: DateTime<Utc>,
}

/// What became of the appointment, as far as its room is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitState {
    /// It is to be, or it is going on.
    Open,
    /// It was called off.
    Cancelled,
    /// It took place, or nobody came.
    Over,
}

/// Leave to enter a room until it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission<'a> {
    /// Into this room.
    pub room: &'a Room,
}

/// Why nobody may enter now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionRefused {
    /// The appointment was called off.
    #[error("the appointment was cancelled")]
    Cancelled,
    /// It is over.
    #[error("the appointment is over")]
    TooLate,
    /// It opens later.
    #[error("the room is not open yet")]
    TooEarly {
        /// When it opens.
        opens_at: DateTime<Utc>,
    },
    /// The provider has not made the room yet: try again in a moment.
    #[error("the room is not ready yet")]
    RoomNotReady,
}

/// Whether somebody of the appointment may enter its room at `now`.
pub fn admit(
    state: VisitState,
    window: Window,
    room: Option<&Room>,
    now: DateTime<Utc>,
) -> Result<Admission<'_>, AdmissionRefused> {
    match state {
        VisitState::Cancelled => return Err(AdmissionRefused::Cancelled),
        VisitState::Over => return Err(AdmissionRefused::TooLate),
        VisitState::Open => {}
    }
    if now >= window.closes_at {
        return Err(AdmissionRefused::TooLate);
    }
    if now < window.opens_at {
        return Err(AdmissionRefused::TooEarly { opens_at: window.opens_at });
    }
    room.map(|room| Admission { room }).ok_or(AdmissionRefused::RoomNotReady)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RoomName, RoomNaming};

    #[test]
    fn a_room_is_entered_from_its_lead_to_its_grace_and_never_after_a_cancellation() {
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let window =
            WindowPolicy::new(15, 10).unwrap().window(start, start + TimeDelta::minutes(30));
        let room = Room {
            name: RoomName::new("r").unwrap(),
            naming: RoomNaming::Deterministic,
            url: "https://x.example/r".to_owned(),
            window,
            recorded: false,
        };
        let at = |minutes| start + TimeDelta::minutes(minutes);
        let open = |now| admit(VisitState::Open, window, Some(&room), now).map(|_| ());

        assert_eq!(open(at(-16)), Err(AdmissionRefused::TooEarly { opens_at: at(-15) }));
        assert_eq!(open(at(-15)), Ok(()));
        assert_eq!(open(at(39)), Ok(()));
        assert_eq!(open(at(40)), Err(AdmissionRefused::TooLate));
        let closed = |state| admit(state, window, Some(&room), at(0)).map(|_| ());
        assert_eq!(closed(VisitState::Cancelled), Err(AdmissionRefused::Cancelled));
        assert_eq!(closed(VisitState::Over), Err(AdmissionRefused::TooLate));
        let none = admit(VisitState::Open, window, None, at(0)).map(|_| ());
        assert_eq!(none, Err(AdmissionRefused::RoomNotReady));
        assert_eq!(WindowPolicy::new(1441, 0), None);
    }
}
