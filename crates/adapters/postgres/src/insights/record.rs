//! What happened to one patient, read for computing.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{EventId, ExerciseId, PersonId, ProgramId, StoreError};
use restartix_telemetry::insights::{
    Completion, Course, Measurement, PatientRecord, Stay, Visit, VisitState,
};
use restartix_telemetry::{Programs, Score};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::rehab::bounded;
use crate::schema::{appointments, people, programs, rehab_events as events, video_stays as stays};
use crate::unit::PgWork;

type Ended = Option<DateTime<Utc>>;

impl PgWork {
    /// What happened to the patient: all programmes and outcomes, and of the rest what may lie on or
    /// after `since` of any calendar.
    pub(super) async fn patient_record(
        &mut self,
        patient: PersonId,
        since: NaiveDate,
    ) -> Result<Option<PatientRecord>, StoreError> {
        let zone: Option<String> = people::table
            .find((self.org_id(), patient.as_uuid()))
            .select(people::timezone)
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        let Some(zone) = zone else { return Ok(None) };
        // No calendar is a day ahead of UTC.
        let since = since.pred_opt().unwrap_or(since).and_time(NaiveTime::MIN).and_utc();
        Ok(Some(PatientRecord {
            zone: zone.parse().map_err(|_| unreadable("people.timezone"))?,
            courses: self.courses_of(patient).await?,
            completions: self.completions_of(patient, since).await?,
            measurements: self.measurements_of(patient).await?,
            visits: self.visits_of(patient, since).await?,
            stays: self.stays_of(patient, since).await?,
        }))
    }

    async fn courses_of(&mut self, patient: PersonId) -> Result<Vec<Course>, StoreError> {
        let rows: Vec<(Uuid, NaiveDate, Ended)> = programs::table
            .filter(programs::patient_id.eq(patient.as_uuid()))
            .order(programs::id)
            .select((programs::id, programs::starts_on, programs::ended_at))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let mut courses = Vec::with_capacity(rows.len());
        for (id, starts_on, ended_at) in rows {
            let program = ProgramId::from_uuid(id);
            let history = self.history(program).await?;
            courses.push(Course { program, starts_on, ended_at, history });
        }
        Ok(courses)
    }

    async fn completions_of(
        &mut self,
        patient: PersonId,
        since: DateTime<Utc>,
    ) -> Result<Vec<Completion>, StoreError> {
        let rows: Vec<(Uuid, Uuid, Option<Uuid>, DateTime<Utc>)> = events::table
            .filter(events::patient_id.eq(patient.as_uuid()))
            .filter(events::occurred_at.ge(since))
            .filter(events::kind.eq("exercise.completed"))
            .select((events::id, events::program_id, events::exercise_id, events::occurred_at))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter()
            .map(|(id, program, exercise, at)| {
                let exercise = exercise.ok_or_else(|| unreadable("rehab_events.exercise_id"))?;
                Ok(Completion {
                    id: EventId::from_uuid(id),
                    program: ProgramId::from_uuid(program),
                    exercise: ExerciseId::from_uuid(exercise),
                    at,
                })
            })
            .collect()
    }

    async fn measurements_of(&mut self, patient: PersonId) -> Result<Vec<Measurement>, StoreError> {
        type Row = (Uuid, Uuid, Option<String>, Option<i32>, DateTime<Utc>);
        let rows: Vec<Row> = events::table
            .filter(events::patient_id.eq(patient.as_uuid()))
            .filter(events::kind.eq("outcome.recorded"))
            .select((
                events::id,
                events::program_id,
                events::instrument,
                events::score,
                events::occurred_at,
            ))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter()
            .map(|(id, program, instrument, score, at)| {
                let instrument = instrument.and_then(|word| word.parse().ok());
                let score = score.ok_or_else(|| unreadable("rehab_events.score"))?;
                Ok(Measurement {
                    id: EventId::from_uuid(id),
                    program: ProgramId::from_uuid(program),
                    instrument: instrument.ok_or_else(|| unreadable("rehab_events.instrument"))?,
                    score: bounded(score, Score::new, "rehab_events.score")?,
                    at,
                })
            })
            .collect()
    }

    async fn visits_of(
        &mut self,
        patient: PersonId,
        since: DateTime<Utc>,
    ) -> Result<Vec<Visit>, StoreError> {
        let rows: Vec<(DateTime<Utc>, String)> = appointments::table
            .filter(appointments::patient_id.eq(patient.as_uuid()))
            .filter(appointments::starts_at.ge(since))
            .select((appointments::starts_at, appointments::status))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter()
            .map(|(at, status)| {
                let state: Result<VisitState, _> = status.parse();
                Ok(Visit { at, state: state.map_err(|_| unreadable("appointments.status"))? })
            })
            .collect()
    }

    async fn stays_of(
        &mut self,
        patient: PersonId,
        since: DateTime<Utc>,
    ) -> Result<Vec<Stay>, StoreError> {
        let rows: Vec<(DateTime<Utc>, Ended)> = stays::table
            .inner_join(
                appointments::table.on(appointments::org_id
                    .eq(stays::org_id)
                    .and(appointments::id.eq(stays::appointment_id))
                    .and(appointments::patient_id.eq(stays::person_id))),
            )
            .filter(stays::person_id.eq(patient.as_uuid()))
            .filter(stays::joined_at.ge(since))
            .filter(stays::left_at.is_not_null())
            .select((stays::joined_at, stays::left_at))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let stay = |(at, left): (DateTime<Utc>, Ended)| {
            let seconds = left.map_or(0, |left| (left - at).num_seconds());
            Stay { at, seconds: u32::try_from(seconds).unwrap_or_default() }
        };
        Ok(rows.into_iter().map(stay).collect())
    }
}
