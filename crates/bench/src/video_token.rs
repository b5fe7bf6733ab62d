//! `POST /v1/appointments/{id}/video-token` through the whole stack: tokens signed here against tokens
//! that Daily makes, its stand-in on loopback.
//!
//! The stand-in keeps to Daily's limit of 20 requests a second as Daily does, and our own client to a
//! little less: what that limit leaves is what the REST call is worth in a clinic's rush.

use anyhow::{Context, Result};
use restartix_sandbox::daily::{Daily, Options};
use restartix_testkit::{TestDatabase, TestRedis, sql};
use serde_json::json;

use crate::report::Figure;
use crate::request::core_api_path;
use crate::request::load::Load;
use crate::request::server::{Account, core_api};
use crate::rounds::median;

const ROUNDS: usize = 5;
const SECONDS: u32 = 4;
const CLIENTS: u32 = 16;
const APPOINTMENT: i64 = 102;
const PATIENT: &str = "patient-1";

/// At least 5 times the rate.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

async fn measured() -> Result<Vec<Figure>> {
    let database = TestDatabase::create().await?;
    seed(&database).await?;
    let redis = TestRedis::start()?;
    let daily = Daily::start(Options::default()).await?;
    let program = core_api_path()?;
    let account = |domain_id| Account { base_url: daily.api_url(), domain_id };
    let subjects = [PATIENT.to_owned()];
    let signed = Options::default().domain_id.to_string();
    let signed = core_api(&program, &database, &redis, &account(Some(signed)), &subjects).await?;
    let asked = core_api(&program, &database, &redis, &account(None), &subjects).await?;
    let path = format!("/v1/appointments/{APPOINTMENT}/video-token");
    let load = |server: &crate::request::server::Server| Load {
        port: server.port,
        method: "POST",
        path: path.clone(),
        tokens: server.tokens.clone(),
    };
    let (ours, baseline) = (load(&signed), load(&asked));
    for load in [&ours, &baseline] {
        run(load, CLIENTS, 2).await?;
    }
    let (mut ratios, mut rates, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (our_rate, base_rate) =
            (run(&ours, CLIENTS, SECONDS).await?, run(&baseline, CLIENTS, SECONDS).await?);
        ratios.push(our_rate / base_rate);
        rates.push(our_rate);
        baselines.push(base_rate);
    }
    let details = vec![
        ("signed_here_per_second", json!(median(rates))),
        ("asked_of_daily_per_second", json!(median(baselines))),
        ("clients", json!(CLIENTS)),
        ("requests_that_the_stand_in_met_in_a_second", json!(daily.peak_per_second())),
    ];
    let ratio = median(ratios);
    Ok(vec![Figure { bench: "video-token", ratio, at_least: 5.0, rounds: ROUNDS, details }])
}

/// A run beside the stand-in, which lives in this process.
async fn run(load: &Load, clients: u32, seconds: u32) -> Result<f64> {
    let load = load.clone();
    let run = tokio::task::spawn_blocking(move || load.run(clients, seconds));
    Ok(run.await.context("the load generator was lost")??.rate)
}

/// One clinic, and an appointment whose room is open now.
async fn seed(database: &TestDatabase) -> Result<()> {
    let (specialist, patient, kind, session) = (
        "00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-000000000004",
        "00000000-0000-7000-8000-000000000002",
        "00000000-0000-7000-8000-000000000003",
    );
    let statements = format!(
        "INSERT INTO organizations (id, name, timezone) VALUES (1, 'Bench', 'UTC');
         INSERT INTO people (org_id, id, display_name, timezone) VALUES
           (1, '{specialist}', 'Specialist', 'UTC'), (1, '{patient}', 'Somebody', 'UTC');
         INSERT INTO users (id, subject, current_org_id) VALUES ('{patient}', '{PATIENT}', 1);
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           VALUES (1, md5('membership')::uuid, '{patient}', '{patient}', '{PATIENT}', 'patient');
         INSERT INTO specialists (org_id, id, timezone) VALUES (1, '{specialist}', 'UTC');
         INSERT INTO appointment_types (org_id, id, name, duration_minutes, interval_minutes,
             buffer_before_minutes, buffer_after_minutes, min_notice_minutes, alignment, online, recording, version)
           VALUES (1, '{kind}', 'Bench', 30, 30, 0, 0, 0, 'window_start', true, false, 1);
         INSERT INTO appointment_sessions (org_id, id, appointment_type_id, starts_at, ends_at)
           VALUES (1, '{session}', '{kind}', now(), now() + interval '2 hours');
         INSERT INTO appointments (org_id, id, session_id, appointment_type_id, specialist_id, patient_id,
             starts_at, ends_at, online, recording_consent, status, version)
           VALUES (1, {APPOINTMENT}, '{session}', '{kind}', '{specialist}', '{patient}',
             now(), now() + interval '2 hours', true, false, 'confirmed', 1);
         INSERT INTO video_rooms (org_id, appointment_id, name, naming, recorded, url, opens_at, closes_at)
           VALUES (1, {APPOINTMENT}, 'restartix-1-{APPOINTMENT}', 'deterministic', false, 'https://video.example/restartix-1-{APPOINTMENT}',
             now() - interval '15 minutes', now() + interval '135 minutes');
         ANALYZE"
    );
    sql(database, &statements).await
}
