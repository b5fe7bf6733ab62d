//! What happened to patients, written as rows.

use std::fmt::Write as _;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{PersonId, RandomExt, SeededRandom};
use restartix_telemetry::insights::{Course, PatientRecord};
use restartix_testkit::{TestDatabase, sql};

/// Writes into the first clinic.
pub(crate) struct History<'a> {
    database: &'a TestDatabase,
    specialist: PersonId,
    random: SeededRandom,
    appointments: i64,
}

fn nullable(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "NULL".to_owned(), |at| format!("'{}'", at.to_rfc3339()))
}

impl<'a> History<'a> {
    /// A clinic with a kind of appointment.
    pub(crate) async fn new(database: &'a TestDatabase, specialist: PersonId) -> Result<Self> {
        let kind = "INSERT INTO appointment_types (org_id, id, name, duration_minutes, interval_minutes,
              buffer_before_minutes, buffer_after_minutes, min_notice_minutes, alignment, online, recording, version)
            VALUES (1, '00000000-0000-7000-8000-0000000000aa', 'Visit', 30, 30, 0, 0, 0, 'query_grid', true, false, 1)";
        sql(database, kind).await?;
        Ok(Self { database, specialist, random: SeededRandom::new(99), appointments: 100 })
    }

    /// All of a patient's record.
    pub(crate) async fn write(&mut self, patient: PersonId, record: &PatientRecord) -> Result<()> {
        let mut text = format!(
            "UPDATE people SET timezone = '{}' WHERE org_id = 1 AND id = '{patient}';",
            record.zone
        );
        for course in &record.courses {
            write_course(&mut text, patient, course)?;
        }
        for done in &record.completions {
            write!(
                text,
                "INSERT INTO rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, exercise_id, sets, reps, duration_seconds, source)
                 VALUES (1, '{patient}', '{}', '{}', 'exercise.completed', '{}', now(), '{}', 1, 1, 60, 'sensor');",
                done.id, done.program, done.at.to_rfc3339(), done.exercise
            )?;
        }
        for one in &record.measurements {
            write!(
                text,
                "INSERT INTO rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, instrument, score)
                 VALUES (1, '{patient}', '{}', '{}', 'outcome.recorded', '{}', now(), '{}', {});",
                one.id, one.program, one.at.to_rfc3339(), one.instrument, one.score.get()
            )?;
        }
        sql(self.database, &text).await?;
        let mut made = Vec::new();
        for visit in &record.visits {
            made.push((visit.at, self.appointment(patient, visit.at, visit.state.as_str()).await?));
        }
        for stay in &record.stays {
            let of = made.iter().find(|(at, _)| *at == stay.at).map(|(_, id)| *id);
            let left = stay.at + TimeDelta::seconds(stay.seconds.into());
            if let Some(appointment) = of {
                self.stay(appointment, patient, stay.at, left).await?;
                // The specialist's own time is nobody's progress.
                self.stay(appointment, self.specialist, stay.at, left).await?;
            }
        }
        Ok(())
    }

    /// An appointment of half an hour; answers its id.
    pub(crate) async fn appointment(
        &mut self,
        patient: PersonId,
        at: DateTime<Utc>,
        status: &str,
    ) -> Result<i64> {
        self.appointments += 1;
        let (id, session) = (self.appointments, self.random.uuid_v4());
        let (starts, ends) = (at.to_rfc3339(), (at + TimeDelta::minutes(30)).to_rfc3339());
        let (kind, specialist) = ("00000000-0000-7000-8000-0000000000aa", self.specialist);
        let reason = if status == "cancelled" { "'other'" } else { "NULL" };
        let statements = format!(
            "INSERT INTO appointment_sessions (org_id, id, appointment_type_id, starts_at, ends_at)
               VALUES (1, '{session}', '{kind}', '{starts}', '{ends}');
             INSERT INTO appointments (org_id, id, session_id, appointment_type_id, specialist_id, patient_id,
               starts_at, ends_at, online, recording_consent, status, cancel_reason, version)
               VALUES (1, {id}, '{session}', '{kind}', '{specialist}', '{patient}', '{starts}', '{ends}',
               true, false, '{status}', {reason}, 1)"
        );
        sql(self.database, &statements).await?;
        Ok(id)
    }

    /// Somebody's time in a room.
    pub(crate) async fn stay(
        &self,
        appointment: i64,
        person: PersonId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<()> {
        let id = self.random.uuid_v4();
        let statement = format!(
            "INSERT INTO video_stays (org_id, appointment_id, id, person_id, joined_at, left_at)
             VALUES (1, {appointment}, '{id}', '{person}', '{}', '{}')",
            from.to_rfc3339(),
            to.to_rfc3339()
        );
        sql(self.database, &statement).await
    }
}

fn write_course(text: &mut String, patient: PersonId, course: &Course) -> Result<()> {
    let (program, revisions) = (course.program, &course.history.revisions);
    let latest = revisions.last().map_or(1, |revision| revision.version.get());
    let status = match (course.ended_at, course.history.pauses.last()) {
        (Some(_), _) => "ended",
        (None, Some(pause)) if pause.to.is_none() => "paused",
        _ => "active",
    };
    write!(
        text,
        "INSERT INTO programs (org_id, id, patient_id, starts_on, status, ended_at, revision, version)
         VALUES (1, '{program}', '{patient}', '{}', '{status}', {}, {latest}, {latest});",
        course.starts_on,
        nullable(course.ended_at)
    )?;
    for revision in revisions {
        let version = revision.version.get();
        write!(
            text,
            "INSERT INTO program_revisions (org_id, program_id, version, effective_on, sessions_per_week)
             VALUES (1, '{program}', {version}, '{}', {});",
            revision.effective_on,
            revision.plan.sessions_per_week.get()
        )?;
        for (place, exercise) in revision.plan.exercises.as_slice().iter().enumerate() {
            write!(
                text,
                "INSERT INTO program_exercises (org_id, program_id, version, position, exercise_id, sets, reps)
                 VALUES (1, '{program}', {version}, {}, '{}', {}, {});",
                place + 1,
                exercise.id,
                exercise.sets.get(),
                exercise.reps.get()
            )?;
        }
    }
    for (n, pause) in course.history.pauses.iter().enumerate() {
        write!(
            text,
            "INSERT INTO program_pauses (org_id, program_id, version, paused_at, resumed_at)
             VALUES (1, '{program}', {}, '{}', {});",
            n + 1,
            pause.from.to_rfc3339(),
            nullable(pause.to)
        )?;
    }
    Ok(())
}
