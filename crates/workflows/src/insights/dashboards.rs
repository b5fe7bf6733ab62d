use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use restartix_kernel::PersonId;
use restartix_telemetry::insights::report::{
    self, ActivityRow, AdherenceRow, CompletionRow, GroupRow, OutcomeRow,
};
use restartix_telemetry::insights::{
    ActivityTally, AdherenceTally, CourseProgress, Group, Grouping, Insights, OutcomeMonth,
    PatientWeek, Persistence, Share, SmallestCell, Week, Weeks, persistence,
};
use restartix_tenancy::{Person, Personal, Reach, Tenant};

use crate::{Desk, Failure};

/// What is told of what patients did: to their care team in aggregates without small cells, and one
/// by one to those who treat them, and to themselves.
///
/// | who | aggregates | one patient | the list of patients and programmes |
/// |---|---|---|---|
/// | a patient | no | themself | no |
/// | a specialist | of those they treat | of those | of those: it is no aggregate |
/// | an administrator | of the organisation, and by specialist | any of it | no: one at a time |
#[derive(Clone)]
pub struct Dashboards {
    desk: Desk,
    engine: Arc<dyn Insights>,
    smallest: SmallestCell,
}

/// A row about somebody, with their name where they are within reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// What they are called.
    pub name: Option<Personal>,
    /// The row.
    pub row: T,
}

/// One of the patients whom a specialist treats, over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatientSummary {
    /// Who.
    pub patient: PersonId,
    /// How much of what was asked was done; `None`: not applicable.
    pub sessions: Option<Share>,
    /// The days on which something was done.
    pub active_days: u32,
    /// How they kept at it.
    pub persistence: Persistence,
}

/// What became of one patient, over a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Who.
    pub patient: Person,
    /// Their weeks, the one under way too; one in which nothing was asked and nothing happened is
    /// there as well.
    pub weeks: Vec<PatientWeek>,
    /// The first week that is not over.
    pub under_way: Week,
    /// How they kept at it in the weeks that are over.
    pub persistence: Persistence,
    /// What was measured, by month.
    pub outcomes: Vec<OutcomeMonth>,
    /// Their programmes.
    pub courses: Vec<CourseProgress>,
}

impl Dashboards {
    /// The service over `desk` and `engine`; aggregates about fewer patients than `smallest` are
    /// suppressed.
    pub const fn new(desk: Desk, engine: Arc<dyn Insights>, smallest: SmallestCell) -> Self {
        Self { desk, engine, smallest }
    }

    /// The least number of patients about whom an aggregate is published.
    pub const fn smallest(&self) -> SmallestCell {
        self.smallest
    }

    /// The last weeks that are over, so many.
    pub fn last_weeks(&self, count: u32) -> Weeks {
        Weeks::up_to(self.last_over(), count)
    }

    fn last_over(&self) -> Week {
        let now = self.desk.clock.now();
        let mut week = Week::of(now.date_naive());
        while !week.is_over(now) {
            week = week.before(1);
        }
        week
    }

