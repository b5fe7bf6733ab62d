use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, SessionId};
use restartix_tenancy::Version;

use crate::engine::{SlotRefusal, Unavailable, check_slot};
use crate::{Appointment, AppointmentType, Patient, Slot, SpecialistDiary, Status};

/// A booking that was decided and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The session that it opens.
    pub session: SessionId,
    /// The time it takes, with its buffers as they are now.
    pub slot: Slot,
    /// The appointment as it will stand.
    pub appointment: Appointment,
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
    /// The id that its session will have.
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
/// `diary` holds what is booked and the live holds of others around the start; `max_open` is how
/// many appointments to come the organisation allows a patient.
pub fn decide(
    request: &BookingRequest<'_>,
    diary: &SpecialistDiary,
    max_open: u16,
    now: DateTime<Utc>,
) -> Result<Booking, BookingRefused> {
    let BookingRequest { id, session, kind, patient, starts_at, recording_consent } = *request;
    check_slot(&kind.rules, &diary.as_diary(), starts_at, now).map_err(
        |refusal| match refusal {
            SlotRefusal::Taken => BookingRefused::SlotTaken,
            SlotRefusal::Unavailable(why) => BookingRefused::SlotUnavailable(why),
        },
    )?;
    if patient.open_appointments >= u64::from(max_open) {
        return Err(BookingRefused::TooManyOpen);
    }
    let slot = Slot::of(kind, diary.specialist, starts_at);
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
    Ok(Booking { session, slot, appointment })
}
