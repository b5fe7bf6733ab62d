use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use restartix_kernel::{CursorError, EventId, Page, PageRequest, PersonId, ProgramId, StoreError};
use restartix_tenancy::{Change, OrgId, Reach, Tenant};

use crate::{
    Pause, Prescription, Program, ProgramFilter, ProgramHistory, ProgramStatus, Programs,
    RehabEvents, Reported, Revision,
};

/// The programmes and rehabilitation events of every organisation, in memory.
///
/// Clones share what is kept.
#[derive(Clone, Debug, Default)]
pub struct MemoryRehab {
    organisations: Arc<Mutex<BTreeMap<OrgId, Organisation>>>,
}

/// What one organisation keeps.
#[derive(Debug, Default)]
struct Organisation {
    /// Specialist and patient.
    care: BTreeSet<(PersonId, PersonId)>,
    programs: BTreeMap<ProgramId, (Program, ProgramHistory)>,
    events: BTreeMap<(PersonId, EventId), Reported>,
}

impl Organisation {
    fn sees(&self, reach: Reach, patient: PersonId) -> bool {
        let treated = matches!(reach, Reach::TreatedBy(specialist)
            if self.care.contains(&(specialist, patient)));
        reach.covers(patient, treated)
    }

    /// The history of a programme in whose place `program` is now kept.
    fn replace(&mut self, program: &Program) -> Result<&mut ProgramHistory, Change> {
        match self.programs.get_mut(&program.id) {
            None => Err(Change::Absent),
            Some((kept, _)) if kept.version.next() != program.version => Err(Change::Stale),
            Some((kept, history)) => {
                kept.clone_from(program);
                Ok(history)
            }
        }
    }
}

impl MemoryRehab {
    /// The ports of the organisation that `tenant` proves.
    pub fn unit(&self, tenant: &Tenant) -> MemoryRehabUnit {
        MemoryRehabUnit { rehab: self.clone(), organisation: tenant.organisation() }
    }
}

/// [`Programs`] and [`RehabEvents`] of one organisation. Weaker than a transaction: each call takes
/// effect at once, for good.
#[derive(Clone, Debug)]
pub struct MemoryRehabUnit {
    rehab: MemoryRehab,
    organisation: OrgId,
}

impl MemoryRehabUnit {
    /// From now on `specialist` treats `patient`.
    pub fn open_care(&self, specialist: PersonId, patient: PersonId) {
        self.with(|kept| kept.care.insert((specialist, patient)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Organisation) -> T) -> T {
        let mut organisations =
            self.rehab.organisations.lock().unwrap_or_else(PoisonError::into_inner);
        work(organisations.entry(self.organisation).or_default())
    }
}

/// What was asked cannot be: a defect of the caller, as a violated foreign key is.
fn impossible(what: &'static str) -> StoreError {
    StoreError::Defect(what.into())
}

#[async_trait]
impl Programs for MemoryRehabUnit {
    async fn add(&mut self, program: &Program) -> Result<(), StoreError> {
        self.with(|kept| {
            let first = Revision {
                version: program.version,
                effective_on: program.starts_on,
                plan: program.plan.clone(),
            };
            let history = ProgramHistory { revisions: vec![first], pauses: Vec::new() };
            match kept.programs.insert(program.id, (program.clone(), history)) {
                None => Ok(()),
                Some(_) => Err(impossible("a programme is added twice")),
            }
        })
    }

    async fn find(&mut self, reach: Reach, id: ProgramId) -> Result<Option<Program>, StoreError> {
        Ok(self.with(|kept| {
            let (program, _) = kept.programs.get(&id)?;
            kept.sees(reach, program.patient).then(|| program.clone())
        }))
    }

