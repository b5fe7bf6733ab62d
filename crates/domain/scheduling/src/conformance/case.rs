use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, PersonId, Random, RandomExt, SessionId};
use restartix_tenancy::Version;

use crate::{Appointment, AppointmentType, Booking, Seat, Slot, Status};

/// What an organisation must hold before the suites of the repositories run over it, and nothing
/// else of the kind: no appointment at all.
#[derive(Clone, Debug)]
pub struct Case {
    /// On offer, with buffers before and after that are not zero.
    pub kind: AppointmentType,
    /// An active specialist, who treats nobody.
    pub specialist: PersonId,
    /// An active patient.
    pub patient: PersonId,
    /// Another active patient.
    pub other_patient: PersonId,
    /// Nobody of this organisation.
    pub stranger: PersonId,
    /// What the clock shows, on a whole minute.
    pub now: DateTime<Utc>,
}

impl Case {
    /// A booking of the patient with the specialist, `days` from now.
    pub fn booking(&self, random: &dyn Random, days: i64) -> Booking {
        self.booking_at(random, self.now + TimeDelta::days(days))
    }

    /// A booking of the patient with the specialist that starts then.
    pub fn booking_at(&self, random: &dyn Random, starts_at: DateTime<Utc>) -> Booking {
        let slot = Slot::of(&self.kind, self.specialist, starts_at);
        let appointment = Appointment {
            id: AppointmentId::fresh(random),
            appointment_type: self.kind.id,
            specialist: self.specialist,
            patient: self.patient,
            starts_at,
            ends_at: slot.ends_at,
            online: self.kind.online,
            recording_consent: false,
            status: Status::Confirmed,
            cancel_reason: None,
            version: Version::FIRST,
        };
        let session = SessionId::from_uuid(random.uuid_v7(self.now));
        let seat = Seat::Opened(self.kind.capacity);
        let reminders = self.kind.reminders.ahead(starts_at, self.now);
        Booking { session, seat, slot, appointment, reminders }
    }
}
