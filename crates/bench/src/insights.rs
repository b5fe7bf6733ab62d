//! The adherence of a clinic with 2,000 patients and 1,000,000 events, week by week: from the rollups
//! against computing it from the events, read at once and computed by the same definition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use diesel::QueryableByName;
use diesel::sql_types::{Date, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use restartix_kernel::{
    Clock, EventId, ExerciseId, ExposeSecret, ManualClock, ProgramId, SeededRandom,
};
use restartix_postgres::{PgInsights, PgStalePatients, PgUnits};
use restartix_telemetry::insights::{
    AdherenceTally, Completion, Course, Group, Grouping, Insights, PatientRecord, Week, Weeks,
    roll_up,
};
use restartix_telemetry::{
    Exercise, Exercises, Plan, ProgramHistory, Reps, Revision, Sets, WeeklySessions,
};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Role, Tenant, Version};
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::{Desk, InsightKeeper, Worker};
use serde_json::json;
use uuid::Uuid;

use crate::report::Figure;
use crate::rounds::median;

const ROUNDS: usize = 7;
const PATIENTS: usize = 2_000;
const EVENTS: usize = 1_000_000;
const EXERCISES: [&str; 4] = [
    "00000000-0000-7000-8000-00000000e001",
    "00000000-0000-7000-8000-00000000e002",
    "00000000-0000-7000-8000-00000000e003",
    "00000000-0000-7000-8000-00000000e004",
];
const SESSIONS: u16 = 6;

/// 25 weeks of five days of four exercises each, of 2,000 patients.
const HISTORY: &str = "
    SET session_replication_role = replica;
    INSERT INTO organizations (id, name, timezone) VALUES (1, 'One', 'Europe/Bucharest'), (2, 'Two', 'UTC');
    INSERT INTO people (org_id, id, display_name, timezone)
      SELECT 1, md5('patient ' || n)::uuid, 'Patient', 'Europe/Bucharest' FROM generate_series(1, 2000) n;
    INSERT INTO programs (org_id, id, patient_id, starts_on, status)
      SELECT 1, md5('program ' || n)::uuid, md5('patient ' || n)::uuid, '2026-01-05', 'active' FROM generate_series(1, 2000) n;
    INSERT INTO program_revisions (org_id, program_id, version, effective_on, sessions_per_week)
      SELECT 1, md5('program ' || n)::uuid, 1, '2026-01-05', 6 FROM generate_series(1, 2000) n;
    INSERT INTO program_exercises (org_id, program_id, version, position, exercise_id, sets, reps)
      SELECT 1, md5('program ' || n)::uuid, 1, e, ('00000000-0000-7000-8000-00000000e00' || e)::uuid, 3, 10
      FROM generate_series(1, 2000) n, generate_series(1, 4) e;
    INSERT INTO rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, exercise_id, sets, reps, duration_seconds, source)
      SELECT 1, md5('patient ' || n)::uuid, gen_random_uuid(), md5('program ' || n)::uuid, 'exercise.completed',
        timestamptz '2026-01-05 08:00Z' + w * interval '7 days' + ((d + n) % 7) * interval '1 day' + (n % 9) * interval '1 hour',
        now(), ('00000000-0000-7000-8000-00000000e00' || e)::uuid, 3, 10, 300, 'sensor'
      FROM generate_series(1, 2000) n, generate_series(0, 24) w, generate_series(0, 4) d, generate_series(1, 4) e;
    RESET session_replication_role;
    ANALYZE";

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = SqlUuid)]
    patient_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    program_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    exercise_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct ProgramRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    patient_id: Uuid,
    #[diesel(sql_type = Date)]
    starts_on: NaiveDate,
}

/// What every programme here asks for.
fn plan() -> Result<Plan> {
    let exercise =
        |id: &&str| Ok(Exercise { id: id.parse()?, sets: Sets::new(3)?, reps: Reps::new(10)? });
    let exercises: Result<Vec<_>> = EXERCISES.iter().map(exercise).collect();
    Ok(Plan {
        exercises: Exercises::new(exercises?)?,
        sessions_per_week: WeeklySessions::new(SESSIONS)?,
    })
}