    async fn list(
        &mut self,
        reach: Reach,
        filter: &ProgramFilter,
        page: &PageRequest,
    ) -> Result<Page<Program>, StoreError> {
        let after: Option<ProgramId> = match &page.cursor {
            Some(cursor) => Some(cursor.key().parse().map_err(|_| CursorError)?),
            None => None,
        };
        self.with(|kept| {
            let all = kept.programs.values().map(|(program, _)| program);
            let rows = all
                .filter(|program| after.is_none_or(|after| program.id > after))
                .filter(|program| kept.sees(reach, program.patient))
                .filter(|program| filter.patient.is_none_or(|patient| patient == program.patient))
                .filter(|program| filter.status.is_none_or(|status| status == program.status))
                .take(page.limit.get() + 1)
                .cloned()
                .collect();
            Ok(Page::of_one_more(rows, page.limit, |program| program.id.to_string()))
        })
    }

    async fn revise(
        &mut self,
        program: &Program,
        effective_on: NaiveDate,
    ) -> Result<Change, StoreError> {
        Ok(self.with(|kept| match kept.replace(program) {
            Err(change) => change,
            Ok(history) => {
                let Program { version, plan, .. } = program.clone();
                history.revisions.push(Revision { version, effective_on, plan });
                Change::Made
            }
        }))
    }

    async fn set_status(
        &mut self,
        program: &Program,
        since: DateTime<Utc>,
    ) -> Result<Change, StoreError> {
        Ok(self.with(|kept| match kept.replace(program) {
            Err(change) => change,
            Ok(history) => {
                if program.status == ProgramStatus::Paused {
                    history.pauses.push(Pause { from: since, to: None });
                } else if let Some(pause) = history.pauses.last_mut() {
                    pause.to = pause.to.or(Some(since.max(pause.from)));
                }
                Change::Made
            }
        }))
    }

    async fn history(&mut self, id: ProgramId) -> Result<ProgramHistory, StoreError> {
        let found = self.with(|kept| kept.programs.get(&id).map(|(_, history)| history.clone()));
        Ok(found.unwrap_or_default())
    }

    async fn prescriptions(
        &mut self,
        reach: Reach,
        programs: &[ProgramId],
    ) -> Result<Vec<Prescription>, StoreError> {
        Ok(self.with(|kept| {
            let wanted: BTreeSet<_> = programs.iter().collect();
            let all = wanted.into_iter().filter_map(|id| kept.programs.get(id));
            let seen = all.filter(|(program, _)| kept.sees(reach, program.patient));
            seen.map(|(program, history)| {
                let plans = history.revisions.iter().map(|revision| &revision.plan);
                let exercises = plans.flat_map(|plan| plan.exercises.as_slice());
                Prescription {
                    program: program.id,
                    patient: program.patient,
                    version: program.version,
                    exercises: exercises.map(|exercise| exercise.id).collect(),
                }
            })
            .collect()
        }))
    }
}

#[async_trait]
impl RehabEvents for MemoryRehabUnit {
    async fn keep(
        &mut self,
        events: &[Reported],
        _: DateTime<Utc>,
    ) -> Result<BTreeSet<(PersonId, EventId)>, StoreError> {
        self.with(|kept| {
            let mut fresh = BTreeSet::new();
            for event in events {
                let whose = kept.programs.get(&event.program).map(|(program, _)| program.patient);
                if whose != Some(event.patient) {
                    return Err(impossible("an event of nobody's programme"));
                }
                let key = (event.patient, event.id);
                if let Entry::Vacant(place) = kept.events.entry(key) {
                    place.insert(*event);
                    fresh.insert(key);
                }
            }
            Ok(fresh)
        })
    }

    async fn between(
        &mut self,
        patient: PersonId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Reported>, StoreError> {
        let mut found: Vec<_> = self.with(|kept| {
            let all = kept.events.values().copied();
            all.filter(|event| event.patient == patient && (from..to).contains(&event.occurred_at))
                .collect()
        });
        found.sort_by_key(|event| (event.occurred_at, event.id));
        Ok(found)
    }
}
