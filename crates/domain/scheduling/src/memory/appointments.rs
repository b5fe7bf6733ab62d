use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, Page, PageRequest, PersonId, SessionId, StoreError};
use restartix_tenancy::Reach;

use super::clinic::{MAX_OPEN, MemoryUnit, Organisation, Seated, impossible, page};
use crate::{
    Appointment, AppointmentFilter, Appointments, Booked, Booking, Capacity, Patient, Reminded,
    Reminders, Rescheduling, Seat, Slot, Status,
};

impl Organisation {
    fn sees(&self, reach: Reach, appointment: &Appointment) -> bool {
        let treated = matches!(reach, Reach::TreatedBy(specialist)
            if specialist == appointment.specialist
                || self.care.contains(&(specialist, appointment.patient)));
        reach.covers(appointment.patient, treated)
    }

    /// Whether another session than `own` is in the way.
    fn is_taken(&self, slot: &Slot, own: Option<SessionId>) -> bool {
        let wanted = slot.footprint();
        self.kept().any(|(id, other, ..)| {
            let taken = other.footprint();
            Some(id) != own
                && other.specialist == slot.specialist
                && taken.starts_at < wanted.ends_at
                && wanted.starts_at < taken.ends_at
        })
    }

    /// Finds the patient a seat: in the session, which is opened or joined.
    fn seat(
        &mut self,
        session: SessionId,
        seat: Seat,
        slot: &Slot,
        patient: PersonId,
    ) -> Result<Booked, StoreError> {
        match seat {
            Seat::Opened(seats) => {
                if self.is_taken(slot, None) {
                    return Ok(Booked::SlotTaken);
                }
                self.sessions.insert(session, (*slot, seats));
            }
            Seat::Joined => {
                let there = self.kept().find(|(id, ..)| *id == session);
                if there.is_none_or(|(.., seats, taken)| taken >= seats.get()) {
                    return Err(StoreError::Busy("the session has changed".into()));
                }
                if self.seated(session).any(|seated| seated.patient == patient) {
                    return Ok(Booked::SlotTaken);
                }
            }
        }
        Ok(Booked::Made)
    }

    fn add(&mut self, booking: &Booking, now: DateTime<Utc>) -> Result<Booked, StoreError> {
        let Booking { session, seat, slot, appointment, reminders } = booking;
        if self.booked.contains_key(&appointment.id) {
            return Err(impossible("an appointment is added twice"));
        }
        if !self.patients.contains(&appointment.patient) {
            return Err(impossible("an appointment is for nobody"));
        }
        if self.seat(*session, *seat, slot, appointment.patient)? == Booked::SlotTaken {
            return Ok(Booked::SlotTaken);
        }
        let Some(member) = self.specialists.get_mut(&slot.specialist) else {
            return Err(impossible("an appointment is with nobody"));
        };
        member.last_booked_at = Some(now);
        let (appointment, reminders) = (appointment.clone(), reminders.clone());
        let seated = Seated { session: *session, appointment, reminders };
        self.booked.insert(seated.appointment.id, seated);
        Ok(Booked::Made)
    }

    fn carry(&mut self, moved: &Rescheduling) -> Result<Booked, StoreError> {
        let Some(before) = self.booked.remove(&moved.appointment.id) else {
            return Err(impossible("an appointment that is not there is moved"));
        };
        let alone = self.seated(before.session).next().is_none();
        let session = match moved.seat {
            Seat::Opened(_) if alone => before.session,
            _ => moved.session,
        };
        let found = match moved.seat {
            Seat::Opened(_) if alone && self.is_taken(&moved.slot, Some(session)) => {
                Ok(Booked::SlotTaken)
            }
            Seat::Opened(_) if alone => {
                let seats = self.sessions.get(&session).map_or(Capacity::ONE, |(_, seats)| *seats);
                self.sessions.insert(session, (moved.slot, seats));
                Ok(Booked::Made)
            }
            seat => self.seat(session, seat, &moved.slot, moved.appointment.patient),
        };
        let seated = match found {
            Ok(Booked::Made) => Seated {
                session,
                appointment: moved.appointment.clone(),
                reminders: moved.reminders.clone(),
            },
            _ => before,
        };
        self.booked.insert(moved.appointment.id, seated);
        found
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
            let all = kept.booked.values().map(|booked| &booked.appointment);
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
            let appointment = &kept.booked.get(&id)?.appointment;
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
            let open = kept.booked.values().filter(|Seated { appointment, .. }| {
                appointment.patient == id
                    && appointment.status == Status::Confirmed
                    && appointment.starts_at > now
            });
            let open_appointments = u64::try_from(open.count()).unwrap_or(u64::MAX);
            let max_open = kept.max_open.unwrap_or(MAX_OPEN);
            let patient = Patient { id, open_appointments, max_open };
            kept.patients.contains(&id).then_some(patient)
        }))
    }

    async fn add(&mut self, booking: &Booking) -> Result<Booked, StoreError> {
        let now = self.now();
        self.with(|kept| kept.add(booking, now))
    }

    async fn reschedule(&mut self, moved: &Rescheduling) -> Result<Booked, StoreError> {
        self.with(|kept| kept.carry(moved))
    }

    async fn set_status(&mut self, appointment: &Appointment) -> Result<(), StoreError> {
        self.with(|kept| {
            let booked = kept
                .booked
                .get_mut(&appointment.id)
                .ok_or_else(|| impossible("an appointment that is not there changes"))?;
            let there = &mut booked.appointment;
            there.status = appointment.status;
            there.cancel_reason = appointment.cancel_reason;
            there.version = appointment.version;
            booked.reminders = Reminders::none();
            Ok(())
        })
    }

    async fn set_consent(&mut self, appointment: &Appointment) -> Result<(), StoreError> {
        self.with(|kept| {
            let booked = kept.booked.get_mut(&appointment.id);
            let booked = booked.ok_or_else(|| impossible("nobody consents to nothing"))?;
            booked.appointment.recording_consent = appointment.recording_consent;
            booked.appointment.version = appointment.version;
            Ok(())
        })
    }

    async fn reminders(&mut self, id: AppointmentId) -> Result<Option<Reminded>, StoreError> {
        Ok(self.with(|kept| {
            let Seated { appointment, reminders, .. } = kept.booked.get(&id)?;
            Some(Reminded { appointment: appointment.clone(), reminders: reminders.clone() })
        }))
    }

    async fn set_reminders(&mut self, reminded: &Reminded) -> Result<(), StoreError> {
        self.with(|kept| {
            let booked = kept.booked.get_mut(&reminded.appointment.id);
            let booked = booked.ok_or_else(|| impossible("nobody is reminded of nothing"))?;
            booked.reminders = reminded.reminders.clone();
            Ok(())
        })
    }
}
