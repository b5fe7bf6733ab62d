use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use restartix_kernel::{
    AppointmentId, AppointmentTypeId, Clock, ClosureId, CursorError, Page, PageRequest, PersonId,
    SessionId, StoreError, TimeOffId,
};
use restartix_tenancy::{OrgId, Tenant};

use crate::engine::LocalBlock;
use crate::{
    Appointment, AppointmentType, AppointmentTypes, Appointments, Calendars, Capacity, Closure,
    Exceptions, Reminders, Slot, Specialist, TimeOff,
};

/// The appointment types, calendars and appointments of every organisation, in memory.
///
/// Clones share what is kept.
#[derive(Clone)]
pub struct MemoryClinic {
    clock: Arc<dyn Clock>,
    organisations: Arc<Mutex<BTreeMap<OrgId, Organisation>>>,
}

/// How many appointments to come a patient of a new organisation may have.
pub(super) const MAX_OPEN: u16 = 10;

/// What one organisation keeps.
#[derive(Default)]
pub(super) struct Organisation {
    pub(super) overrides: BTreeMap<(PersonId, NaiveDate), Vec<LocalBlock>>,
    pub(super) time_off: BTreeMap<TimeOffId, TimeOff>,
    pub(super) closures: BTreeMap<ClosureId, Closure>,
    pub(super) types: BTreeMap<AppointmentTypeId, AppointmentType>,
    pub(super) specialists: BTreeMap<PersonId, Member>,
    pub(super) patients: BTreeSet<PersonId>,
    /// How many appointments to come each of them may have; nobody said: [`MAX_OPEN`].
    pub(super) max_open: Option<u16>,
    /// Specialist and patient.
    pub(super) care: BTreeSet<(PersonId, PersonId)>,
    pub(super) sessions: BTreeMap<SessionId, (Slot, Capacity)>,
    pub(super) booked: BTreeMap<AppointmentId, Seated>,
}

/// An appointment and its seat.
pub(super) struct Seated {
    pub(super) session: SessionId,
    pub(super) appointment: Appointment,
    pub(super) reminders: Reminders,
}

impl Organisation {
    /// Everybody who keeps a seat in a session.
    pub(super) fn seated(&self, session: SessionId) -> impl Iterator<Item = &Appointment> {
        let booked = self.booked.values().filter(move |booked| booked.session == session);
        booked.map(|booked| &booked.appointment).filter(|booked| booked.status.is_active())
    }

    /// Sessions in which somebody has a seat, and how many have one.
    pub(super) fn kept(&self) -> impl Iterator<Item = (SessionId, &Slot, Capacity, u16)> {
        self.sessions.iter().filter_map(|(id, (slot, seats))| {
            let taken = u16::try_from(self.seated(*id).count()).unwrap_or(u16::MAX);
            (taken > 0).then_some((*id, slot, *seats, taken))
        })
    }
}

/// A specialist, and when they were last booked.
pub(super) struct Member {
    pub(super) specialist: Specialist,
    pub(super) last_booked_at: Option<DateTime<Utc>>,
}

impl MemoryClinic {
    /// Nothing yet; `clock` says when a specialist was last booked.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, organisations: Arc::default() }
    }

    /// The ports of the organisation that `tenant` proves.
    pub fn unit(&self, tenant: &Tenant) -> MemoryUnit {
        MemoryUnit { clinic: self.clone(), organisation: tenant.organisation() }
    }
}

/// [`AppointmentTypes`], [`Calendars`] and [`Appointments`] of one organisation.
///
/// Weaker than a transaction in two ways: each call takes effect at once, for good, and a `lock`
/// keeps nobody waiting. What must never happen still does not: two footprints of one specialist
/// that meet are refused when the second is added.
#[derive(Clone)]
pub struct MemoryUnit {
    clinic: MemoryClinic,
    organisation: OrgId,
}

impl MemoryUnit {
    /// Makes somebody an active specialist of the organisation.
    pub fn add_specialist(&self, specialist: Specialist) {
        let member = Member { specialist, last_booked_at: None };
        self.with(|kept| kept.specialists.insert(member.specialist.id, member));
    }

    /// Makes somebody an active patient of the organisation.
    pub fn add_patient(&self, patient: PersonId) {
        self.with(|kept| kept.patients.insert(patient));
    }

    /// Says how many appointments to come a patient may have.
    pub fn set_max_open(&self, most: u16) {
        self.with(|kept| kept.max_open = Some(most));
    }

    /// From now on `specialist` treats `patient`, and sees all appointments of theirs.
    pub fn open_care(&self, specialist: PersonId, patient: PersonId) {
        self.with(|kept| kept.care.insert((specialist, patient)));
    }

    /// The appointment types of this unit.
    pub fn types(&mut self) -> &mut dyn AppointmentTypes {
        self
    }

    /// The calendars of this unit.
    pub fn calendars(&mut self) -> &mut dyn Calendars {
        self
    }

    /// What breaks the weekly hours, in this unit.
    pub fn exceptions(&mut self) -> &mut dyn Exceptions {
        self
    }

    /// The appointments of this unit.
    pub fn appointments(&mut self) -> &mut dyn Appointments {
        self
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clinic.clock.now()
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Organisation) -> T) -> T {
        let mut organisations: MutexGuard<'_, _> =
            self.clinic.organisations.lock().unwrap_or_else(PoisonError::into_inner);
        work(organisations.entry(self.organisation).or_default())
    }
}

/// The page of `sorted` after the item whose key is the cursor's.
pub(super) fn page<T, K: Ord>(
    sorted: impl Iterator<Item = T>,
    page: &PageRequest,
    key: impl Fn(&T) -> K,
    read: impl Fn(&str) -> Option<K>,
    write: impl Fn(&T) -> String,
) -> Result<Page<T>, StoreError> {
    let after = match &page.cursor {
        Some(cursor) => Some(read(cursor.key()).ok_or(StoreError::Defect(Box::new(CursorError)))?),
        None => None,
    };
    let rows = sorted
        .filter(|item| after.as_ref().is_none_or(|after| key(item) > *after))
        .take(page.limit.get() + 1)
        .collect();
    Ok(Page::of_one_more(rows, page.limit, write))
}

/// What was asked cannot be: a defect of the caller, as a violated foreign key is.
pub(super) fn impossible(what: &'static str) -> StoreError {
    StoreError::Defect(what.into())
}
