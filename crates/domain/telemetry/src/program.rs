use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use restartix_kernel::{ExerciseId, Page, PageRequest, PersonId, ProgramId, StoreError, words};
use restartix_tenancy::{Change, Reach, Version};

use crate::{ExerciseCount, Reps, Sets, WeeklySessions};

words! {
    /// Where a programme stands.
    ProgramStatus {
        /// It is followed.
        Active = "active",
        /// It rests.
        Paused = "paused",
        /// It is over, for good.
        Ended = "ended",
    }
}

/// What a programme asks for in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exercise {
    /// What is to be done.
    pub id: ExerciseId,
    /// How many sets.
    pub sets: Sets,
    /// How many repetitions in each.
    pub reps: Reps,
}

/// The exercises of a session, in their order: 1 to 50, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercises {
    listed: Vec<Exercise>,
    count: ExerciseCount,
}

/// These are no exercises of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExercisesError {
    /// There are none.
    #[error("a programme has an exercise")]
    Empty,
    /// There are more than 50.
    #[error("a programme has at most 50 exercises")]
    TooMany,
    /// One stands there twice.
    #[error("a programme has each exercise once")]
    Repeated,
}

impl Exercises {
    /// These exercises, in this order.
    ///
    /// # Errors
    /// [`ExercisesError`] when there are none, more than 50, or one twice.
    pub fn new(exercises: Vec<Exercise>) -> Result<Self, ExercisesError> {
        if exercises.is_empty() {
            return Err(ExercisesError::Empty);
        }
        let count = u16::try_from(exercises.len()).map_err(|_| ExercisesError::TooMany)?;
        let count = ExerciseCount::new(count).map_err(|_| ExercisesError::TooMany)?;
        let mut seen = BTreeSet::new();
        if !exercises.iter().all(|exercise| seen.insert(exercise.id)) {
            return Err(ExercisesError::Repeated);
        }
        Ok(Self { listed: exercises, count })
    }

    /// They, in their order.
    pub fn as_slice(&self) -> &[Exercise] {
        &self.listed
    }

    /// How many they are.
    pub const fn count(&self) -> ExerciseCount {
        self.count
    }
}

/// What a programme asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In each session.
    pub exercises: Exercises,
    /// How many sessions a week.
    pub sessions_per_week: WeeklySessions,
}

/// A patient's programme, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its id.
    pub id: ProgramId,
    /// Whose.
    pub patient: PersonId,
    /// What it asks for, by its latest revision.
    pub plan: Plan,
    /// Its first day, on the patient's calendar.
    pub starts_on: NaiveDate,
    /// Where it stands.
    pub status: ProgramStatus,
    /// When it ended, when it did.
    pub ended_at: Option<DateTime<Utc>>,
    /// Changes so far.
    pub version: Version,
}

/// The programme does not stand where that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a programme that is {from} cannot become {to}")]
pub struct ProgramRefused {
    /// Where it stands.
    pub from: ProgramStatus,
    /// Where it was to stand.
    pub to: ProgramStatus,
}

impl Program {
    /// The programme where it stands at `to`, from `now` on.
    ///
    /// # Errors
    /// [`ProgramRefused`]: only what is active is paused, only what is paused goes on, and what has
    /// ended stays so.
    pub fn moved(&self, to: ProgramStatus, now: DateTime<Utc>) -> Result<Self, ProgramRefused> {
        use ProgramStatus::{Active, Ended, Paused};
        match (self.status, to) {
            (Active, Paused | Ended) | (Paused, Active | Ended) => {}
            (from, to) => return Err(ProgramRefused { from, to }),
        }
        let ended_at = (to == Ended).then_some(now);
        Ok(Self { status: to, ended_at, version: self.version.next(), ..self.clone() })
    }

    /// The programme with another plan, where it stands.
    ///
    /// # Errors
    /// [`ProgramRefused`]: what has ended is not revised.
    pub fn revised(&self, plan: Plan) -> Result<Self, ProgramRefused> {
        if self.status == ProgramStatus::Ended {
            return Err(ProgramRefused { from: self.status, to: ProgramStatus::Active });
        }
        Ok(Self { plan, version: self.version.next(), ..self.clone() })
    }

    /// From which day a revision that is made on `today` (of the patient's calendar) takes effect.
    pub fn takes_effect(&self, today: NaiveDate) -> NaiveDate {
        today.max(self.starts_on)
    }
}

/// What a programme asked for, from a day on.
///
/// Of those whose day has come, the one with the highest version is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The programme's version with it.
    pub version: Version,
    /// Its first day, on the patient's calendar.
    pub effective_on: NaiveDate,
    /// What it asks for.
    pub plan: Plan,
}

/// A rest of a programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub from: DateTime<Utc>,
    /// Until when; `None` while it lasts. Never before `from`.
    pub to: Option<DateTime<Utc>>,
}

/// What became of a programme over time: what adherence is computed from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramHistory {
    /// Its plans, by version; the first is the one that was assigned.
    pub revisions: Vec<Revision>,
    /// Its rests, the earliest first.
    pub pauses: Vec<Pause>,
}

