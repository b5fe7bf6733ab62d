//! A confirm over HTTP without a hold, under an `Idempotency-Key`, against a bare pipelined transaction
//! that writes the same rows.

pub(crate) mod bare;
pub(crate) mod load;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, ExposeSecret, SystemClock};
use restartix_testkit::{TestDatabase, TestRedis, sql};
use serde_json::{Value, json};

use crate::report::Figure;
use crate::request::server::{Account, More, Server, core_api_with};
use crate::request::{core_api_path, crowd, subjects};
use crate::rounds::{median, percentile};

const ROUNDS: u32 = 7;
const SECONDS: u32 = 4;
const CLIENTS: u32 = 32;
const POOL: u32 = 32;
/// Patients of each client: none has more appointments to come than an organisation may allow.
const PATIENTS: u32 = 100;
const KIND: &str = "00000000-0000-7000-8000-000000000002";

/// How often a client did its task, and microseconds of each.
struct Run {
    rate: f64,
    p99_ms: f64,
}

/// At least 0.35 of the bare transaction's rate.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

async fn measured() -> Result<Vec<Figure>> {
    let (database, redis) = (TestDatabase::create().await?, TestRedis::start()?);
    seed(&database).await?;
    let nobody = Account { base_url: "http://127.0.0.1:9/v1".to_owned(), domain_id: None };
    let settings = [
        ("CORE_DATABASE__POOL_SIZE", POOL.to_string()),
        ("CORE_WEBHOOKS__SECRET_KEYS", format!("bench:{}=", "A".repeat(43))),
    ];
    let more = More { settings: &settings, told: &["serve", "--no-workers"] };
    let (program, subjects) = (core_api_path()?, subjects(CLIENTS));
    let server = core_api_with(&program, &database, &redis, &nobody, &subjects, &more).await?;
    let (mut ratios, mut ours, mut bares, mut held) = (vec![], vec![], vec![], vec![]);
    let mut p99 = vec![];
    // The first round warms up.
    for round in 0..=ROUNDS {
        let confirmed = over_http(&server, round * 3, false)?;
        let bare = bare(&database, round * 3 + 1)?;
        let with_hold = over_http(&server, round * 3 + 2, true)?;
        if round > 0 {
            ratios.push(confirmed.rate / bare.rate);
            ours.push(confirmed.rate);
            bares.push(bare.rate);
            held.push(with_hold.rate);
            p99.push(confirmed.p99_ms);
        }
    }
    let details = vec![
        ("ours_per_second", json!(median(ours))),
        ("bare_per_second", json!(median(bares))),
        ("ours_p99_ms", json!(median(p99))),
        ("hold_and_confirm_per_second", json!(median(held))),
        ("clients", json!(CLIENTS)),
        ("pool", json!(POOL)),
    ];
    let (ratio, rounds) = (median(ratios), usize::try_from(ROUNDS)?);
    Ok(vec![Figure { bench: "booking", ratio, at_least: 0.35, rounds, details }])
}

fn over_http(server: &Server, run: u32, with_hold: bool) -> Result<Run> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.args(["bookings", "--port", &server.port.to_string(), "--run", &run.to_string()]);
    command.args(["--tokens", &server.tokens.join(",")]);
    if with_hold {
        command.arg("--with-hold");
    }
    told(command)
}

fn bare(database: &TestDatabase, run: u32) -> Result<Run> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    let url = database.url("postgres").expose_secret().to_owned();
    command.args(["bare-bookings", "--database", &url, "--run", &run.to_string()]);
    told(command)
}

fn told(mut command: Command) -> Result<Run> {
    let output = command.output().context("run a generator")?;
    ensure!(
        output.status.success(),
        "a generator failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Value = serde_json::from_slice(&output.stdout).context("read its answer")?;
    let figure = |name: &str| told.get(name).and_then(Value::as_f64).context("a figure");
    Ok(Run { rate: figure("rate")?, p99_ms: figure("p99_ms")? })
}

/// What a generator answers: how often a second, of how many microseconds each.
fn tell(mut times: Vec<u64>, seconds: f64) -> Value {
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let p99 = u32::try_from(percentile(&mut times, 0.99)).unwrap_or(u32::MAX);
    json!({ "rate": f64::from(count) / seconds, "p99_ms": f64::from(p99) / 1000.0 })
}

/// When the task of this number starts, of one run: sixteen a day, as in a clinic that is full, and
/// no run meets another's days.
fn start(run: u32, task: u32) -> DateTime<Utc> {
    const DAYS_OF_A_RUN: i64 = 200;
    const A_DAY: u32 = 16;
    let day = 1 + DAYS_OF_A_RUN * i64::from(run) + i64::from(task / A_DAY);
    let today = SystemClock.now().date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    today + TimeDelta::days(day) + TimeDelta::minutes(45 * i64::from(task % A_DAY))
}

/// Client `number` books this specialist alone, for its own patients in turn.
fn specialist(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn patient(number: u32, task: u32) -> String {
    format!("00000000-0000-4000-9000-{:012x}", number * 0x1_0000 + task % PATIENTS)
}

/// One clinic with a specialist and a hundred patients for each client.
async fn seed(database: &TestDatabase) -> Result<()> {
    let (clients, crowd) = (CLIENTS, crowd(CLIENTS));
    let last = PATIENTS - 1;
    let specialist = "('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
    let patient = "('00000000-0000-4000-9000-' || lpad(to_hex(n * 65536 + p), 12, '0'))::uuid";
    let everybody = format!("generate_series(0, {clients} - 1) n, generate_series(0, {last}) p");
    let statements = format!(
        "INSERT INTO organizations (id, name, timezone, max_open_appointments)
           VALUES (1, 'Bench', 'UTC', 100);
         {crowd}
         INSERT INTO people (org_id, id, display_name, timezone)
           SELECT 1, {specialist}, 'Specialist', 'UTC' FROM generate_series(0, {clients} - 1) n;
         INSERT INTO specialists (org_id, id, timezone)
           SELECT 1, {specialist}, 'UTC' FROM generate_series(0, {clients} - 1) n;
         INSERT INTO specialist_weekly_hours (org_id, specialist_id, weekday, start_minute, end_minute)
           SELECT 1, {specialist}, day, 0, 1440
           FROM generate_series(0, {clients} - 1) n, generate_series(1, 7) day;
         INSERT INTO people (org_id, id, display_name, timezone)
           SELECT 1, {patient}, 'Patient', 'UTC' FROM {everybody};
         INSERT INTO users (id, subject, current_org_id)
           SELECT md5('patient' || n || '.' || p)::uuid, 'patient-' || n || '.' || p, 1 FROM {everybody};
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           SELECT 1, md5('member' || n || '.' || p)::uuid, {patient},
             md5('patient' || n || '.' || p)::uuid, 'patient-' || n || '.' || p, 'patient'
           FROM {everybody};
         INSERT INTO care_relations (org_id, specialist_id, patient_id, valid_from)
           SELECT 1, {specialist}, {patient}, now() FROM {everybody};
         INSERT INTO appointment_types (org_id, id, name, duration_minutes, interval_minutes,
             buffer_before_minutes, buffer_after_minutes, min_notice_minutes, alignment, online, recording, version)
           VALUES (1, '{KIND}', 'Bench', 30, 30, 0, 5, 0, 'window_start', true, false, 1);
         ANALYZE"
    );
    sql(database, &statements).await
}
