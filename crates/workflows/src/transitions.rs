//! An appointment on its way through its states.

use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, SessionId};
use restartix_scheduling::engine::Window;
use restartix_scheduling::{
    Appointment, Booked, BookingRefused, ChangeReason, MoveRefused, Moving, Slot, Status,
    reschedule,
};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Tenant, Version};

use crate::bookings::kind;
use crate::{Bookings, Failure, Happening, Side, Work};

impl Bookings {
    /// Calls an appointment off.
    pub async fn cancel(
        &self,
        tenant: &Tenant,
        act: &Act,
        (id, seen): Seen,
        reason: ChangeReason,
    ) -> Result<Appointment, Failure> {
        self.desk
            .change(tenant, async |work| {
                let cancelled = lock(work, tenant, (id, seen)).await?.cancel(reason)?;
                work.appointments().set_status(&cancelled).await?;
                let (version, by) = (cancelled.version, Side::of(tenant.actor()));
                let called_off = Happening::AppointmentCancelled { appointment: id, version, by };
                let resource = Resource::one(ResourceKind::Appointment, id);
                self.desk
                    .conclude(work, called_off, act, resource, Some(cancelled.patient))
                    .await?;
                Ok(cancelled)
            })
            .await
    }

    /// Says that an appointment begins.
    pub async fn start(
        &self,
        tenant: &Tenant,
        act: &Act,
        seen: Seen,
    ) -> Result<Appointment, Failure> {
        let told = |appointment, version| Happening::AppointmentStarted { appointment, version };
        self.go_on(tenant, act, seen, Status::InProgress, told).await
    }

    /// Says that an appointment took place.
    pub async fn complete(
        &self,
        tenant: &Tenant,
        act: &Act,
        seen: Seen,
    ) -> Result<Appointment, Failure> {
        let told = |appointment, version| Happening::AppointmentCompleted { appointment, version };
        self.go_on(tenant, act, seen, Status::Completed, told).await
    }

    /// Says that nobody came.
    pub async fn miss(
        &self,
        tenant: &Tenant,
        act: &Act,
        seen: Seen,
    ) -> Result<Appointment, Failure> {
        let told = |appointment, version| Happening::AppointmentMissed { appointment, version };
        self.go_on(tenant, act, seen, Status::NoShow, told).await
    }

    async fn go_on(
        &self,
        tenant: &Tenant,
        act: &Act,
        (id, seen): Seen,
        to: Status,
        told: impl Fn(AppointmentId, Version) -> Happening,
    ) -> Result<Appointment, Failure> {
        self.desk
            .change(tenant, async |work| {
                let gone_on = lock(work, tenant, (id, seen)).await?.transition(to)?;
                work.appointments().set_status(&gone_on).await?;
                let resource = Resource::one(ResourceKind::Appointment, id);
                self.desk
                    .conclude(work, told(id, gone_on.version), act, resource, Some(gone_on.patient))
                    .await?;
                Ok(gone_on)
            })
            .await
    }

    /// Moves an appointment to another time with the same specialist.
    ///
    /// As a booking: the specialist's calendar is locked first, the slot checked under the lock.
    pub async fn reschedule(
        &self,
        tenant: &Tenant,
        act: &Act,
        seen: Seen,
        starts_at: DateTime<Utc>,
        reason: ChangeReason,
    ) -> Result<Appointment, Failure> {
        let session = SessionId::fresh(&*self.desk.clock, &*self.desk.random);
        let moving = Moving { starts_at, reason, session };
        self.desk
            .change(tenant, async |work| self.move_in(work, tenant, act, seen, moving).await)
            .await
    }

    async fn move_in(
        &self,
        work: &mut dyn Work,
        tenant: &Tenant,
        act: &Act,
        (id, seen): Seen,
        moving: Moving,
    ) -> Result<Appointment, Failure> {
        let Moving { starts_at, reason, .. } = moving;
        let now = self.desk.clock.now();
        let found = work.appointments().find(tenant.reach(), id).await?.ok_or(Failure::NotFound)?;
        let kind = kind(work, found.appointment_type).await?;
        let around = both(&found, Slot::of(&kind, found.specialist, starts_at).footprint());
        let held = self.held_by_others(tenant, found.specialist, around).await;
        let diary = work.calendars().lock(found.specialist, around).await?;
        let mut diary = diary.ok_or(Failure::NotFound)?;
        diary.busy.extend(held);
        // Who changed it meanwhile was before us.
        let found = lock(work, tenant, (id, seen)).await?;
        let moved = reschedule(&found, &kind, diary, moving, now)?;
        match work.appointments().reschedule(&moved).await? {
            Booked::Made => {}
            Booked::SlotTaken => return Err(BookingRefused::SlotTaken.into()),
        }
        let appointment = moved.appointment;
        let version = appointment.version;
        let told = Happening::AppointmentRescheduled { appointment: id, version, reason };
        let resource = Resource::one(ResourceKind::Appointment, id);
        self.desk.conclude(work, told, act, resource, Some(appointment.patient)).await?;
        Ok(appointment)
    }
}

/// An appointment, and the version of it that the caller has seen, when they say so.
pub type Seen = (AppointmentId, Option<Version>);

/// The appointment, within the caller's reach and as they have seen it; nobody else changes it
/// meanwhile.
pub(crate) async fn lock(
    work: &mut dyn Work,
    tenant: &Tenant,
    (id, seen): Seen,
) -> Result<Appointment, Failure> {
    let found = work.appointments().lock(tenant.reach(), id).await?.ok_or(Failure::NotFound)?;
    if seen.is_some_and(|seen| seen != found.version) {
        return Err(Failure::Stale);
    }
    Ok(found)
}

/// From the first to the last of two times.
fn both(appointment: &Appointment, wanted: Window) -> Window {
    Window {
        starts_at: wanted.starts_at.min(appointment.starts_at),
        ends_at: wanted.ends_at.max(appointment.ends_at),
    }
}

impl From<MoveRefused> for Failure {
    fn from(refused: MoveRefused) -> Self {
        match refused {
            MoveRefused::Transition(refused) => refused.into(),
            MoveRefused::Slot(refused) => refused.into(),
        }
    }
}