/// What events are held against: whose a programme is, and every exercise that it ever asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prescription {
    /// Which programme.
    pub program: ProgramId,
    /// Whose.
    pub patient: PersonId,
    /// Its version now.
    pub version: Version,
    /// What it asks for, or once did: what a device kept offline may be older than a revision.
    pub exercises: BTreeSet<ExerciseId>,
}

/// Which programmes a list is to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramFilter {
    /// Of this patient.
    pub patient: Option<PersonId>,
    /// That stand here.
    pub status: Option<ProgramStatus>,
}

/// The programmes of one organisation, within one unit of work.
///
/// Within reach of a patient are their own, of a specialist those of the patients they treat.
#[async_trait]
pub trait Programs: Send {
    /// Adds one, whose plan takes effect on its first day.
    async fn add(&mut self, program: &Program) -> Result<(), StoreError>;

    /// One within `reach`.
    async fn find(&mut self, reach: Reach, id: ProgramId) -> Result<Option<Program>, StoreError>;

    /// Those within `reach`, by id.
    async fn list(
        &mut self,
        reach: Reach,
        filter: &ProgramFilter,
        page: &PageRequest,
    ) -> Result<Page<Program>, StoreError>;

    /// Keeps the plan of `program` as a revision from `effective_on`, when the version kept is the
    /// one before. The plans before it stay in the history.
    async fn revise(
        &mut self,
        program: &Program,
        effective_on: NaiveDate,
    ) -> Result<Change, StoreError>;

    /// Keeps where `program` stands since `since`, when the version kept is the one before. A pause
    /// begins with [`ProgramStatus::Paused`] and ends with any other status.
    async fn set_status(
        &mut self,
        program: &Program,
        since: DateTime<Utc>,
    ) -> Result<Change, StoreError>;

    /// What became of a programme; empty for one that is not there.
    async fn history(&mut self, id: ProgramId) -> Result<ProgramHistory, StoreError>;

    /// What those of `programs` that are within `reach` ask for, or ever did, by id.
    async fn prescriptions(
        &mut self,
        reach: Reach,
        programs: &[ProgramId],
    ) -> Result<Vec<Prescription>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercise(n: u16) -> Exercise {
        let id = format!("00000000-0000-7000-8000-00000000{n:04}").parse().unwrap();
        Exercise { id, sets: Sets::new(3).unwrap(), reps: Reps::new(10).unwrap() }
    }

    fn program() -> Program {
        let exercises = Exercises::new(vec![exercise(1)]).unwrap();
        Program {
            id: "00000000-0000-7000-8000-000000000001".parse().unwrap(),
            patient: "00000000-0000-4000-8000-000000000002".parse().unwrap(),
            plan: Plan { exercises, sessions_per_week: WeeklySessions::new(5).unwrap() },
            starts_on: "2026-03-02".parse().unwrap(),
            status: ProgramStatus::Active,
            ended_at: None,
            version: Version::FIRST,
        }
    }

    #[test]
    fn a_session_has_one_to_fifty_exercises_each_once() {
        assert_eq!(Exercises::new(Vec::new()), Err(ExercisesError::Empty));
        let fifty: Vec<_> = (1..=50).map(exercise).collect();
        assert_eq!(Exercises::new(fifty.clone()).unwrap().as_slice(), fifty);
        let more: Vec<_> = (1..=51).map(exercise).collect();
        assert_eq!(Exercises::new(more), Err(ExercisesError::TooMany));
        let twice = vec![exercise(1), exercise(2), exercise(1)];
        assert_eq!(Exercises::new(twice), Err(ExercisesError::Repeated));
        assert_eq!(Exercises::new(fifty).unwrap().count().get(), 50);
    }

    #[test]
    fn a_programme_rests_goes_on_and_ends_once() {
        use ProgramStatus::{Active, Ended, Paused};
        let now = DateTime::UNIX_EPOCH;
        let active = program();
        let paused = active.moved(Paused, now).unwrap();
        assert_eq!((paused.status, paused.version), (Paused, Version::FIRST.next()));
        assert!(paused.moved(Paused, now).is_err());
        assert_eq!(paused.moved(Active, now).unwrap().status, Active);
        assert!(active.moved(Active, now).is_err());
        let ended = paused.moved(Ended, now).unwrap();
        assert_eq!(ended.ended_at, Some(now));
        for to in [Active, Paused, Ended] {
            assert_eq!(ended.moved(to, now), Err(ProgramRefused { from: Ended, to }));
        }
        assert!(ended.revised(active.plan.clone()).is_err());
        assert_eq!(paused.revised(active.plan.clone()).unwrap().status, Paused);
    }

    #[test]
    fn a_revision_takes_effect_today_but_not_before_the_first_day() {
        let program = program();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(program.takes_effect(day("2026-02-01")), program.starts_on);
        assert_eq!(program.takes_effect(day("2026-04-01")), day("2026-04-01"));
    }
}
