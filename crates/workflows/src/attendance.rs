//! Who has come, beside each appointment of a list.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, Page, PageRequest};
use restartix_scheduling::{Appointment, AppointmentFilter, Status};
use restartix_tenancy::{Actor, Role, Tenant};
use restartix_video::{Attendance, Stay};

use crate::calls::part;
use crate::{Bookings, Failure, Work};

/// An appointment, and what its video room tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attended {
    /// The appointment.
    pub appointment: Appointment,
    /// Since when the patient has been waiting in the room.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Whether the patient has not come, long enough after the start: somebody may want to say so.
    pub no_show_suggested: bool,
}

impl Bookings {
    /// The appointments within the caller's reach. Whether a patient waits, or has not come, is told to
    /// those who work there.
    pub async fn list(
        &self,
        tenant: &Tenant,
        filter: &AppointmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Attended>, Failure> {
        let now = self.desk.clock.now();
        let is_patient = matches!(tenant.actor(), Actor::User { role: Role::Patient, .. });
        self.desk
            .read(tenant, async |work| {
                let page = work.appointments().list(tenant.reach(), filter, page).await?;
                let known = if is_patient { Known::default() } else { known(work, &page).await? };
                Ok(page.map(|appointment| known.beside(appointment, now)))
            })
            .await
    }
}

/// What is known of the rooms of a page.
#[derive(Default)]
struct Known {
    stays: HashMap<AppointmentId, Vec<Stay>>,
    /// How long after its start somebody may still come.
    grace: Option<TimeDelta>,
}

async fn known(work: &mut dyn Work, page: &Page<Appointment>) -> Result<Known, Failure> {
    let open = page.items.iter().filter(|one| one.online && one.status.is_active());
    let open: Vec<_> = open.map(|one| one.id).collect();
    if open.is_empty() {
        return Ok(Known::default());
    }
    let mut stays: HashMap<AppointmentId, Vec<Stay>> = HashMap::new();
    for (id, stay) in work.presence().stays_of(&open).await? {
        stays.entry(id).or_default().push(stay);
    }
    let grace = i64::from(work.organisations().own().await?.grace_minutes);
    Ok(Known { stays, grace: Some(TimeDelta::minutes(grace)) })
}

impl Known {
    fn beside(&self, appointment: Appointment, now: DateTime<Utc>) -> Attended {
        let stays = self.stays.get(&appointment.id).map_or(&[][..], Vec::as_slice);
        let attendance = Attendance::of(stays, |stay| part(&appointment, stay));
        let late = self.grace.is_some_and(|grace| now >= appointment.starts_at + grace);
        let awaited = appointment.online && appointment.status == Status::Confirmed;
        Attended {
            waiting_since: attendance.waiting_since,
            no_show_suggested: awaited && late && !attendance.patient_came,
            appointment,
        }
    }
}
