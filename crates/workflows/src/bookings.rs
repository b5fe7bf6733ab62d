use std::sync::Arc;

use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, AppointmentTypeId, HoldId, PersonId, SessionId};
use restartix_scheduling::engine::{Busy, SlotRefusal, Window, check_slot};
use restartix_scheduling::{
    Appointment, AppointmentType, Booked, Booking, BookingRefused, BookingRequest, Hold, HoldError,
    Holds, Slot, decide,
};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Actor, Role, Tenant};

use crate::{Aftermath, Care, Desk, Failure, Happening, Work};

/// Holds a slot, books it, and carries the appointment through its states.
#[derive(Clone)]
pub struct Bookings {
    pub(crate) desk: Desk,
    holds: Arc<dyn Holds>,
}

/// A slot that somebody would like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// What for.
    pub appointment_type: AppointmentTypeId,
    /// With whom.
    pub specialist: PersonId,
    /// From then.
    pub starts_at: DateTime<Utc>,
}

/// What is to be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The slot that the caller holds.
    Held(HoldId),
    /// A slot by its own words.
    Slot(HoldRequest),
}

/// A booking that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookRequest {
    /// What is to be booked.
    pub what: What,
    /// For whom; a patient books for themselves, staff must say.
    pub patient: Option<PersonId>,
    /// Whether the patient consents to a recording.
    pub recording_consent: bool,
}

impl Bookings {
    /// The service over `desk` and `holds`.
    pub fn new(desk: Desk, holds: Arc<dyn Holds>) -> Self {
        Self { desk, holds }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// Keeps a slot for the caller for some minutes. The same slot again: the same hold.
    pub async fn hold(
        &self,
        tenant: &Tenant,
        act: &Act,
        request: HoldRequest,
    ) -> Result<Hold, Failure> {
        let owner = owner(tenant)?;
        let now = self.desk.clock.now();
        let slot = self
            .desk
            .read(tenant, async |work| {
                let kind = kind(work, request.appointment_type).await?;
                let slot = Slot::of(&kind, request.specialist, request.starts_at);
                let diaries =
                    work.calendars().diaries(&[request.specialist], slot.footprint()).await?;
                let diary = diaries.first().ok_or(Failure::NotFound)?;
                let open = diary.open_starts(&kind);
                check_slot(&kind.rules, &diary.as_diary(&open), request.starts_at, now)
                    .map_err(refusal)?;
                Ok(slot)
            })
            .await?;
        let id = HoldId::fresh(&*self.desk.clock, &*self.desk.random);
        let hold = self.holds.acquire(tenant, id, &slot, owner, now).await?;
        if let Err(failure) = self.trace_hold(tenant, act, hold.id).await {
            // Nobody holds what the audit does not know.
            self.let_go(tenant, hold.id).await;
            return Err(failure);
        }
        Ok(hold)
    }

    /// Gives a hold of the caller more time.
    pub async fn renew(&self, tenant: &Tenant, act: &Act, id: HoldId) -> Result<Hold, Failure> {
        let owner = owner(tenant)?;
        let hold = self.holds.renew(tenant, id, owner, self.desk.clock.now()).await?;
        self.trace_hold(tenant, act, id).await?;
        Ok(hold)
    }

    /// Lets a hold of the caller go.
    pub async fn release(&self, tenant: &Tenant, act: &Act, id: HoldId) -> Result<(), Failure> {
        let owner = owner(tenant)?;
        self.holds.release(tenant, id, owner).await?;
        self.trace_hold(tenant, act, id).await
    }

    async fn trace_hold(&self, tenant: &Tenant, act: &Act, id: HoldId) -> Result<(), Failure> {
        let resource = || Resource::one(ResourceKind::Hold, id);
        self.desk
            .change(tenant, async |work| self.desk.trace(work, act, resource(), None).await)
            .await
    }

    /// Books.
    ///
    /// The specialist's calendar is locked first, the slot checked again under the lock, then
    /// appointment, event and audit line commit together. No vendor has a part in it.
    pub async fn book(
        &self,
        tenant: &Tenant,
        act: &Act,
        request: &BookRequest,
    ) -> Result<Appointment, Failure> {
        let patient = patient(tenant, request.patient)?;
        let (wanted, held) = match request.what {
            What::Slot(wanted) => (wanted, None),
            What::Held(id) => self.held(tenant, id).await?,
        };
        let appointment = self
            .desk
            .change(tenant, async |work| {
                self.book_in(work, tenant, act, &wanted, patient, request.recording_consent).await
            })
            .await?;
        if let Some(id) = held {
            self.let_go(tenant, id).await;
        }
        Ok(appointment)
    }

    async fn held(
        &self,
        tenant: &Tenant,
        id: HoldId,
    ) -> Result<(HoldRequest, Option<HoldId>), Failure> {
        let hold = self.holds.find(tenant, id, owner(tenant)?).await?.ok_or(Failure::HoldLost)?;
        let Slot { appointment_type, specialist, starts_at, .. } = hold.slot;
        Ok((HoldRequest { appointment_type, specialist, starts_at }, Some(id)))
    }

    async fn book_in(
        &self,
        work: &mut dyn Work,
        tenant: &Tenant,
        act: &Act,
        wanted: &HoldRequest,
        patient: PersonId,
        recording_consent: bool,
    ) -> Result<Appointment, Failure> {
        let now = self.desk.clock.now();
        let kind = kind(work, wanted.appointment_type).await?;
        let slot = Slot::of(&kind, wanted.specialist, wanted.starts_at);
        let footprint = slot.footprint();
        let held = self.held_by_others(tenant, wanted.specialist, footprint).await;
        let diary = work.calendars().lock(wanted.specialist, footprint).await?;
        let mut diary = diary.ok_or(Failure::NotFound)?;
        diary.busy.extend(held);
        // Before anything is asked of the patient: of many who want one slot, those who come too late
        // keep the calendar for a moment only.
        let open = diary.open_starts(&kind);
        check_slot(&kind.rules, &diary.as_diary(&open), wanted.starts_at, now).map_err(refusal)?;
        let patient = work.appointments().patient(patient, now).await?;
        let request = BookingRequest {
            id: AppointmentId::fresh(&*self.desk.random),
            session: SessionId::fresh(&*self.desk.clock, &*self.desk.random),
            kind: &kind,
            patient: patient.ok_or(Failure::NotFound)?,
            starts_at: wanted.starts_at,
            recording_consent,
        };
        let booking = decide(&request, &diary, now)?;
        self.keep(work, act, &booking).await?;
        Ok(booking.appointment)
    }

    async fn keep(&self, work: &mut dyn Work, act: &Act, booking: &Booking) -> Result<(), Failure> {
        let Appointment { id, specialist, patient, .. } = booking.appointment;
        match work.appointments().add(booking).await? {
            Booked::Made => {}
            Booked::SlotTaken => return Err(BookingRefused::SlotTaken.into()),
        }
        let care = Care { specialist, patient, since: self.desk.clock.now() };
        let version = booking.appointment.version;
        let created = Happening::AppointmentCreated { appointment: id, version };
        let resource = Resource::one(ResourceKind::Appointment, id);
        let concluded = self.desk.aftermath_of(created, act, resource, Some(patient));
        Ok(work.leave(Aftermath { care: Some(care), ..concluded }).await?)
    }

    /// Others' live holds are busy while the hold store answers; when it does not, the booking
    /// goes on without that courtesy and the constraint decides. Asked before the lock is taken,
    /// so that a slow store keeps nobody waiting.
    pub(crate) async fn held_by_others(
        &self,
        tenant: &Tenant,
        specialist: PersonId,
        range: Window,
    ) -> Vec<Busy> {
        match self.holds.live(tenant, &[specialist], range, self.desk.clock.now()).await {
            Ok(holds) => others(tenant, &holds),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "booking without regard to holds");
                Vec::new()
            }
        }
    }

    async fn let_go(&self, tenant: &Tenant, id: HoldId) {
        let Ok(owner) = owner(tenant) else { return };
        match self.holds.release(tenant, id, owner).await {
            Ok(()) | Err(HoldError::NotFound) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(error, "a hold that was booked is left to expire");
            }
        }
    }

    /// One of the appointments within the caller's reach.
    pub async fn find(&self, tenant: &Tenant, id: AppointmentId) -> Result<Appointment, Failure> {
        let look = async |work: &mut dyn Work| {
            work.appointments().find(tenant.reach(), id).await?.ok_or(Failure::NotFound)
        };
        self.desk.glance(tenant, look).await
    }
}

