use restartix_kernel::PersonId;
use restartix_telemetry::{
    Exercise, Exercises, ExercisesError, OutOfRange, Plan, Program, Reps, Sets, WeeklySessions,
};
use restartix_tenancy::Version;
use restartix_workflows::{Failure, ProgramDraft, ProgramPatch};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{Date, ExerciseKey, Id, Instant, PersonKey, ProgramKey, invalid, present};
use crate::View;

/// A patient's programme, as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgramView {
    id: ProgramKey,
    patient_id: PersonKey,
    /// What one session asks for, in this order.
    exercises: Vec<ExerciseView>,
    sessions_per_week: u16,
    /// Its first day, on the patient's calendar.
    starts_on: Date,
    /// `active`, `paused` or `ended`.
    status: &'static str,
    /// When it ended; `null` unless it did.
    #[schema(required = true)]
    ended_at: Option<Instant>,
    version: i32,
}

/// What a session asks for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExerciseView {
    id: ExerciseKey,
    sets: u16,
    reps: u16,
}

/// A programme to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramBody {
    patient_id: PersonKey,
    /// What one session asks for, in this order; each exercise once.
    #[schema(min_items = 1, max_items = 50)]
    exercises: Vec<ExerciseBody>,
    #[serde(deserialize_with = "sessions")]
    #[schema(value_type = u16, minimum = 1, maximum = 21)]
    sessions_per_week: WeeklySessions,
    /// Its first day, on the patient's calendar.
    starts_on: Date,
}

/// What a programme is to ask for from today on; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramPatchBody {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_items = 1, max_items = 50)]
    exercises: Option<Vec<ExerciseBody>>,
    #[serde(default, deserialize_with = "sessions_present")]
    #[schema(value_type = u16, required = false, minimum = 1, maximum = 21)]
    sessions_per_week: Option<WeeklySessions>,
}

/// What a session is to ask for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExerciseBody {
    /// As the library calls it from which the organisation prescribes.
    id: ExerciseKey,
    #[serde(deserialize_with = "sets")]
    #[schema(value_type = u16, minimum = 1, maximum = 100)]
    sets: Sets,
    /// In each set.
    #[serde(deserialize_with = "reps")]
    #[schema(value_type = u16, minimum = 1, maximum = 1000)]
    reps: Reps,
}

fn bounded<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    kind: impl Fn(u16) -> Result<T, OutOfRange>,
) -> Result<T, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let out = |_| D::Error::invalid_value(Unexpected::Unsigned(number.into()), &"in its bounds");
    kind(number).map_err(out)
}

fn sets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sets, D::Error> {
    bounded(deserializer, Sets::new)
}

fn reps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reps, D::Error> {
    bounded(deserializer, Reps::new)
}

fn sessions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<WeeklySessions, D::Error> {
    bounded(deserializer, WeeklySessions::new)
}

fn sessions_present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<WeeklySessions>, D::Error> {
    sessions(deserializer).map(Some)
}

fn exercises(bodies: Vec<ExerciseBody>) -> Result<Exercises, Failure> {
    let exercise = |ExerciseBody { id: Id(id), sets, reps }| Exercise { id, sets, reps };
    Exercises::new(bodies.into_iter().map(exercise).collect()).map_err(|error| {
        let code = match error {
            ExercisesError::Empty => "required",
            ExercisesError::TooMany => "too_many",
            ExercisesError::Repeated => "repeated",
        };
        invalid("/exercises", code)
    })
}

impl View for ProgramView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }

    fn patient(&self) -> Option<PersonId> {
        Some(self.patient_id.0)
    }
}

impl From<Program> for ProgramView {
    fn from(program: Program) -> Self {
        let view = |exercise: &Exercise| ExerciseView {
            id: Id(exercise.id),
            sets: exercise.sets.get(),
            reps: exercise.reps.get(),
        };
        Self {
            id: Id(program.id),
            patient_id: Id(program.patient),
            exercises: program.plan.exercises.as_slice().iter().map(view).collect(),
            sessions_per_week: program.plan.sessions_per_week.get(),
            starts_on: Date(program.starts_on),
            status: program.status.as_str(),
            ended_at: program.ended_at.map(Into::into),
            version: program.version.get(),
        }
    }
}

impl TryFrom<ProgramBody> for ProgramDraft {
    type Error = Failure;

    fn try_from(body: ProgramBody) -> Result<Self, Failure> {
        let ProgramBody { patient_id: Id(patient), sessions_per_week, starts_on, .. } = body;
        let plan = Plan { exercises: exercises(body.exercises)?, sessions_per_week };
        Ok(Self { patient, plan, starts_on: starts_on.0 })
    }
}

impl TryFrom<ProgramPatchBody> for ProgramPatch {
    type Error = Failure;

    fn try_from(body: ProgramPatchBody) -> Result<Self, Failure> {
        let ProgramPatchBody { exercises: bodies, sessions_per_week } = body;
        Ok(Self { exercises: bodies.map(exercises).transpose()?, sessions_per_week })
    }
}
