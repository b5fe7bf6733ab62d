use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, SessionId};
use restartix_tenancy::Version;

use crate::engine::{SlotRefusal, Unavailable, check_slot};
use crate::{
    Appointment, AppointmentType, Patient, Reminders, Seat, Slot, SpecialistDiary, Status,
};

/// A booking that was decided and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The session in which it has a seat.
    pub session: SessionId,
    /// How it comes by the seat.
    pub seat: Seat,
    /// The time it takes, with its buffers as they are now.
    pub slot: Slot,
    /// The appointment as it will stand.
    pub appointment: Appointment,
    /// The reminders that are to come.
    pub reminders: Reminders,
}

/// Why a booking was not made, by what the caller can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookingRefused {
    /// An appointment or a live hold is in the way: choose another slot.
    #[error("the slot is taken")]
    SlotTaken,
    /// The specialist does not offer this start: ask for availability.
    #[error("the slot is not available")]
    SlotUnavailable(Unavailable),
    /// The patient has as many appointments to come as the organisation allows.
    #[error("the patient has too many open appointments")]
    TooManyOpen,
}

/// What is to be booked.
#[derive(Clone, Copy, Debug)]
pub struct BookingRequest<'a> {
    /// The id that the appointment will have.
    pub id: AppointmentId,
    /// The id that its session will have, where it opens one.
    pub session: SessionId,
    /// What for.
    pub kind: &'a AppointmentType,
    /// For whom.
    pub patient: Patient,
    /// From then.
    pub starts_at: DateTime<Utc>,
    /// Whether the patient consents to a recording.
    pub recording_consent: bool,
}

/// Decides a booking under the lock of the specialist's calendar.
///
/// `diary` holds what is booked and the live holds of others around the start.
pub fn decide(
    request: &BookingRequest<'_>,
    diary: &SpecialistDiary,
    now: DateTime<Utc>,
) -> Result<Booking, BookingRefused> {
    let BookingRequest { id, session, kind, patient, starts_at, recording_consent } = *request;
    let open = diary.open_starts(kind);
    check_slot(&kind.rules, &diary.as_diary(&open), starts_at, now).map_err(
        |refusal| match refusal {
            SlotRefusal::Taken => BookingRefused::SlotTaken,
            SlotRefusal::Unavailable(why) => BookingRefused::SlotUnavailable(why),
        },
    )?;
    if patient.open_appointments >= u64::from(patient.max_open) {
        return Err(BookingRefused::TooManyOpen);
    }
    let slot = Slot::of(kind, diary.specialist, starts_at);
    let (session, seat) = diary.seat(kind, starts_at, session);
    let appointment = Appointment {
        id,
        appointment_type: kind.id,
        specialist: diary.specialist,
        patient: patient.id,
        starts_at,
        ends_at: slot.ends_at,
        online: kind.online,
        recording_consent: kind.recording && recording_consent,
        status: Status::Confirmed,
        cancel_reason: None,
        version: Version::FIRST,
    };
    let reminders = kind.reminders.ahead(starts_at, now);
    Ok(Booking { session, seat, slot, appointment, reminders })
}