pub(crate) async fn kind(
    work: &mut dyn Work,
    id: AppointmentTypeId,
) -> Result<AppointmentType, Failure> {
    work.appointment_types().find(id).await?.ok_or(Failure::NotFound)
}

/// What others hold, as time that is taken.
pub(crate) fn others(tenant: &Tenant, holds: &[Hold]) -> Vec<Busy> {
    let others = holds.iter().filter(|hold| Some(hold.owner) != tenant.person());
    others.filter_map(|hold| hold.slot.busy().ok()).collect()
}

fn refusal(refusal: SlotRefusal) -> Failure {
    Failure::Booking(match refusal {
        SlotRefusal::Taken => BookingRefused::SlotTaken,
        SlotRefusal::Unavailable(why) => BookingRefused::SlotUnavailable(why),
    })
}

fn owner(tenant: &Tenant) -> Result<PersonId, Failure> {
    tenant.person().ok_or(Failure::NotAParticipant)
}

/// For whom the caller may book.
fn patient(tenant: &Tenant, named: Option<PersonId>) -> Result<PersonId, Failure> {
    match tenant.actor() {
        Actor::User { person, role: Role::Patient, .. } => match named {
            Some(other) if other != person => Err(Failure::NotFound),
            _ => Ok(person),
        },
        Actor::User { .. } | Actor::Client { .. } | Actor::System => {
            named.ok_or(Failure::Invalid { pointer: "/patient_id", code: "required" })
        }
    }
}
