//! `GET /v1/appointments/{id}` through the whole stack against a bare handler with the same SELECT.

pub(crate) mod bare;
pub(crate) mod load;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use restartix_testkit::{TestDatabase, TestRedis, sql};
use serde_json::{Value, json};

use crate::report::Figure;
use crate::rounds::median;
use load::Load;
use server::{Account, bare, core_api};

const ROUNDS: usize = 7;
const SECONDS: u32 = 4;
const CLIENTS: u32 = 64;
const POOL: u32 = 16;
pub(crate) const APPOINTMENT: i64 = 102;

/// At least 0.35 of the bare handler's rate; 0.5 is the aim.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

async fn measured() -> Result<Vec<Figure>> {
    let database = TestDatabase::create().await?;
    seed(&database).await?;
    let redis = TestRedis::start()?;
    let nobody = Account {
        base_url: "http://127.0.0.1:9/v1".to_owned(),
        domain_id: Some("30f866c3-9123-452a-8723-ff58322d09c5".to_owned()),
    };
    let subjects = subjects(CLIENTS);
    let ours = core_api(&core_api_path()?, &database, &redis, &nobody, &subjects).await?;
    let bare = bare(&database).await?;
    let path = format!("/v1/appointments/{APPOINTMENT}");
    let (method, tokens) = ("GET", ours.tokens.clone());
    let load_ours = Load { port: ours.port, method, path: path.clone(), tokens };
    let load_bare = Load { port: bare.port, method, path, tokens: Vec::new() };
    for load in [&load_ours, &load_bare] {
        load.run(CLIENTS, SECONDS)?;
    }
    let before = ours.phases()?;
    let (mut ratios, mut rates, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
    let mut p99 = Vec::new();
    for _ in 0..ROUNDS {
        let our_round = load_ours.run(CLIENTS, SECONDS)?;
        let bare_round = load_bare.run(CLIENTS, SECONDS)?;
        ratios.push(our_round.rate / bare_round.rate);
        rates.push(our_round.rate);
        baselines.push(bare_round.rate);
        p99.push(our_round.p99_ms);
    }
    let shares = shares(&before, &ours.phases()?);
    let mut details = vec![
        ("ours_per_second", json!(median(rates))),
        ("bare_per_second", json!(median(baselines))),
        ("ours_p99_ms", json!(median(p99))),
        ("clients", json!(CLIENTS)),
        ("pool", json!(POOL)),
        ("aim", json!(0.5)),
    ];
    details.push(("shares_of_time", shares));
    let ratio = median(ratios);
    Ok(vec![Figure { bench: "request", ratio, at_least: 0.35, rounds: ROUNDS, details }])
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench is told by `cargo xtask bench` what it measures"
)]
pub(crate) fn core_api_path() -> Result<PathBuf> {
    std::env::var("RESTARTIX_BENCH_CORE_API")
        .map(PathBuf::from)
        .context("RESTARTIX_BENCH_CORE_API is not set: run `cargo xtask bench request`")
}

/// What each phase of a request took of the whole, between two readings of the metrics.
fn shares(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> Value {
    let spent = |phase: &String| {
        after.get(phase).copied().unwrap_or_default()
            - before.get(phase).copied().unwrap_or_default()
    };
    let total: f64 = after.keys().map(spent).sum();
    let share = |phase: &String| json!((spent(phase) / total * 1000.0).round() / 1000.0);
    Value::Object(after.keys().map(|phase| (phase.clone(), share(phase))).collect())
}

/// One clinic with a specialist, and 64 patients' worth of somebody to sign in as; one appointment.
pub(crate) async fn seed(database: &TestDatabase) -> Result<()> {
    let (specialist, kind, session) = (
        "00000000-0000-4000-8000-000000000001",
        "00000000-0000-7000-8000-000000000002",
        "00000000-0000-7000-8000-000000000003",
    );
    let crowd = crowd(CLIENTS);
    let statements = format!(
        "INSERT INTO organizations (id, name, timezone) VALUES (1, 'Bench', 'UTC');
         {crowd}
         INSERT INTO people (org_id, id, display_name, timezone) VALUES (1, '{specialist}', 'Specialist', 'UTC');
         INSERT INTO specialists (org_id, id, timezone) VALUES (1, '{specialist}', 'UTC');
         INSERT INTO appointment_types (org_id, id, name, duration_minutes, interval_minutes,
             buffer_before_minutes, buffer_after_minutes, min_notice_minutes, alignment, online, recording, version)
           VALUES (1, '{kind}', 'Bench', 30, 30, 0, 0, 0, 'window_start', true, false, 1);
         INSERT INTO appointment_sessions (org_id, id, appointment_type_id, starts_at, ends_at)
           VALUES (1, '{session}', '{kind}', '2030-01-01 10:00Z', '2030-01-01 10:30Z');
         INSERT INTO appointments (org_id, id, session_id, appointment_type_id, specialist_id, patient_id,
             starts_at, ends_at, online, recording_consent, status, version)
           VALUES (1, {APPOINTMENT}, '{session}', '{kind}', '{specialist}', md5('person1')::uuid,
             '2030-01-01 10:00Z', '2030-01-01 10:30Z', true, false, 'confirmed', 1);
         ANALYZE"
    );
    sql(database, &statements).await
}

/// Statements that make one administrator of organisation 1 for each client; they sign in as [`subjects`].
pub(crate) fn crowd(clients: u32) -> String {
    format!(
        "INSERT INTO people (org_id, id, display_name, timezone)
           SELECT 1, md5('person' || n)::uuid, 'Somebody', 'UTC' FROM generate_series(1, {clients}) n;
         INSERT INTO users (id, subject, current_org_id)
           SELECT md5('user' || n)::uuid, 'admin-' || n, 1 FROM generate_series(1, {clients}) n;
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           SELECT 1, md5('membership' || n)::uuid, md5('person' || n)::uuid, md5('user' || n)::uuid,
             'admin-' || n, 'admin' FROM generate_series(1, {clients}) n;"
    )
}

/// Whom a server makes tokens for, one for each client.
pub(crate) fn subjects(clients: u32) -> Vec<String> {
    (1..=clients).map(|number| format!("admin-{number}")).collect()
}