/// The baseline: as the role that answers requests, under row-level security, in two queries.
async fn from_events(
    connection: &mut AsyncPgConnection,
    weeks: Weeks,
    now: DateTime<Utc>,
) -> Result<Vec<AdherenceTally>> {
    connection.batch_execute("BEGIN READ ONLY; SET LOCAL app.current_org_id = '1'").await?;
    let programs: Vec<ProgramRow> =
        diesel::sql_query("SELECT id, patient_id, starts_on FROM programs")
            .load(connection)
            .await?;
    let events: Vec<EventRow> = diesel::sql_query(
        "SELECT patient_id, id, program_id, exercise_id, occurred_at FROM rehab_events
         WHERE type = 'exercise.completed'",
    )
    .load(connection)
    .await?;
    connection.batch_execute("COMMIT").await?;
    ensure!(events.len() == EVENTS, "{} events", events.len());
    let plan = plan()?;
    let mut records: BTreeMap<Uuid, PatientRecord> = BTreeMap::new();
    for row in programs {
        let first =
            Revision { version: Version::FIRST, effective_on: row.starts_on, plan: plan.clone() };
        let course = Course {
            program: ProgramId::from_uuid(row.id),
            starts_on: row.starts_on,
            ended_at: None,
            history: ProgramHistory { revisions: vec![first], pauses: Vec::new() },
        };
        let empty = PatientRecord {
            zone: Tz::Europe__Bucharest,
            courses: vec![course],
            completions: Vec::new(),
            measurements: Vec::new(),
            visits: Vec::new(),
            stays: Vec::new(),
        };
        records.insert(row.patient_id, empty);
    }
    for row in events {
        let record = records.get_mut(&row.patient_id).context("whose event")?;
        record.completions.push(Completion {
            id: EventId::from_uuid(row.id),
            program: ProgramId::from_uuid(row.program_id),
            exercise: ExerciseId::from_uuid(row.exercise_id),
            at: row.occurred_at,
        });
    }
    let mut tallies: BTreeMap<Week, AdherenceTally> = BTreeMap::new();
    for record in records.values() {
        for week in roll_up(record, weeks.first(), now).weeks {
            if weeks.contains(week.week) {
                let empty = AdherenceTally::empty(week.week, Group::Everybody);
                tallies.entry(week.week).or_insert(empty).count(&week);
            }
        }
    }
    Ok(tallies.into_values().collect())
}

async fn compare(database: &TestDatabase, tenant: &Tenant) -> Result<Vec<Figure>> {
    sql(database, HISTORY).await?;
    let now: DateTime<Utc> = "2026-07-01T12:00:00Z".parse()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
    let worker = database.pool("core_worker", 2)?;
    let queue = PgStalePatients::new(worker.clone());
    let patients = queue.rebuild(tenant.organisation()).await?;
    ensure!(usize::try_from(patients) == Ok(PATIENTS), "{patients} patients");
    let units = Arc::new(PgUnits::new(worker));
    let keeper = InsightKeeper::new(Desk::new(units, clock, Arc::new(SeededRandom::new(1))), queue);
    let started = Instant::now();
    while keeper.round().await?.claimed > 0 {}
    let rebuilt = started.elapsed().as_secs_f64();
    sql(database, "VACUUM ANALYZE insight_weeks").await?;

    let engine = PgInsights::new(database.pool("core_app", 1)?);
    let url = database.url("core_app");
    let mut connection = AsyncPgConnection::establish(url.expose_secret()).await?;
    let weeks = Weeks::new("2026-01-05".parse()?, "2026-06-28".parse()?)?;
    let (mut ratios, mut ours, mut plain) = (vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        let started = Instant::now();
        let fast = engine.adherence(tenant, weeks, Grouping::Everybody).await?;
        let from_rollups = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let slow = from_events(&mut connection, weeks, now).await?;
        let from_events = started.elapsed().as_secs_f64() * 1e3;
        ensure!(fast == slow, "the two disagree: {fast:?} and {slow:?}");
        ensure!(fast.len() == 25, "{} weeks", fast.len());
        // The first round warms up.
        if round > 0 {
            ratios.push(from_events / from_rollups);
            ours.push(from_rollups);
            plain.push(from_events);
        }
    }
    let details = vec![
        ("patients", json!(PATIENTS)),
        ("events", json!(EVENTS)),
        ("rollups_ms", json!(median(ours))),
        ("events_ms", json!(median(plain))),
        ("rebuild_s", json!(rebuilt)),
    ];
    let ratio = median(ratios);
    Ok(vec![Figure { bench: "insights", ratio, at_least: 50.0, rounds: ROUNDS, details }])
}

/// At least 50 times.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let database = TestDatabase::create().await?;
        let admin = principal(1, Role::Admin, &SeededRandom::new(1)).await;
        compare(&database, admin.tenant()?).await
    })
}
