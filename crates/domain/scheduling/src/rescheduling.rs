use crate::engine::{SlotRefusal, check_slot};
use chrono::{DateTime, Utc};
use restartix_kernel::SessionId;

use crate::{
    Appointment, AppointmentType, BookingRefused, ChangeReason, Reminders, Seat, Slot,
    SpecialistDiary, Status, TransitionRefused,
};

/// A move to another time that was decided and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescheduling {
    /// When the appointment was to start.
    pub starts_at_before: DateTime<Utc>,
    /// The session in which it has a seat from now on; where it opens one and was alone before, its
    /// session moves with it and keeps its id.
    pub session: SessionId,
    /// How it comes by the seat.
    pub seat: Seat,
    /// The time that it takes from now on, with its type's buffers as they are now.
    pub slot: Slot,
    /// The appointment as it will stand.
    pub appointment: Appointment,
    /// Why it is moved.
    pub reason: ChangeReason,
    /// The reminders that are to come.
    pub reminders: Reminders,
}

/// A move that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// To then.
    pub starts_at: DateTime<Utc>,
    /// Why.
    pub reason: ChangeReason,
    /// The id that a new session will have, where it opens one.
    pub session: SessionId,
}

/// Why an appointment was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveRefused {
    /// It does not stand where it can be moved.
    #[error(transparent)]
    Transition(#[from] TransitionRefused),
    /// The time is not to be had.
    #[error(transparent)]
    Slot(#[from] BookingRefused),
}

/// Decides a move under the lock of the specialist's calendar: to where somebody else could book,
/// and where the appointment itself is not in its own way.
///
/// `diary` holds what is booked and the live holds of others around both starts.
pub fn reschedule(
    appointment: &Appointment,
    kind: &AppointmentType,
    mut diary: SpecialistDiary,
    moving: Moving,
    now: DateTime<Utc>,
) -> Result<Rescheduling, MoveRefused> {
    let Moving { starts_at, reason, session } = moving;
    if appointment.status != Status::Confirmed {
        return Err(TransitionRefused { from: appointment.status, to: Status::Confirmed }.into());
    }
    // One specialist's sessions lie apart, so the start tells which is this one. Where others sit as
    // well it stays in the way.
    let own = |start: DateTime<Utc>| start == appointment.starts_at;
    if diary.sessions.iter().all(|session| !own(session.starts_at) || session.taken <= 1) {
        let start = Some(appointment.starts_at.timestamp());
        diary.busy.retain(|busy| busy.counted_start() != start);
    }
    // Nobody moves into the session that they are in.
    diary.sessions.retain(|session| !own(session.starts_at));
    let open = diary.open_starts(kind);
    check_slot(&kind.rules, &diary.as_diary(&open), starts_at, now).map_err(
        |refusal| match refusal {
            SlotRefusal::Taken => BookingRefused::SlotTaken,
            SlotRefusal::Unavailable(why) => BookingRefused::SlotUnavailable(why),
        },
    )?;
    let slot = Slot::of(kind, appointment.specialist, starts_at);
    let (session, seat) = diary.seat(kind, starts_at, session);
    let moved = Appointment {
        starts_at,
        ends_at: slot.ends_at,
        version: appointment.version.next(),
        ..appointment.clone()
    };
    Ok(Rescheduling {
        starts_at_before: appointment.starts_at,
        session,
        seat,
        slot,
        appointment: moved,
        reason,
        reminders: kind.reminders.ahead(starts_at, now),
    })
}
