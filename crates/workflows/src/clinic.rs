use chrono_tz::Tz;
use restartix_kernel::{MembershipId, Page, PageRequest, PersonId, StoreError, UserId};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{
    Change, Choice, Enrolled, Enrolment, Organisation, Person, Personal, Policies, Region, Role,
    Subject, Tenant, Version,
};

use crate::{Desk, Failure, Happening, Work};

/// An organisation, its people and their memberships.
#[derive(Clone)]
pub struct Clinic {
    desk: Desk,
}

/// What an organisation's settings are to be; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganisationPatch {
    /// The zone of its clocks.
    pub timezone: Option<Tz>,
    /// Minutes for which a room is open before the start: 0 to 1,440.
    pub lead_minutes: Option<u16>,
    /// Minutes for which a room stays open after the end: 0 to 1,440.
    pub grace_minutes: Option<u16>,
    /// Where calls are carried whose rooms are made from now on; `Some(None)`: wherever the account says.
    pub video_region: Option<Option<Region>>,
    /// What patients may do.
    pub policies: Option<Policies>,
}

/// Somebody new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPerson {
    /// What they are called.
    pub display_name: Personal,
    /// Where to write to.
    pub email: Option<Personal>,
    /// The zone they live in; `None`: the organisation's.
    pub timezone: Option<Tz>,
}

/// What is to be changed about somebody; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonPatch {
    /// What they are called.
    pub display_name: Option<Personal>,
    /// Where to write to; `Some(None)` forgets it.
    pub email: Option<Option<Personal>>,
    /// The zone they live in.
    pub timezone: Option<Tz>,
}

/// A membership to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// Who, as the organisation knows them.
    pub person: PersonId,
    /// Who, as the identity provider knows them.
    pub subject: Subject,
    /// What they will be.
    pub role: Role,
}

