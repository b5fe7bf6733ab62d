use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, Page, PageRequest, PersonId, StoreError};
use restartix_tenancy::Reach;

use super::clinic::{MemoryUnit, Organisation, impossible, page};
use crate::{
    Appointment, AppointmentFilter, Appointments, Booked, Booking, Patient, Rescheduling, Slot,
    Status,
};

impl Organisation {
    fn sees(&self, reach: Reach, appointment: &Appointment) -> bool {
        let treated = matches!(reach, Reach::TreatedBy(specialist)
            if specialist == appointment.specialist
                || self.care.contains(&(specialist, appointment.patient)));
        reach.covers(appointment.patient, treated)
    }

    fn is_taken(&self, slot: &Slot) -> bool {
        let wanted = slot.footprint();
        self.booked.values().any(|(other, booked)| {
            let taken = other.footprint();
            booked.status.is_active()
                && other.specialist == slot.specialist
                && taken.starts_at < wanted.ends_at
                && wanted.starts_at < taken.ends_at
        })
    }

    fn add(&mut self, booking: &Booking, now: DateTime<Utc>) -> Result<Booked, StoreError> {
        let Booking { slot, appointment, .. } = booking;
        if self.booked.contains_key(&appointment.id) {
            return Err(impossible("an appointment is added twice"));
        }
        if !self.patients.contains(&appointment.patient) {
            return Err(impossible("an appointment is for nobody"));
        }
        if self.is_taken(slot) {
            return Ok(Booked::SlotTaken);
        }
        let Some(member) = self.specialists.get_mut(&slot.specialist) else {
            return Err(impossible("an appointment is with nobody"));
        };
        member.last_booked_at = Some(now);
        self.booked.insert(appointment.id, (*slot, appointment.clone()));
        Ok(Booked::Made)
    }
}

fn passes(filter: &AppointmentFilter, appointment: &Appointment) -> bool {
    filter.from.is_none_or(|from| appointment.ends_at > from)
        && filter.to.is_none_or(|to| appointment.starts_at < to)
        && filter.status.is_none_or(|status| appointment.status == status)
}

/// The order of a list: start, then id.
fn position(appointment: &Appointment) -> (i64, i64) {
    (appointment.starts_at.timestamp_micros(), appointment.id.get())
}

fn read(cursor: &str) -> Option<(i64, i64)> {
    let (starts_at, id) = cursor.split_once('.')?;
    Some((starts_at.parse().ok()?, id.parse().ok()?))
}

fn write(appointment: &Appointment) -> String {
    let (starts_at, id) = position(appointment);
    format!("{starts_at}.{id}")
}

#[async_trait]
impl Appointments for MemoryUnit {
    async fn list(
        &mut self,
        reach: Reach,
        filter: &AppointmentFilter,
        request: &PageRequest,
    ) -> Result<Page<Appointment>, StoreError> {
        let mut seen: Vec<_> = self.with(|kept| {
            let all = kept.booked.values().map(|(_, appointment)| appointment);
            all.filter(|one| kept.sees(reach, one) && passes(filter, one)).cloned().collect()
        });
        seen.sort_by_key(position);
        page(seen.into_iter(), request, position, read, write)
    }

    async fn find(
        &mut self,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Option<Appointment>, StoreError> {
        Ok(self.with(|kept| {
            let (_, appointment) = kept.booked.get(&id)?;
            kept.sees(reach, appointment).then(|| appointment.clone())
        }))
    }

    async fn lock(
        &mut self,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Option<Appointment>, StoreError> {
        Appointments::find(self, reach, id).await
    }

    async fn patient(
        &mut self,
        id: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Option<Patient>, StoreError> {
        Ok(self.with(|kept| {
            let open = kept.booked.values().filter(|(_, appointment)| {
                appointment.patient == id
                    && appointment.status == Status::Confirmed
                    && appointment.starts_at > now
            });
            let open_appointments = u64::try_from(open.count()).unwrap_or(u64::MAX);
            kept.patients.contains(&id).then_some(Patient { id, open_appointments })
        }))
    }

    async fn add(&mut self, booking: &Booking) -> Result<Booked, StoreError> {
        let now = self.now();
        self.with(|kept| kept.add(booking, now))
    }

    async fn reschedule(&mut self, moved: &Rescheduling) -> Result<Booked, StoreError> {
        self.with(|kept| {
            let Some(booked) = kept.booked.remove(&moved.appointment.id) else {
                return Err(impossible("an appointment that is not there is moved"));
            };
            if kept.is_taken(&moved.slot) {
                kept.booked.insert(moved.appointment.id, booked);
                return Ok(Booked::SlotTaken);
            }
            kept.booked.insert(moved.appointment.id, (moved.slot, moved.appointment.clone()));
            Ok(Booked::Made)
        })
    }

    async fn set_status(&mut self, appointment: &Appointment) -> Result<(), StoreError> {
        self.with(|kept| {
            let (_, there) = kept
                .booked
                .get_mut(&appointment.id)
                .ok_or_else(|| impossible("an appointment that is not there changes"))?;
            there.status = appointment.status;
            there.cancel_reason = appointment.cancel_reason;
            there.version = appointment.version;
            Ok(())
        })
    }
}
