use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{EventId, PersonId, StoreError};
use restartix_telemetry::insights::{
    CourseWeek, DEFINITION, DaySet, Fulfilment, Month, OutcomeMonth, PatientRecord, PatientWeek,
    Rollup, Rollups, Stale, Week,
};
use uuid::Uuid;

use super::schema::{
    insight_course_weeks as course_weeks, insight_marks as marks, insight_outcomes as outcomes,
    insight_weeks as weeks,
};
use crate::error::{store_error, unreadable};
use crate::unit::PgWork;

/// A patient's week, as it is kept.
#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = weeks)]
pub(super) struct WeekRow {
    org_id: i64,
    pub(super) patient_id: Uuid,
    week: NaiveDate,
    definition: i32,
    prescribed: i32,
    done: i32,
    credited: i32,
    overdone: i32,
    exercises_prescribed: i32,
    exercises_credited: i32,
    asked_days: i16,
    active_days: i16,
    exercises: i32,
    confirmed: i32,
    in_progress: i32,
    completed: i32,
    cancelled: i32,
    no_show: i32,
    video_seconds: i32,
}

/// The definition of what is computed now, as a column.
pub(super) fn definition() -> i32 {
    DEFINITION.into()
}

/// A count as a column: what does not fit is as much as fits.
fn column(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn count(column: i32) -> Result<u32, StoreError> {
    u32::try_from(column).map_err(|_| unreadable("insight_weeks"))
}

fn days(column: i16) -> Result<DaySet, StoreError> {
    let bits = u8::try_from(column).ok().and_then(DaySet::new);
    bits.ok_or_else(|| unreadable("insight_weeks"))
}

fn week_row(org_id: i64, patient: PersonId, week: &PatientWeek) -> WeekRow {
    let (sum, [confirmed, in_progress, completed, cancelled, no_show]) =
        (&week.fulfilment, week.visits.map(column));
    WeekRow {
        org_id,
        patient_id: patient.as_uuid(),
        week: week.week.monday(),
        definition: definition(),
        prescribed: column(sum.prescribed),
        done: column(sum.done),
        credited: column(sum.credited),
        overdone: column(sum.overdone),
        exercises_prescribed: column(sum.exercises_prescribed),
        exercises_credited: column(sum.exercises_credited),
        asked_days: sum.asked.bits().into(),
        active_days: week.active.bits().into(),
        exercises: column(week.exercises),
        confirmed,
        in_progress,
        completed,
        cancelled,
        no_show,
        video_seconds: column(week.video_seconds),
    }
}

impl TryFrom<WeekRow> for PatientWeek {
    type Error = StoreError;

    fn try_from(row: WeekRow) -> Result<Self, StoreError> {
        Ok(Self {
            week: Week::of(row.week),
            fulfilment: Fulfilment {
                prescribed: count(row.prescribed)?,
                done: count(row.done)?,
                credited: count(row.credited)?,
                overdone: count(row.overdone)?,
                exercises_prescribed: count(row.exercises_prescribed)?,
                exercises_credited: count(row.exercises_credited)?,
                asked: days(row.asked_days)?,
            },
            active: days(row.active_days)?,
            exercises: count(row.exercises)?,
            visits: [
                count(row.confirmed)?,
                count(row.in_progress)?,
                count(row.completed)?,
                count(row.cancelled)?,
                count(row.no_show)?,
            ],
            video_seconds: count(row.video_seconds)?,
        })
    }
}

/// Rows that go out in one statement: well below what its parameters may number.
const ROWS: usize = 1_000;

impl PgWork {
    async fn keep_weeks(&mut self, patient: PersonId, kept: &[PatientWeek]) -> QueryResult<()> {
        let org_id = self.org_id();
        for some in kept.chunks(ROWS) {
            let rows: Vec<_> = some.iter().map(|week| week_row(org_id, patient, week)).collect();
            diesel::insert_into(weeks::table).values(rows).execute(self.tx()).await?;
        }
        Ok(())
    }

    async fn keep_courses(&mut self, patient: PersonId, kept: &[CourseWeek]) -> QueryResult<()> {
        let org_id = self.org_id();
        for some in kept.chunks(ROWS) {
            let row = |course: &CourseWeek| {
                let sum = &course.fulfilment;
                (
                    course_weeks::org_id.eq(org_id),
                    course_weeks::patient_id.eq(patient.as_uuid()),
                    course_weeks::program_id.eq(course.program.as_uuid()),
                    course_weeks::week.eq(course.week.monday()),
                    course_weeks::definition.eq(definition()),
                    course_weeks::prescribed.eq(column(sum.prescribed)),
                    course_weeks::done.eq(column(sum.done)),
                    course_weeks::credited.eq(column(sum.credited)),
                    course_weeks::overdone.eq(column(sum.overdone)),
                    course_weeks::exercises_prescribed.eq(column(sum.exercises_prescribed)),
                    course_weeks::exercises_credited.eq(column(sum.exercises_credited)),
                    course_weeks::asked_days.eq(i16::from(sum.asked.bits())),
                )
            };
            let rows: Vec<_> = some.iter().map(row).collect();
            diesel::insert_into(course_weeks::table).values(rows).execute(self.tx()).await?;
        }
        Ok(())
    }

    async fn keep_outcomes(&mut self, patient: PersonId, kept: &[OutcomeMonth]) -> QueryResult<()> {
        let org_id = self.org_id();
        for some in kept.chunks(ROWS) {
            let row = |outcome: &OutcomeMonth| {
                (
                    outcomes::org_id.eq(org_id),
                    outcomes::patient_id.eq(patient.as_uuid()),
                    outcomes::month.eq(outcome.month.first_day()),
                    outcomes::instrument.eq(outcome.instrument.as_str()),
                    outcomes::definition.eq(definition()),
                    outcomes::baseline.eq(i32::from(outcome.baseline.get())),
                    outcomes::latest.eq(i32::from(outcome.latest.get())),
                )
            };
            let rows: Vec<_> = some.iter().map(row).collect();
            diesel::insert_into(outcomes::table).values(rows).execute(self.tx()).await?;
        }
        Ok(())
    }

    async fn replace(
        &mut self,
        patient: PersonId,
        since: Week,
        rollup: &Rollup,
    ) -> QueryResult<()> {
        let (of, monday) = (patient.as_uuid(), since.monday());
        let old = weeks::table.filter(weeks::patient_id.eq(of)).filter(weeks::week.ge(monday));
        diesel::delete(old).execute(self.tx()).await?;
        let old = course_weeks::table.filter(course_weeks::patient_id.eq(of));
        let old = old.filter(course_weeks::week.ge(monday));
        diesel::delete(old).execute(self.tx()).await?;
        let old = outcomes::table.filter(outcomes::patient_id.eq(of));
        let old = old.filter(outcomes::month.ge(Month::of(monday).first_day()));
        diesel::delete(old).execute(self.tx()).await?;
        self.keep_weeks(patient, &rollup.weeks).await?;
        self.keep_courses(patient, &rollup.courses).await?;
        self.keep_outcomes(patient, &rollup.outcomes).await
    }
}

#[async_trait]
impl Rollups for PgWork {
    async fn stale(&mut self, patient: PersonId) -> Result<Option<Stale>, StoreError> {
        // Locked: whoever computes of the same patient has seen one of these marks too, or none.
        let rows: Vec<(Uuid, NaiveDate)> = marks::table
            .filter(marks::patient_id.eq(patient.as_uuid()))
            .order(marks::id)
            .for_update()
            .select((marks::id, marks::since))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let since = rows.iter().map(|(_, since)| *since).min();
        let marks = rows.iter().map(|(id, _)| EventId::from_uuid(*id)).collect();
        Ok(since.map(|since| Stale { marks, since }))
    }

    async fn record(
        &mut self,
        patient: PersonId,
        since: NaiveDate,
    ) -> Result<Option<PatientRecord>, StoreError> {
        self.patient_record(patient, since).await
    }

    async fn keep(
        &mut self,
        patient: PersonId,
        since: Week,
        rollup: &Rollup,
        seen: &[EventId],
        again: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.replace(patient, since, rollup).await.map_err(store_error)?;
        let seen: Vec<_> = seen.iter().map(|id| id.as_uuid()).collect();
        diesel::delete(marks::table.filter(marks::id.eq_any(seen)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let Some(again) = again else { return Ok(()) };
        diesel::insert_into(marks::table)
            .values((
                marks::org_id.eq(self.org_id()),
                marks::patient_id.eq(patient.as_uuid()),
                // Early enough for every calendar.
                marks::since.eq(again.date_naive().pred_opt().unwrap_or(again.date_naive())),
                marks::due_at.eq(again),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }
}
