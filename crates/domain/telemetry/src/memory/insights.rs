use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{PersonId, StoreError};
use restartix_tenancy::{OrgId, Reach, Tenant};

use crate::ProgramStatus;
use crate::insights::{
    ActivityTally, AdherenceTally, CompletionTally, Course, CourseProgress, Group, Grouping,
    Insights, Month, Months, OutcomeMonth, OutcomeTally, PatientRecord, PatientWeek, Rollup, Week,
    Weeks, roll_up,
};

/// [`Insights`] of every organisation from what happened, in memory: computed anew for each question.
///
/// Clones share what is kept.
#[derive(Clone, Debug)]
pub struct MemoryInsights {
    organisations: Arc<Mutex<BTreeMap<OrgId, Organisation>>>,
    now: DateTime<Utc>,
}

#[derive(Clone, Debug, Default)]
struct Organisation {
    /// Specialist and patient.
    care: BTreeSet<(PersonId, PersonId)>,
    patients: BTreeMap<PersonId, PatientRecord>,
}

impl MemoryInsights {
    /// An engine that knows nobody, at `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { organisations: Arc::default(), now }
    }

    /// Keeps what happened to a patient of the organisation that `tenant` proves.
    pub fn keep(&self, tenant: &Tenant, patient: PersonId, record: PatientRecord) {
        self.with(tenant, |kept| kept.patients.insert(patient, record));
    }

    /// From now on `specialist` treats `patient`.
    pub fn open_care(&self, tenant: &Tenant, specialist: PersonId, patient: PersonId) {
        self.with(tenant, |kept| kept.care.insert((specialist, patient)));
    }

    fn with<T>(&self, tenant: &Tenant, work: impl FnOnce(&mut Organisation) -> T) -> T {
        let mut all = self.organisations.lock().unwrap_or_else(PoisonError::into_inner);
        work(all.entry(tenant.organisation()).or_default())
    }

    /// What is computed of everybody within reach, and who treats them.
    fn seen(&self, tenant: &Tenant) -> Vec<(PersonId, PatientRecord, Rollup, Vec<Group>)> {
        let (kept, reach) = (self.with(tenant, |kept| kept.clone()), tenant.reach());
        let beginning = Week::of(DateTime::<Utc>::UNIX_EPOCH.date_naive());
        let treated = |patient: PersonId| match reach {
            Reach::TreatedBy(specialist) => kept.care.contains(&(specialist, patient)),
            Reach::Organisation | Reach::Own(_) => false,
        };
        let groups = |patient: PersonId| {
            let by = kept.care.iter().filter(|(_, treated)| *treated == patient);
            let by: Vec<_> = by.map(|(specialist, _)| Group::TreatedBy(*specialist)).collect();
            if by.is_empty() { vec![Group::TreatedByNobody] } else { by }
        };
        let within = kept.patients.iter().filter(|(id, _)| reach.covers(**id, treated(**id)));
        within
            .map(|(id, record)| {
                (*id, record.clone(), roll_up(record, beginning, self.now), groups(*id))
            })
            .collect()
    }
}

/// Where a programme stands, by what became of it.
fn status(course: &Course) -> ProgramStatus {
    if course.ended_at.is_some() {
        ProgramStatus::Ended
    } else if course.history.pauses.iter().any(|pause| pause.to.is_none()) {
        ProgramStatus::Paused
    } else {
        ProgramStatus::Active
    }
}

#[async_trait]
impl Insights for MemoryInsights {
    async fn adherence(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
        by: Grouping,
    ) -> Result<Vec<AdherenceTally>, StoreError> {
        let mut tallies: BTreeMap<(Week, Group), AdherenceTally> = BTreeMap::new();
        for (_, _, rollup, groups) in self.seen(tenant) {
            let groups = match by {
                Grouping::Everybody => vec![Group::Everybody],
                Grouping::BySpecialist => groups,
            };
            for week in rollup.weeks.iter().filter(|week| weeks.contains(week.week)) {
                for group in groups.iter().filter(|_| week.fulfilment.prescribed > 0) {
                    let tally = tallies.entry((week.week, *group));
                    let empty = || AdherenceTally::empty(week.week, *group);
                    tally.or_insert_with(empty).count(week);
                }
            }
        }
        Ok(tallies.into_values().collect())
    }

    async fn outcomes(
        &self,
        tenant: &Tenant,
        months: Months,
    ) -> Result<Vec<OutcomeTally>, StoreError> {
        let mut tallies: BTreeMap<(Month, &str), OutcomeTally> = BTreeMap::new();
        for (_, _, rollup, _) in self.seen(tenant) {
            for row in rollup.outcomes.iter().filter(|row| months.contains(row.month)) {
                let empty = || OutcomeTally::empty(row.instrument, row.month);
                let tally = tallies.entry((row.month, row.instrument.as_str()));
                tally.or_insert_with(empty).count(row.change(), 1);
            }
        }
        Ok(tallies.into_values().collect())
    }

    async fn activity(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<ActivityTally>, StoreError> {
        let mut tallies: BTreeMap<Week, ActivityTally> = BTreeMap::new();
        for (_, _, rollup, _) in self.seen(tenant) {
            for week in rollup.weeks.iter().filter(|week| weeks.contains(week.week)) {
                let empty = || ActivityTally::empty(week.week);
                tallies.entry(week.week).or_insert_with(empty).count(week);
            }
        }
        Ok(tallies.into_values().collect())
    }

    async fn completion(
        &self,
        tenant: &Tenant,
        until: Week,
    ) -> Result<Vec<CompletionTally>, StoreError> {
        Ok(CompletionTally::of(&self.courses(tenant, None, until).await?))
    }

    async fn weeks_of(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        weeks: Weeks,
    ) -> Result<Vec<(PersonId, PatientWeek)>, StoreError> {
        let seen = self.seen(tenant).into_iter();
        let seen = seen.filter(|(id, ..)| patient.is_none_or(|patient| patient == *id));
        let of = |(id, _, rollup, _): (PersonId, _, Rollup, _)| {
            let within = rollup.weeks.into_iter().filter(move |week| weeks.contains(week.week));
            within.map(move |week| (id, week))
        };
        Ok(seen.flat_map(of).collect())
    }

    async fn outcomes_of(
        &self,
        tenant: &Tenant,
        patient: PersonId,
        months: Months,
    ) -> Result<Vec<OutcomeMonth>, StoreError> {
        let seen = self.seen(tenant).into_iter().filter(|(id, ..)| *id == patient);
        let mut rows: Vec<_> = seen.flat_map(|(_, _, rollup, _)| rollup.outcomes).collect();
        rows.retain(|row| months.contains(row.month));
        rows.sort_by_key(|row| (row.month, row.instrument.as_str()));
        Ok(rows)
    }

    async fn courses(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        until: Week,
    ) -> Result<Vec<CourseProgress>, StoreError> {
        let mut all = Vec::new();
        for (id, record, rollup, _) in self.seen(tenant) {
            if patient.is_some_and(|patient| patient != id) {
                continue;
            }
            for course in &record.courses {
                let of = rollup.courses.iter();
                let of = of.filter(|row| row.program == course.program && row.week <= until);
                let (prescribed, credited) = of.fold((0, 0), |(asked, done), row| {
                    (asked + row.fulfilment.prescribed, done + row.fulfilment.credited)
                });
                all.push(CourseProgress {
                    program: course.program,
                    patient: id,
                    status: status(course),
                    starts_on: course.starts_on,
                    prescribed,
                    credited,
                });
            }
        }
        all.sort_by_key(|course| course.program);
        Ok(all)
    }
}
