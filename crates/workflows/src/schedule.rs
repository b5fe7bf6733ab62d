use std::sync::Arc;

use chrono_tz::Tz;
use restartix_kernel::{AppointmentTypeId, Page, PageRequest, PersonId};
use restartix_scheduling::engine::{Offer, Rules, WeeklyBlock};
use restartix_scheduling::{AppointmentType, Capacity, Holds, Reminders, Specialist, TypeName};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Change, Tenant, Version};

use crate::clinic::settled;
use crate::{AvailabilityQuery, Desk, Failure, availability};

/// What can be booked, with whom and when.
#[derive(Clone)]
pub struct Schedule {
    pub(crate) desk: Desk,
    holds: Arc<dyn Holds>,
}

/// What an appointment type is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDraft {
    /// What it is called.
    pub name: TypeName,
    /// What it demands of a slot.
    pub rules: Rules,
    /// How many patients come to one session.
    pub capacity: Capacity,
    /// How long before the start they are reminded.
    pub reminders: Reminders,
    /// By video, or in person.
    pub online: bool,
    /// Whether it may be recorded.
    pub recording: bool,
}

impl TypeDraft {
    fn with(self, id: AppointmentTypeId, version: Version) -> AppointmentType {
        let Self { name, rules, capacity, reminders, online, recording } = self;
        AppointmentType { id, name, rules, capacity, reminders, online, recording, version }
    }
}

impl From<AppointmentType> for TypeDraft {
    fn from(kind: AppointmentType) -> Self {
        let AppointmentType { name, rules, capacity, reminders, online, recording, .. } = kind;
        Self { name, rules, capacity, reminders, online, recording }
    }
}

impl Schedule {
    /// The service over `desk` and `holds`.
    pub fn new(desk: Desk, holds: Arc<dyn Holds>) -> Self {
        Self { desk, holds }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// The types on offer.
    pub async fn types(
        &self,
        tenant: &Tenant,
        page: &PageRequest,
    ) -> Result<Page<AppointmentType>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.appointment_types().list(page).await?)).await
    }

    /// One type on offer.
    pub async fn find_type(
        &self,
        tenant: &Tenant,
        id: AppointmentTypeId,
    ) -> Result<AppointmentType, Failure> {
        self.desk
            .read(tenant, async |work| {
                work.appointment_types().find(id).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// Offers a new type.
    pub async fn add_type(
        &self,
        tenant: &Tenant,
        act: &Act,
        draft: TypeDraft,
    ) -> Result<AppointmentType, Failure> {
        let id = AppointmentTypeId::fresh(&*self.desk.clock, &*self.desk.random);
        let kind = draft.with(id, Version::FIRST);
        self.desk
            .change(tenant, async |work| {
                work.appointment_types().add(&kind).await?;
                let resource = Resource::one(ResourceKind::AppointmentType, id);
                self.desk.trace(work, act, resource, None).await
            })
            .await?;
        Ok(kind)
    }

    /// Changes a type as `edit` says; with `seen`, only when that is still its version.
    /// Appointments keep the terms under which they were booked.
    pub async fn edit_type(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentTypeId,
        seen: Option<Version>,
        edit: impl Fn(TypeDraft) -> Result<TypeDraft, Failure>,
    ) -> Result<AppointmentType, Failure> {
        self.desk
            .change(tenant, async |work| {
                let found = work.appointment_types().find(id).await?.ok_or(Failure::NotFound)?;
                let current = found.version;
                let kind = edit(found.into())?.with(id, current.next());
                let change = work.appointment_types().update(&kind, seen.or(Some(current))).await?;
                settled(change, seen)?;
                let resource = Resource::one(ResourceKind::AppointmentType, id);
                self.desk.trace(work, act, resource, None).await?;
                Ok(kind)
            })
            .await
    }

    /// Takes a type off offer.
    pub async fn retire_type(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentTypeId,
    ) -> Result<(), Failure> {
        self.desk
            .change(tenant, async |work| {
                if work.appointment_types().retire(id).await? == Change::Absent {
                    return Err(Failure::NotFound);
                }
                let resource = Resource::one(ResourceKind::AppointmentType, id);
                self.desk.trace(work, act, resource, None).await
            })
            .await
    }

    /// The specialists and their hours.
    pub async fn specialists(
        &self,
        tenant: &Tenant,
        page: &PageRequest,
    ) -> Result<Page<Specialist>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.calendars().list(page).await?)).await
    }

    /// One of them.
    pub async fn specialist(&self, tenant: &Tenant, id: PersonId) -> Result<Specialist, Failure> {
        self.desk
            .read(tenant, async |work| work.calendars().find(id).await?.ok_or(Failure::NotFound))
            .await
    }

    /// Replaces a specialist's zone and hours; with `seen`, only when that is still their version.
    /// Specialists set their own, administrators anybody's.
    pub async fn set_hours(
        &self,
        tenant: &Tenant,
        act: &Act,
        (id, seen): (PersonId, Option<Version>),
        timezone: Tz,
        hours: &[WeeklyBlock],
    ) -> Result<Specialist, Failure> {
        if !may_plan_for(tenant, id) {
            return Err(Failure::NotFound);
        }
        self.desk
            .change(tenant, async |work| {
                settled(work.calendars().set_hours(id, timezone, hours, seen).await?, seen)?;
                let resource = Resource::one(ResourceKind::Calendar, id);
                self.desk.trace(work, act, resource, None).await?;
                work.calendars().find(id).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// When somebody could be booked, and for which type.
    pub async fn availability(
        &self,
        tenant: &Tenant,
        query: &AvailabilityQuery,
    ) -> Result<(AppointmentType, Vec<Offer<PersonId>>), Failure> {
        availability::offers(&self.desk, &self.holds, tenant, query).await
    }
}

pub(crate) fn may_plan_for(tenant: &Tenant, specialist: PersonId) -> bool {
    match tenant.reach() {
        restartix_tenancy::Reach::Organisation => true,
        restartix_tenancy::Reach::TreatedBy(own) => own == specialist,
        restartix_tenancy::Reach::Own(_) => false,
    }
}
