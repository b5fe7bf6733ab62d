use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{EventId, ExerciseId, PersonId, ProgramId, StoreError};
use restartix_telemetry::{
    Effort, Pain, RehabEvents, Report, ReportKind, Reported, Reps, Score, Seconds, Sets,
};
use uuid::Uuid;

use super::plans::bounded;
use crate::error::{store_error, unreadable};
use crate::schema::rehab_events as events;
use crate::unit::PgWork;

/// What a report may hold, as columns.
#[derive(Default)]
struct Columns {
    kind: &'static str,
    exercise: Option<Uuid>,
    sets: Option<i32>,
    reps: Option<i32>,
    pain: Option<i32>,
    effort: Option<i32>,
    duration: Option<i32>,
    source: Option<&'static str>,
    instrument: Option<&'static str>,
    score: Option<i32>,
}

impl From<&Report> for Columns {
    fn from(report: &Report) -> Self {
        match *report {
            Report::ExerciseCompleted { exercise, sets, reps, pain, effort, duration, source } => {
                Self {
                    kind: ReportKind::ExerciseCompleted.as_str(),
                    exercise: Some(exercise.as_uuid()),
                    sets: Some(sets.get().into()),
                    reps: Some(reps.get().into()),
                    pain: pain.map(|pain| pain.get().into()),
                    effort: effort.map(|effort| effort.get().into()),
                    // At most a day.
                    duration: i32::try_from(duration.get()).ok(),
                    source: Some(source.as_str()),
                    ..Self::default()
                }
            }
            Report::OutcomeRecorded { instrument, score } => Self {
                kind: ReportKind::OutcomeRecorded.as_str(),
                instrument: Some(instrument.as_str()),
                score: Some(score.get().into()),
                ..Self::default()
            },
        }
    }
}

macro_rules! keep {
    ($($field:ident: $rust:ty => $sql:ty, $column:literal;)+) => {
        /// Keeps events in one statement, the same for one as for five hundred: each column is an
        /// array.
        #[derive(Default)]
        struct Keep {
            org_id: i64,
            told_at: DateTime<Utc>,
            $($field: Vec<$rust>,)+
        }

        impl QueryFragment<Pg> for Keep {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql("INSERT INTO rehab_events (org_id, told_at");
                $(out.push_sql(concat!(", ", $column));)+
                out.push_sql(") SELECT ");
                out.push_bind_param::<BigInt, _>(&self.org_id)?;
                out.push_sql(", ");
                out.push_bind_param::<Timestamptz, _>(&self.told_at)?;
                out.push_sql(", told.* FROM unnest(");
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<Array<$sql>, _>(&self.$field)?;
                    separator = ", ";
                )+
                let _ = separator;
                out.push_sql(") AS told ON CONFLICT DO NOTHING RETURNING patient_id, id");
                Ok(())
            }
        }
    };
}

keep! {
    patients: Uuid => SqlUuid, "patient_id";
    ids: Uuid => SqlUuid, "id";
    programs: Uuid => SqlUuid, "program_id";
    kinds: &'static str => Text, "type";
    occurred_at: DateTime<Utc> => Timestamptz, "occurred_at";
    exercises: Option<Uuid> => Nullable<SqlUuid>, "exercise_id";
    sets: Option<i32> => Nullable<Integer>, "sets";
    reps: Option<i32> => Nullable<Integer>, "reps";
    pain: Option<i32> => Nullable<Integer>, "pain";
    effort: Option<i32> => Nullable<Integer>, "effort";
    durations: Option<i32> => Nullable<Integer>, "duration_seconds";
    sources: Option<&'static str> => Nullable<Text>, "source";
    instruments: Option<&'static str> => Nullable<Text>, "instrument";
    scores: Option<i32> => Nullable<Integer>, "score";
}

impl QueryId for Keep {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Keep {
    type SqlType = (SqlUuid, SqlUuid);
}

impl<Conn> diesel::query_dsl::RunQueryDsl<Conn> for Keep {}

impl Keep {
    fn push(&mut self, event: &Reported) {
        self.patients.push(event.patient.as_uuid());
        self.ids.push(event.id.as_uuid());
        self.programs.push(event.program.as_uuid());
        self.occurred_at.push(event.occurred_at);
        let columns = Columns::from(&event.report);
        self.kinds.push(columns.kind);
        self.exercises.push(columns.exercise);
        self.sets.push(columns.sets);
        self.reps.push(columns.reps);
        self.pain.push(columns.pain);
        self.effort.push(columns.effort);
        self.durations.push(columns.duration);
        self.sources.push(columns.source);
        self.instruments.push(columns.instrument);
        self.scores.push(columns.score);
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    patient_id: Uuid,
    id: Uuid,
    program_id: Uuid,
    kind: String,
    occurred_at: DateTime<Utc>,
    exercise_id: Option<Uuid>,
    sets: Option<i32>,
    reps: Option<i32>,
    pain: Option<i32>,
    effort: Option<i32>,
    duration_seconds: Option<i32>,
    source: Option<String>,
    instrument: Option<String>,
    score: Option<i32>,
}

/// What a column holds in every row of its type.
fn there<T>(value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| unreadable("rehab_events"))
}

fn word<T: std::str::FromStr>(text: Option<String>) -> Result<T, StoreError> {
    there(text)?.parse().map_err(|_| unreadable("rehab_events"))
}

impl TryFrom<EventRow> for Reported {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let column = "rehab_events";
        let pain = row.pain.map(|pain| bounded(pain, Pain::new, column)).transpose()?;
        let effort = row.effort.map(|effort| bounded(effort, Effort::new, column)).transpose()?;
        let report = match word(Some(row.kind))? {
            ReportKind::ExerciseCompleted => Report::ExerciseCompleted {
                exercise: ExerciseId::from_uuid(there(row.exercise_id)?),
                sets: bounded(there(row.sets)?, Sets::new, column)?,
                reps: bounded(there(row.reps)?, Reps::new, column)?,
                pain,
                effort,
                duration: bounded(there(row.duration_seconds)?, Seconds::new, column)?,
                source: word(row.source)?,
            },
            ReportKind::OutcomeRecorded => Report::OutcomeRecorded {
                instrument: word(row.instrument)?,
                score: bounded(there(row.score)?, Score::new, column)?,
            },
        };
        Ok(Self {
            id: EventId::from_uuid(row.id),
            occurred_at: row.occurred_at,
            patient: PersonId::from_uuid(row.patient_id),
            program: ProgramId::from_uuid(row.program_id),
            report,
        })
    }
}

#[async_trait]
impl RehabEvents for PgWork {
    async fn keep(
        &mut self,
        events: &[Reported],
        told_at: DateTime<Utc>,
    ) -> Result<BTreeSet<(PersonId, EventId)>, StoreError> {
        if events.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut keep = Keep { org_id: self.org_id(), told_at, ..Keep::default() };
        for event in events {
            keep.push(event);
        }
        let kept: Vec<(Uuid, Uuid)> = keep.load(self.tx()).await.map_err(store_error)?;
        let key = |(patient, id)| (PersonId::from_uuid(patient), EventId::from_uuid(id));
        Ok(kept.into_iter().map(key).collect())
    }

    async fn between(
        &mut self,
        patient: PersonId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Reported>, StoreError> {
        let rows: Vec<EventRow> = events::table
            .filter(events::patient_id.eq(patient.as_uuid()))
            .filter(events::occurred_at.ge(from))
            .filter(events::occurred_at.lt(to))
            .order((events::occurred_at, events::id))
            .select(EventRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(Reported::try_from).collect()
    }
}
