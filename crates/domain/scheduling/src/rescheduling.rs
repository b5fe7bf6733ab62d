use chrono::{DateTime, Utc};

use crate::engine::{SlotRefusal, check_slot};
use crate::{
    Appointment, AppointmentType, BookingRefused, ChangeReason, Slot, SpecialistDiary, Status,
    TransitionRefused,
};

/// A move to another time that was decided and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescheduling {
    /// When the appointment was to start.
    pub starts_at_before: DateTime<Utc>,
    /// The time that it takes from now on, with its type's buffers as they are now.
    pub slot: Slot,
    /// The appointment as it will stand.
    pub appointment: Appointment,
    /// Why it is moved.
    pub reason: ChangeReason,
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
    starts_at: DateTime<Utc>,
    reason: ChangeReason,
    now: DateTime<Utc>,
) -> Result<Rescheduling, MoveRefused> {
    if appointment.status != Status::Confirmed {
        return Err(TransitionRefused { from: appointment.status, to: Status::Confirmed }.into());
    }
    // One specialist's appointments lie apart, so the start tells which is this one.
    let own = Some(appointment.starts_at.timestamp());
    diary.busy.retain(|busy| busy.counted_start() != own);
    check_slot(&kind.rules, &diary.as_diary(), starts_at, now).map_err(
        |refusal| match refusal {
            SlotRefusal::Taken => BookingRefused::SlotTaken,
            SlotRefusal::Unavailable(why) => BookingRefused::SlotUnavailable(why),
        },
    )?;
    let slot = Slot::of(kind, appointment.specialist, starts_at);
    let moved = Appointment {
        starts_at,
        ends_at: slot.ends_at,
        version: appointment.version.next(),
        ..appointment.clone()
    };
    Ok(Rescheduling { starts_at_before: appointment.starts_at, slot, appointment: moved, reason })
}
