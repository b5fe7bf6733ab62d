use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{ExerciseId, ProgramId, StoreError};
use restartix_telemetry::{
    Exercise, Exercises, OutOfRange, Plan, Program, Reps, Revision, Sets, WeeklySessions,
};
use restartix_tenancy::Version;
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::{program_exercises as exercises, program_revisions as revisions, programs};
use crate::unit::PgWork;

/// Programme, version, first day, sessions a week, exercise, sets, repetitions.
type Row = (Uuid, i32, NaiveDate, i32, Uuid, i32, i32);

/// The number that a column holds, when it is in the bounds of its kind.
pub(crate) fn bounded<N: TryFrom<i32>, T>(
    value: i32,
    kind: impl Fn(N) -> Result<T, OutOfRange>,
    column: &'static str,
) -> Result<T, StoreError> {
    let value = N::try_from(value).map_err(|_| unreadable(column))?;
    kind(value).map_err(|_| unreadable(column))
}

fn exercise((.., id, sets, reps): Row) -> Result<Exercise, StoreError> {
    Ok(Exercise {
        id: ExerciseId::from_uuid(id),
        sets: bounded(sets, Sets::new, "program_exercises.sets")?,
        reps: bounded(reps, Reps::new, "program_exercises.reps")?,
    })
}

/// The rows of several plans, each with its exercises side by side and in their order.
fn gathered(rows: &[Row]) -> Result<Vec<(Uuid, Revision)>, StoreError> {
    rows.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1))
        .filter_map(|rows| rows.first().map(|first| (rows, *first)))
        .map(|(rows, (program, version, effective_on, sessions, ..))| {
            let exercises: Result<Vec<_>, _> = rows.iter().copied().map(exercise).collect();
            let exercises = Exercises::new(exercises?);
            let exercises = exercises.map_err(|_| unreadable("program_exercises"))?;
            let column = "program_revisions.sessions_per_week";
            let sessions_per_week = bounded(sessions, WeeklySessions::new, column)?;
            let plan = Plan { exercises, sessions_per_week };
            let version =
                Version::new(version).ok_or_else(|| unreadable("program_revisions.version"))?;
            Ok((program, Revision { version, effective_on, plan }))
        })
        .collect()
}

/// Every plan with each of its exercises.
#[diesel::dsl::auto_type]
fn plans() -> _ {
    revisions::table.inner_join(
        exercises::table.on(exercises::org_id
            .eq(revisions::org_id)
            .and(exercises::program_id.eq(revisions::program_id))
            .and(exercises::version.eq(revisions::version))),
    )
}

macro_rules! columns {
    () => {
        (
            revisions::program_id,
            revisions::version,
            revisions::effective_on,
            revisions::sessions_per_week,
            exercises::exercise_id,
            exercises::sets,
            exercises::reps,
        )
    };
}

impl PgWork {
    /// The latest plan of each of these programmes.
    pub(super) async fn latest_plans(
        &mut self,
        ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, Plan>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let latest = programs::table
            .filter(programs::org_id.eq(revisions::org_id))
            .filter(programs::id.eq(revisions::program_id))
            .filter(programs::revision.eq(revisions::version));
        let rows: Vec<Row> = plans()
            .filter(revisions::program_id.eq_any(ids))
            .filter(exists(latest))
            .order((revisions::program_id, exercises::position))
            .select(columns!())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let gathered = gathered(&rows)?;
        Ok(gathered.into_iter().map(|(program, revision)| (program, revision.plan)).collect())
    }

    /// Every plan of a programme, by version.
    pub(super) async fn revisions(&mut self, id: ProgramId) -> Result<Vec<Revision>, StoreError> {
        let rows: Vec<Row> = plans()
            .filter(revisions::program_id.eq(id.as_uuid()))
            .order((revisions::version, exercises::position))
            .select(columns!())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        Ok(gathered(&rows)?.into_iter().map(|(_, revision)| revision).collect())
    }

    /// Keeps the plan of `program` beside those before it.
    pub(super) async fn add_revision(
        &mut self,
        program: &Program,
        effective_on: NaiveDate,
    ) -> QueryResult<()> {
        let (org_id, id, version) = (self.org_id(), program.id.as_uuid(), program.version.get());
        diesel::insert_into(revisions::table)
            .values((
                revisions::org_id.eq(org_id),
                revisions::program_id.eq(id),
                revisions::version.eq(version),
                revisions::effective_on.eq(effective_on),
                revisions::sessions_per_week.eq(i32::from(program.plan.sessions_per_week.get())),
            ))
            .execute(self.tx())
            .await?;
        let rows: Vec<_> = (1_i32..)
            .zip(program.plan.exercises.as_slice())
            .map(|(position, exercise)| {
                (
                    exercises::org_id.eq(org_id),
                    exercises::program_id.eq(id),
                    exercises::version.eq(version),
                    exercises::position.eq(position),
                    exercises::exercise_id.eq(exercise.id.as_uuid()),
                    exercises::sets.eq(i32::from(exercise.sets.get())),
                    exercises::reps.eq(i32::from(exercise.reps.get())),
                )
            })
            .collect();
        diesel::insert_into(exercises::table).values(rows).execute(self.tx()).await?;
        Ok(())
    }
}
