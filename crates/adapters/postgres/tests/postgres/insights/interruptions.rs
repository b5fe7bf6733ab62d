//! Patients to whom things happen, in any order and late, while keepers are interrupted at any point.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use restartix_kernel::{Clock, ManualClock, PersonId, RandomExt, SeededRandom};
use restartix_postgres::PgStalePatients;
use restartix_tenancy::{OrgId, Role};
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::Worker;

use super::history::History;
use super::{keeper, settle};
use crate::support::{add_member, three_clinics};

const EXERCISES: [&str; 2] =
    ["00000000-0000-7000-8000-00000000e001", "00000000-0000-7000-8000-00000000e002"];
const ZONES: [&str; 4] = ["Europe/Bucharest", "America/New_York", "Pacific/Kiritimati", "UTC"];

struct Program {
    id: String,
    patient: PersonId,
    version: i32,
    status: &'static str,
}

/// Lets things happen, by chance.
struct Fate<'a> {
    database: &'a TestDatabase,
    history: History<'a>,
    random: SeededRandom,
    clock: Arc<ManualClock>,
    patients: Vec<PersonId>,
    programs: Vec<Program>,
    appointments: Vec<(i64, PersonId, DateTime<Utc>)>,
}

impl Fate<'_> {
    fn upto(&self, bound: u32) -> i64 {
        i64::from(self.random.below(bound))
    }

    fn patient(&self) -> PersonId {
        let count = u32::try_from(self.patients.len()).unwrap_or(1);
        self.patients[usize::try_from(self.random.below(count)).unwrap_or_default()]
    }

    /// Up to so many hours ago.
    fn ago(&self, hours: u32) -> DateTime<Utc> {
        self.clock.now() - TimeDelta::minutes(self.upto(hours * 60))
    }

    async fn assign(&mut self) -> Result<()> {
        let (id, patient) = (self.random.uuid_v4().to_string(), self.patient());
        let starts = (self.clock.now() + TimeDelta::days(self.upto(16) - 12)).date_naive();
        let statements = format!(
            "INSERT INTO programs (org_id, id, patient_id, starts_on, status)
               VALUES (1, '{id}', '{patient}', '{starts}', 'active');{}",
            self.plan(&id, 1, &starts.to_string())
        );
        sql(self.database, &statements).await?;
        self.programs.push(Program { id, patient, version: 1, status: "active" });
        Ok(())
    }

    fn plan(&self, id: &str, version: i32, day: &str) -> String {
        let sessions = 1 + self.upto(21);
        let mut text = format!(
            "INSERT INTO program_revisions (org_id, program_id, version, effective_on, sessions_per_week)
               VALUES (1, '{id}', {version}, '{day}', {sessions});"
        );
        for (place, exercise) in EXERCISES.iter().enumerate().take(1 + usize::from(sessions > 9)) {
            text += &format!(
                "INSERT INTO program_exercises (org_id, program_id, version, position, exercise_id, sets, reps)
                   VALUES (1, '{id}', {version}, {}, '{exercise}', 3, 10);",
                place + 1
            );
        }
        text
    }

    /// A revision, a rest, its end, or the end of all.
    async fn change(&mut self) -> Result<()> {
        let Some(place) = self.any(self.programs.len()) else { return self.assign().await };
        let (now, roll) = (self.clock.now().to_rfc3339(), self.upto(10));
        let Program { id, version, status, .. } = &self.programs[place];
        let next = version + 1;
        let (statements, status) = match (*status, roll) {
            ("ended", _) => return self.assign().await,
            (status, 0..=3) => {
                let today = self.clock.now().date_naive().to_string();
                let update = format!(
                    "UPDATE programs SET revision = {next}, version = {next} WHERE org_id = 1 AND id = '{id}'"
                );
                (format!("{}{update}", self.plan(id, next, &today)), status)
            }
            (_, 9) => (
                format!(
                    "UPDATE program_pauses SET resumed_at = greatest(paused_at, '{now}') WHERE org_id = 1 AND program_id = '{id}' AND resumed_at IS NULL;
                     UPDATE programs SET status = 'ended', ended_at = '{now}', version = {next} WHERE org_id = 1 AND id = '{id}'"
                ),
                "ended",
            ),
            ("active", _) => (
                format!(
                    "INSERT INTO program_pauses (org_id, program_id, version, paused_at) VALUES (1, '{id}', {next}, '{now}');
                     UPDATE programs SET status = 'paused', version = {next} WHERE org_id = 1 AND id = '{id}'"
                ),
                "paused",
            ),
            _ => (
                format!(
                    "UPDATE program_pauses SET resumed_at = greatest(paused_at, '{now}') WHERE org_id = 1 AND program_id = '{id}' AND resumed_at IS NULL;
                     UPDATE programs SET status = 'active', version = {next} WHERE org_id = 1 AND id = '{id}'"
                ),
                "active",
            ),
        };
        sql(self.database, &statements).await?;
        let program = &mut self.programs[place];
        (program.version, program.status) = (next, status);
        Ok(())
    }

    fn any(&self, count: usize) -> Option<usize> {
        let bound = u32::try_from(count).ok().filter(|count| *count > 0)?;
        usize::try_from(self.random.below(bound)).ok()
    }

    /// Exercises, the latest told three weeks late, and now and then an outcome.
    async fn report(&self) -> Result<()> {
        let Some(place) = self.any(self.programs.len()) else { return Ok(()) };
        let Program { id, patient, .. } = &self.programs[place];
        let mut statements = String::new();
        for _ in 0..=self.upto(6) {
            let (event, at) = (self.random.uuid_v4(), self.ago(21 * 24).to_rfc3339());
            statements += &if self.upto(5) == 0 {
                format!(
                    "INSERT INTO rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, instrument, score)
                     VALUES (1, '{patient}', '{event}', '{id}', 'outcome.recorded', '{at}', now(), 'pain', {});",
                    self.upto(11)
                )
            } else {
                format!(
                    "INSERT INTO rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, exercise_id, sets, reps, duration_seconds, source)
                     VALUES (1, '{patient}', '{event}', '{id}', 'exercise.completed', '{at}', now(), '{}', 1, 1, 60, 'sensor');",
                    EXERCISES[usize::try_from(self.upto(2)).unwrap_or_default()]
                )
            };
        }
        sql(self.database, &statements).await
    }

    /// An appointment, its move to another week and state, or time in its room.
    async fn visit(&mut self) -> Result<()> {
        let Some(place) = self.any(self.appointments.len()).filter(|_| self.upto(2) == 0) else {
            let (patient, at) = (self.patient(), self.ago(20 * 24) + TimeDelta::days(10));
            let id = self.history.appointment(patient, at, "confirmed").await?;
            self.appointments.push((id, patient, at));
            return Ok(());
        };
        let (id, patient, at) = self.appointments[place];
        if self.upto(2) == 0 {
            return self
                .history
                .stay(id, patient, at, at + TimeDelta::seconds(self.upto(4000)))
                .await;
        }
        let to = self.ago(20 * 24);
        let (starts, ends) = (to.to_rfc3339(), (to + TimeDelta::minutes(30)).to_rfc3339());
        let status = ["confirmed", "completed", "no_show", "in_progress"];
        let status = status[usize::try_from(self.upto(4)).unwrap_or_default()];
        let statement = format!(
            "UPDATE appointments SET starts_at = '{starts}', ends_at = '{ends}', status = '{status}' WHERE org_id = 1 AND id = {id}"
        );
        sql(self.database, &statement).await
    }

    async fn moves(&self) -> Result<()> {
        let zone = ZONES[usize::try_from(self.upto(4)).unwrap_or_default()];
        let statement = format!(
            "UPDATE people SET timezone = '{zone}' WHERE org_id = 1 AND id = '{}'",
            self.patient()
        );
        sql(self.database, &statement).await
    }

    async fn something_happens(&mut self) -> Result<()> {
        match self.upto(12) {
            0 => self.assign().await,
            1..=3 => self.change().await,
            4..=8 => self.report().await,
            9 | 10 => self.visit().await,
            _ => self.moves().await,
        }
    }
}