    /// The adherence in each of `weeks` that is over.
    pub async fn adherence(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<AdherenceRow>, Failure> {
        staff(tenant)?;
        let Some(weeks) = weeks.over(self.desk.clock.now()) else { return Ok(Vec::new()) };
        let tallies = self.engine.adherence(tenant, weeks, Grouping::Everybody).await?;
        let mut by_week: BTreeMap<Week, AdherenceTally> =
            tallies.into_iter().map(|tally| (tally.week, tally)).collect();
        let of = |week| {
            let empty = AdherenceTally::empty(week, Group::Everybody);
            report::adherence(&by_week.remove(&week).unwrap_or(empty), self.smallest)
        };
        Ok(weeks.iter().map(of).collect())
    }

    /// The adherence in each of `weeks` that is over, by the specialists who treat the patients now:
    /// for administrators.
    pub async fn adherence_by_specialist(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<Named<GroupRow>>, Failure> {
        if tenant.reach() != Reach::Organisation {
            return Err(Failure::Forbidden);
        }
        let Some(weeks) = weeks.over(self.desk.clock.now()) else { return Ok(Vec::new()) };
        let everybody = self.engine.adherence(tenant, weeks, Grouping::Everybody).await?;
        let groups = self.engine.adherence(tenant, weeks, Grouping::BySpecialist).await?;
        let mut rows = Vec::with_capacity(groups.len());
        for of_week in groups.chunk_by(|one, next| one.week == next.week) {
            let week = of_week.first().map(|tally| tally.week);
            // Something may have happened between the two.
            let total = everybody.iter().find(|tally| Some(tally.week) == week);
            if let Some(total) = total {
                rows.extend(report::groups(total, of_week, self.smallest));
            }
        }
        let names = self.names(tenant, rows.iter().filter_map(|row| row.specialist)).await?;
        let named = |row: GroupRow| Named {
            name: row.specialist.and_then(|id| names.get(&id).cloned()),
            row,
        };
        Ok(rows.into_iter().map(named).collect())
    }

    /// The patients whom the specialist treats, over those of `weeks` that are over.
    pub async fn patients(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<Named<PatientSummary>>, Failure> {
        treating(tenant)?;
        let Some(weeks) = weeks.over(self.desk.clock.now()) else { return Ok(Vec::new()) };
        let all = self.engine.weeks_of(tenant, None, weeks).await?;
        let names = self.names(tenant, all.iter().map(|(patient, _)| *patient)).await?;
        let summary = |of_one: &[(PersonId, PatientWeek)]| {
            let (patient, _) = *of_one.first()?;
            let own: Vec<_> = of_one.iter().map(|(_, week)| *week).collect();
            let row = PatientSummary {
                patient,
                sessions: together(&own),
                active_days: own.iter().map(|week| week.active.count()).sum(),
                persistence: persistence(&own),
            };
            Some(Named { name: names.get(&patient).cloned(), row })
        };
        Ok(all.chunk_by(|(one, _), (next, _)| one == next).filter_map(summary).collect())
    }

    /// What became of one patient within reach; of a patient themself where none is named.
    pub async fn progress(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        weeks: Weeks,
    ) -> Result<Progress, Failure> {
        let patient = patient.or(own(tenant)).ok_or(Failure::NotFound)?;
        let patient = self
            .desk
            .read(tenant, async |work| {
                work.people().find(tenant.reach(), patient).await?.ok_or(Failure::NotFound)
            })
            .await?;
        let now = self.desk.clock.now();
        let (id, under_way) = (Some(patient.id), Week::at(now, patient.timezone));
        let kept = self.engine.weeks_of(tenant, id, weeks).await?;
        let mut kept: BTreeMap<Week, PatientWeek> =
            kept.into_iter().map(|(_, week)| (week.week, week)).collect();
        let come = weeks.iter().take_while(|week| *week <= under_way);
        let weeks_of: Vec<_> = come
            .map(|week| kept.remove(&week).unwrap_or_else(|| PatientWeek::empty(week)))
            .collect();
        let over: Vec<_> = weeks_of.iter().filter(|week| week.week < under_way).copied().collect();
        Ok(Progress {
            persistence: persistence(&over),
            weeks: weeks_of,
            under_way,
            outcomes: self.engine.outcomes_of(tenant, patient.id, weeks.months()).await?,
            courses: self.engine.courses(tenant, id, under_way.before(1)).await?,
            patient,
        })
    }

    /// The outcomes of each month of `weeks` that is over.
    pub async fn outcomes(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<OutcomeRow>, Failure> {
        staff(tenant)?;
        let months = weeks.months().over(self.desk.clock.now());
        let Some(months) = months else { return Ok(Vec::new()) };
        let tallies = self.engine.outcomes(tenant, months).await?;
        Ok(tallies.iter().map(|tally| report::outcome(tally, self.smallest)).collect())
    }

    /// What happened in each of `weeks` that is over.
    pub async fn activity(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<ActivityRow>, Failure> {
        staff(tenant)?;
        let Some(weeks) = weeks.over(self.desk.clock.now()) else { return Ok(Vec::new()) };
        let tallies = self.engine.activity(tenant, weeks).await?;
        let mut by_week: BTreeMap<Week, ActivityTally> =
            tallies.into_iter().map(|tally| (tally.week, tally)).collect();
        let of = |week| {
            let tally = by_week.remove(&week).unwrap_or_else(|| ActivityTally::empty(week));
            report::activity(&tally, self.smallest)
        };
        Ok(weeks.iter().map(of).collect())
    }

    /// How far programmes were followed to the end of the last week, by where they stand.
    pub async fn completion(&self, tenant: &Tenant) -> Result<Vec<CompletionRow>, Failure> {
        staff(tenant)?;
        let tallies = self.engine.completion(tenant, self.last_over()).await?;
        Ok(tallies.iter().map(|tally| report::completion(tally, self.smallest)).collect())
    }

    /// How far each programme of those whom the specialist treats was followed, to the same end.
    pub async fn courses(&self, tenant: &Tenant) -> Result<Vec<Named<CourseProgress>>, Failure> {
        treating(tenant)?;
        let rows = self.engine.courses(tenant, None, self.last_over()).await?;
        let names = self.names(tenant, rows.iter().map(|row| row.patient)).await?;
        let named = |row: CourseProgress| Named { name: names.get(&row.patient).cloned(), row };
        Ok(rows.into_iter().map(named).collect())
    }

    /// What people within reach are called.
    async fn names(
        &self,
        tenant: &Tenant,
        ids: impl Iterator<Item = PersonId>,
    ) -> Result<BTreeMap<PersonId, Personal>, Failure> {
        let ids: BTreeSet<PersonId> = ids.collect();
        self.desk
            .read(tenant, async |work| {
                let mut names = BTreeMap::new();
                for id in ids {
                    if let Some(person) = work.people().find(tenant.reach(), id).await? {
                        names.insert(id, person.display_name);
                    }
                }
                Ok(names)
            })
            .await
    }
}

/// How much of what was asked in these weeks was done.
fn together(weeks: &[PatientWeek]) -> Option<Share> {
    let sums = weeks.iter().fold((0_u32, 0_u32), |(part, whole), week| {
        let sum = &week.fulfilment;
        (part.saturating_add(sum.credited), whole.saturating_add(sum.prescribed))
    });
    Share::new(sums.0, sums.1)
}

const fn own(tenant: &Tenant) -> Option<PersonId> {
    match tenant.reach() {
        Reach::Own(person) => Some(person),
        Reach::TreatedBy(_) | Reach::Organisation => None,
    }
}

/// Aggregates are for those who work for the organisation.
const fn staff(tenant: &Tenant) -> Result<(), Failure> {
    match tenant.reach() {
        Reach::Own(_) => Err(Failure::Forbidden),
        Reach::TreatedBy(_) | Reach::Organisation => Ok(()),
    }
}

/// Lists of patients are for those who treat them.
const fn treating(tenant: &Tenant) -> Result<(), Failure> {
    match tenant.reach() {
        Reach::TreatedBy(_) => Ok(()),
        Reach::Own(_) | Reach::Organisation => Err(Failure::Forbidden),
    }
}