impl Clinic {
    /// The service over `desk`.
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone() }
    }

    /// The caller's organisation.
    pub async fn organisation(&self, tenant: &Tenant) -> Result<Organisation, Failure> {
        self.desk.read(tenant, async |work| Ok(work.organisations().own().await?)).await
    }

    /// Changes its settings; with `seen`, only when that is still its version.
    pub async fn edit_organisation(
        &self,
        tenant: &Tenant,
        act: &Act,
        seen: Option<Version>,
        patch: &OrganisationPatch,
    ) -> Result<Organisation, Failure> {
        self.desk
            .change(tenant, async |work| {
                let found = work.organisations().own().await?;
                let current = found.version;
                let edited = Organisation {
                    timezone: patch.timezone.unwrap_or(found.timezone),
                    lead_minutes: patch.lead_minutes.unwrap_or(found.lead_minutes),
                    grace_minutes: patch.grace_minutes.unwrap_or(found.grace_minutes),
                    video_region: patch.video_region.clone().unwrap_or(found.video_region),
                    policies: patch.policies.unwrap_or(found.policies),
                    version: current.next(),
                    ..found
                };
                let change = work.organisations().update(&edited, seen.or(Some(current))).await?;
                settled(change, seen)?;
                let resource = Resource::one(ResourceKind::Organisation, edited.id);
                self.desk.trace(work, act, resource, None).await?;
                Ok(edited)
            })
            .await
    }

    /// Makes it the one in which somebody acts, by `choice`; `false`, and nothing changed, when they
    /// are no member any more.
    pub async fn choose(
        &self,
        tenant: &Tenant,
        act: &Act,
        choice: Choice<'_>,
    ) -> Result<bool, Failure> {
        let chosen = self.desk.change_if_any(tenant, async |work| {
            if !work.memberships().choose(choice, self.desk.clock.now()).await? {
                return Ok(None);
            }
            let resource = Resource::one(ResourceKind::Organisation, tenant.organisation());
            self.desk.trace(work, act, resource, None).await?;
            Ok(Some(()))
        });
        Ok(chosen.await?.is_some())
    }

    /// The people within the caller's reach.
    pub async fn people(
        &self,
        tenant: &Tenant,
        page: &PageRequest,
    ) -> Result<Page<Person>, Failure> {
        self.desk
            .read(tenant, async |work| Ok(work.people().list(tenant.reach(), page).await?))
            .await
    }

    /// One of the people within the caller's reach.
    pub async fn person(&self, tenant: &Tenant, id: PersonId) -> Result<Person, Failure> {
        self.desk
            .read(tenant, async |work| {
                work.people().find(tenant.reach(), id).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// Adds somebody.
    pub async fn add_person(
        &self,
        tenant: &Tenant,
        act: &Act,
        new: NewPerson,
    ) -> Result<Person, Failure> {
        self.desk.change(tenant, async |work| self.add_in(work, act, new.clone()).await).await
    }

    async fn add_in(
        &self,
        work: &mut dyn Work,
        act: &Act,
        new: NewPerson,
    ) -> Result<Person, Failure> {
        let NewPerson { display_name, email, timezone } = new;
        let timezone = match timezone {
            Some(timezone) => timezone,
            None => work.organisations().own().await?.timezone,
        };
        let id = PersonId::fresh(&*self.desk.random);
        let person = Person { id, display_name, email, timezone, version: Version::FIRST };
        work.people().add(&person).await?;
        let resource = Resource::one(ResourceKind::Person, id);
        self.desk.trace(work, act, resource, Some(id)).await?;
        Ok(person)
    }

    /// Adds somebody and makes them a member: both, or neither.
    pub async fn welcome(
        &self,
        tenant: &Tenant,
        act: &Act,
        new: NewPerson,
        subject: &Subject,
        role: Role,
    ) -> Result<Enrolment, Failure> {
        self.desk
            .change(tenant, async |work| {
                let person = self.add_in(work, act, new.clone()).await?.id;
                let member = NewMember { person, subject: subject.clone(), role };
                self.enrol_in(work, act, member).await
            })
            .await
    }

    /// Changes what is kept about somebody within the caller's reach.
    pub async fn edit_person(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: PersonId,
        seen: Option<Version>,
        patch: &PersonPatch,
    ) -> Result<Person, Failure> {
        self.desk
            .change(tenant, async |work| {
                let found = work.people().find(tenant.reach(), id).await?;
                let found = found.ok_or(Failure::NotFound)?;
                let current = found.version;
                let person = Person {
                    id,
                    display_name: patch.display_name.clone().unwrap_or(found.display_name),
                    email: patch.email.clone().unwrap_or(found.email),
                    timezone: patch.timezone.unwrap_or(found.timezone),
                    version: current.next(),
                };
                settled(work.people().update(&person, seen.or(Some(current))).await?, seen)?;
                let resource = Resource::one(ResourceKind::Person, id);
                self.desk.trace(work, act, resource, Some(id)).await?;
                Ok(person)
            })
            .await
    }

    /// The memberships.
    pub async fn members(
        &self,
        tenant: &Tenant,
        page: &PageRequest,
    ) -> Result<Page<Enrolment>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.memberships().list(page).await?)).await
    }

    /// Makes a person a member.
    pub async fn enrol(
        &self,
        tenant: &Tenant,
        act: &Act,
        new: &NewMember,
    ) -> Result<Enrolment, Failure> {
        self.desk.change(tenant, async |work| self.enrol_in(work, act, new.clone()).await).await
    }

    async fn enrol_in(
        &self,
        work: &mut dyn Work,
        act: &Act,
        new: NewMember,
    ) -> Result<Enrolment, Failure> {
        let id = MembershipId::fresh(&*self.desk.clock, &*self.desk.random);
        let NewMember { person, subject, role } = new;
        let enrolment = Enrolment { id, person, subject, role, version: Version::FIRST };
        match work.memberships().add(&enrolment, UserId::fresh(&*self.desk.random)).await? {
            Enrolled::Made => {}
            Enrolled::AlreadyMember => return Err(Failure::AlreadyMember),
            Enrolled::NoSuchPerson => return Err(Failure::NotFound),
        }
        let added = Happening::MemberAdded { membership: id, version: enrolment.version };
        let resource = Resource::one(ResourceKind::Membership, id);
        self.desk.conclude(work, added, act, resource, Some(person)).await?;
        Ok(enrolment)
    }

    /// Changes what a member is to the organisation. Nobody changes their own role: so an
    /// organisation keeps an administrator.
    pub async fn set_role(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: MembershipId,
        role: Role,
        seen: Option<Version>,
    ) -> Result<Enrolment, Failure> {
        self.desk
            .change(tenant, async |work| {
                still_administers(work, tenant).await?;
                let found = work.memberships().find(id).await?.ok_or(Failure::NotFound)?;
                not_oneself(tenant, &found)?;
                let current = found.version;
                let change = work.memberships().set_role(id, role, seen.or(Some(current))).await?;
                settled(change, seen)?;
                let resource = Resource::one(ResourceKind::Membership, id);
                self.desk.trace(work, act, resource, Some(found.person)).await?;
                Ok(Enrolment { role, version: current.next(), ..found })
            })
            .await
    }

    /// Ends a membership, at once. Nobody ends their own.
    pub async fn dismiss(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: MembershipId,
    ) -> Result<(), Failure> {
        self.desk
            .change(tenant, async |work| {
                still_administers(work, tenant).await?;
                let found = work.memberships().find(id).await?.ok_or(Failure::NotFound)?;
                not_oneself(tenant, &found)?;
                settled(work.memberships().end(id).await?, None)?;
                let version = found.version.next();
                let removed = Happening::MemberRemoved { membership: id, version };
                let resource = Resource::one(ResourceKind::Membership, id);
                self.desk.conclude(work, removed, act, resource, Some(found.person)).await
            })
            .await
    }
}

/// Whether the caller is still an administrator, now that nobody else can change that: two who
/// dismissed each other at once would leave none.
async fn still_administers(work: &mut dyn Work, tenant: &Tenant) -> Result<(), Failure> {
    work.organisations().lock().await?;
    match tenant.person() {
        Some(person) if !work.people().has_role(person, Role::Admin).await? => {
            Err(Failure::NotFound)
        }
        _ => Ok(()),
    }
}

fn not_oneself(tenant: &Tenant, membership: &Enrolment) -> Result<(), Failure> {
    if tenant.person() == Some(membership.person) {
        return Err(Failure::OwnMembership);
    }
    Ok(())
}

/// What a change came to. A caller who named the version they saw is told that it is stale; one
/// who did not has merely met another change, and the operation is done again.
pub(crate) fn settled(change: Change, seen: Option<Version>) -> Result<(), Failure> {
    match change {
        Change::Made => Ok(()),
        Change::Absent => Err(Failure::NotFound),
        Change::Stale if seen.is_some() => Err(Failure::Stale),
        Change::Stale => Err(StoreError::Busy("changed between read and write".into()).into()),
    }
}
