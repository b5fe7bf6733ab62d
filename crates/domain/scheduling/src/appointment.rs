use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{
    AppointmentId, AppointmentTypeId, Page, PageRequest, PersonId, StoreError, words,
};
use restartix_tenancy::{Reach, Version};

use crate::{Booking, Reminders, Rescheduling};

words! {
    /// Where an appointment stands: `confirmed -> in_progress -> completed`, or
    /// `confirmed -> cancelled | no_show`.
    Status {
        /// Booked.
        Confirmed = "confirmed",
        /// Going on.
        InProgress = "in_progress",
        /// It took place.
        Completed = "completed",
        /// Called off.
        Cancelled = "cancelled",
        /// Nobody came.
        NoShow = "no_show",
    }
}

words! {
    /// Why an appointment was moved or called off: a closed set, because it leaves the platform.
    ChangeReason {
        /// The patient asked for it.
        PatientRequest = "patient_request",
        /// The specialist cannot come.
        SpecialistUnavailable = "specialist_unavailable",
        /// The clinic is closed.
        ClinicClosed = "clinic_closed",
        /// Something does not work.
        Technical = "technical",
        /// None of these.
        Other = "other",
    }
}

/// The appointment does not stand where the transition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an appointment that is {from} cannot become {to}")]
pub struct TransitionRefused {
    /// Where it stands.
    pub from: Status,
    /// Where it was to go.
    pub to: Status,
}

impl Status {
    /// Whether the appointment keeps its time.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Confirmed | Self::InProgress)
    }

    /// The status after a transition to `to`.
    pub fn to(self, to: Self) -> Result<Self, TransitionRefused> {
        let allowed = match self {
            Self::Confirmed => matches!(to, Self::InProgress | Self::Cancelled | Self::NoShow),
            Self::InProgress => matches!(to, Self::Completed),
            Self::Completed | Self::Cancelled | Self::NoShow => false,
        };
        if allowed { Ok(to) } else { Err(TransitionRefused { from: self, to }) }
    }
}

/// A patient's seat at a time with a specialist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// What for.
    pub appointment_type: AppointmentTypeId,
    /// With whom.
    pub specialist: PersonId,
    /// Who comes.
    pub patient: PersonId,
    /// From then.
    pub starts_at: DateTime<Utc>,
    /// Until then.
    pub ends_at: DateTime<Utc>,
    /// By video, or in person.
    pub online: bool,
    /// Whether the patient consented to a recording.
    pub recording_consent: bool,
    /// Where it stands.
    pub status: Status,
    /// Why it was called off, when it was.
    pub cancel_reason: Option<ChangeReason>,
    /// Changes so far, from 1.
    pub version: Version,
}

impl Appointment {
    /// The same appointment after a transition to `to`.
    pub fn transition(&self, to: Status) -> Result<Self, TransitionRefused> {
        let status = self.status.to(to)?;
        Ok(Self { status, version: self.version.next(), ..self.clone() })
    }

    /// The same appointment, called off.
    pub fn cancel(&self, reason: ChangeReason) -> Result<Self, TransitionRefused> {
        let cancelled = self.transition(Status::Cancelled)?;
        Ok(Self { cancel_reason: Some(reason), ..cancelled })
    }

    /// The same appointment, with the patient's consent to a recording given or withdrawn.
    #[must_use]
    pub fn with_consent(&self, given: bool) -> Self {
        Self { recording_consent: given, version: self.version.next(), ..self.clone() }
    }
}

/// Which appointments a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppointmentFilter {
    /// Those that end after this.
    pub from: Option<DateTime<Utc>>,
    /// Those that start before this.
    pub to: Option<DateTime<Utc>>,
    /// Those that stand so.
    pub status: Option<Status>,
}

/// How an insert of a booking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booked {
    /// Done.
    Made,
    /// Another appointment of the specialist is in the way: the second wall behind the lock.
    SlotTaken,
}

/// What a booking asks of a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patient {
    /// Who.
    pub id: PersonId,
    /// Their appointments to come.
    pub open_appointments: u64,
    /// How many of these the organisation allows a patient.
    pub max_open: u16,
}

/// The reminders of an appointment that are to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminded {
    /// The appointment as it stands.
    pub appointment: Appointment,
    /// What is to come.
    pub reminders: Reminders,
}

/// The appointments of one organisation, within one unit of work.
#[async_trait]
pub trait Appointments: Send {
    /// Those within `reach` that pass `filter`, by start and id.
    async fn list(
        &mut self,
        reach: Reach,
        filter: &AppointmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Appointment>, StoreError>;

    /// One of those within `reach`.
    async fn find(
        &mut self,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Option<Appointment>, StoreError>;

    /// As [`Appointments::find`]; nobody else changes it until the unit of work ends.
    async fn lock(
        &mut self,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Option<Appointment>, StoreError>;

    /// What a booking asks of a patient, at `now`, who stays locked against other bookings until
    /// the unit of work ends; `None` when the person is no active patient of the organisation.
    async fn patient(
        &mut self,
        id: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Option<Patient>, StoreError>;

    /// Keeps a booking: its session with the specialist's occupancy, where it opens one, and the seat.
    /// Seats never exceed what the session has; a patient has one seat in a session.
    /// [`StoreError::Busy`] when the session to be joined has changed since it was looked at.
    async fn add(&mut self, booking: &Booking) -> Result<Booked, StoreError>;

    /// Keeps a move, and a line of it. Whoever was alone takes session and occupancy along; whoever
    /// was not leaves them to the others. Refusals as in [`Appointments::add`].
    async fn reschedule(&mut self, moved: &Rescheduling) -> Result<Booked, StoreError>;

    /// Keeps where `appointment` stands now; one that is no longer active frees its seat, the last of
    /// a session its time. Nobody is reminded of what is no longer to come.
    async fn set_status(&mut self, appointment: &Appointment) -> Result<(), StoreError>;

    /// Keeps whether the patient of `appointment` consents to a recording.
    async fn set_consent(&mut self, appointment: &Appointment) -> Result<(), StoreError>;

    /// The reminders of an appointment that are to come; nobody else changes it until the unit of
    /// work ends.
    async fn reminders(&mut self, id: AppointmentId) -> Result<Option<Reminded>, StoreError>;

    /// Keeps which reminders are to come.
    async fn set_reminders(&mut self, reminded: &Reminded) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appointment_moves_along_its_states_and_no_other_way() {
        let allowed: Vec<_> = Status::ALL
            .iter()
            .flat_map(|from| Status::ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.to(*to).is_ok())
            .map(|(from, to)| format!("{from}->{to}"))
            .collect();
        assert_eq!(
            allowed,
            [
                "confirmed->in_progress",
                "confirmed->cancelled",
                "confirmed->no_show",
                "in_progress->completed"
            ]
        );
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for reason in ChangeReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert_eq!("Confirmed".parse::<Status>(), Err(restartix_kernel::UnknownWord));
    }
}
