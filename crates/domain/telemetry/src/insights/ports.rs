use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use restartix_kernel::{EventId, PersonId, StoreError};
use restartix_tenancy::{ClaimSource, Tenant};

use super::outcome::OutcomeMonth;
use super::record::PatientRecord;
use super::rollup::{PatientWeek, Rollup};
use super::tally::{
    ActivityTally, AdherenceTally, CompletionTally, CourseProgress, Grouping, OutcomeTally,
};
use super::week::{Months, Week, Weeks};

/// The engine that counts: within the caller's reach, over the weeks of each patient's own calendar.
///
/// It counts and suppresses nothing: what of it may be published is said by this crate alone.
#[async_trait]
pub trait Insights: Send + Sync {
    /// The adherence in each of `weeks`, by week and group; a week and a group of nobody are not
    /// there.
    async fn adherence(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
        by: Grouping,
    ) -> Result<Vec<AdherenceTally>, StoreError>;

    /// The outcomes of each of `months`, by month and instrument; what nobody was measured by is not
    /// there.
    async fn outcomes(
        &self,
        tenant: &Tenant,
        months: Months,
    ) -> Result<Vec<OutcomeTally>, StoreError>;

    /// What happened in each of `weeks`; one in which nothing did may be missing.
    async fn activity(
        &self,
        tenant: &Tenant,
        weeks: Weeks,
    ) -> Result<Vec<ActivityTally>, StoreError>;

    /// How far programmes were followed up to the end of `until`, by where they stand; places where
    /// none stands of which something was asked are not there.
    async fn completion(
        &self,
        tenant: &Tenant,
        until: Week,
    ) -> Result<Vec<CompletionTally>, StoreError>;

    /// The weeks of each patient within reach, or of one of them: by patient and week.
    async fn weeks_of(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        weeks: Weeks,
    ) -> Result<Vec<(PersonId, PatientWeek)>, StoreError>;

    /// The outcomes of one patient within reach, by month and instrument.
    async fn outcomes_of(
        &self,
        tenant: &Tenant,
        patient: PersonId,
        months: Months,
    ) -> Result<Vec<OutcomeMonth>, StoreError>;

    /// How far each programme within reach, or each of one patient, was followed up to the end of
    /// `until`, by id; those that asked for nothing yet too.
    async fn courses(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        until: Week,
    ) -> Result<Vec<CourseProgress>, StoreError>;
}

/// What was computed of one patient is not what happened any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The ids of the marks that say so.
    pub marks: Vec<EventId>,
    /// From which day of the patient's calendar on.
    pub since: NaiveDate,
}

/// What is computed of each patient, within one unit of work. It can be lost at any time: it is
/// computed again from what happened.
#[async_trait]
pub trait Rollups: Send {
    /// Since when what is computed of the patient is stale; `None` where it is not. Nobody else
    /// computes of the same patient until the unit of work ends.
    async fn stale(&mut self, patient: PersonId) -> Result<Option<Stale>, StoreError>;

    /// What happened to the patient, from a day before `since` on at least; `None` for nobody.
    async fn record(
        &mut self,
        patient: PersonId,
        since: NaiveDate,
    ) -> Result<Option<PatientRecord>, StoreError>;

    /// Keeps `rollup` in the place of all that was kept of the patient from the week `since` on, and
    /// from its month on, and takes these marks away. With `again`, a mark is left for then.
    async fn keep(
        &mut self,
        patient: PersonId,
        since: Week,
        rollup: &Rollup,
        marks: &[EventId],
        again: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError>;
}

/// Which marks are claimed.
#[derive(Clone, Copy, Debug)]
pub struct StaleClaim {
    /// How many at most.
    pub limit: u16,
    /// Those that are due now.
    pub now: DateTime<Utc>,
    /// For how long nobody else gets them.
    pub lease: chrono::TimeDelta,
}

/// The patients of every organisation whose rollups are stale.
pub trait StalePatients: ClaimSource<Key = StaleClaim, Row = PersonId> {}

impl<S: ClaimSource<Key = StaleClaim, Row = PersonId>> StalePatients for S {}