/// Polls the work so often and drops it; answers whether it was cut short.
async fn interrupted<T>(work: impl Future<Output = T>, polls: u32) -> bool {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(true);
        }
        left -= 1;
        work.as_mut().poll(context).map(|_| false)
    })
    .await
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Everything that is computed, a row a line.
async fn computed(database: &TestDatabase) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for table in ["insight_weeks", "insight_course_weeks", "insight_outcomes"] {
        let text = format!("SELECT '{table} ' || t::text AS line FROM {table} t ORDER BY 1");
        let rows: Vec<Line> =
            diesel::sql_query(text).load(&mut database.superuser().await?).await?;
        lines.extend(rows.into_iter().map(|row| row.line));
    }
    Ok(lines)
}

#[tokio::test]
async fn rollups_after_twenty_interruptions_are_those_computed_at_once() -> Result<()> {
    for seed in [11] {
        let (database, random) = (three_clinics().await?, SeededRandom::new(seed));
        let now: DateTime<Utc> = "2026-03-12T09:00:00Z".parse()?;
        let clock = Arc::new(ManualClock::at(now));
        let specialist =
            add_member(&database, 1, "specialist", Role::Specialist, &random).await?.person;
        let mut patients = Vec::new();
        for n in 0..6 {
            let subject = format!("patient-{n}");
            patients.push(add_member(&database, 1, &subject, Role::Patient, &random).await?.person);
        }
        let history = History::new(&database, specialist).await?;
        let (programs, appointments) = (Vec::new(), Vec::new());
        let mut fate = Fate {
            database: &database,
            history,
            random,
            clock: clock.clone(),
            patients,
            programs,
            appointments,
        };
        for _ in 0..8 {
            fate.assign().await?;
        }
        let mut cut_short = 0;
        while cut_short < 20 {
            for _ in 0..3 {
                fate.something_happens().await?;
            }
            // Two at once, of which one is cut short and the other works on.
            let (first, second) = (keeper(&database, &clock)?, keeper(&database, &clock)?);
            let polls = 1 + fate.random.below(160);
            let both = futures_util::future::join(interrupted(first.round(), polls), async {
                let happens = fate.something_happens().await;
                happens.and(second.round().await.map_err(Into::into))
            });
            let (cut, other) = both.await;
            other?;
            cut_short += u32::from(cut);
            clock.advance(TimeDelta::minutes(i64::from(fate.random.below(60 * 60))));
        }
        clock.advance(TimeDelta::hours(1));
        let last = keeper(&database, &clock)?;
        settle(&last).await?;
        let step_by_step = computed(&database).await?;
        ensure!(step_by_step.len() > 60, "too little happened: {}", step_by_step.len());

        let queue = PgStalePatients::new(database.pool("core_worker", 1)?);
        let patients = queue.rebuild(OrgId::new(1)?).await?;
        ensure!(patients >= 5, "{patients} patients");
        ensure!(computed(&database).await?.is_empty(), "all of it is gone");
        settle(&last).await?;
        let at_once = computed(&database).await?;
        let differs = step_by_step.iter().zip(&at_once).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(step_by_step.len(), at_once.len(), "seed {seed}");
    }
    Ok(())
}
