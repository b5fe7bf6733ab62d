//! A booking's transaction with its audit line, its facts and its events against the same without them.

mod untold;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use restartix_kernel::{AppointmentTypeId, Clock, ManualClock, PersonId, Random, SystemRandom};
use restartix_postgres::{PgDirectory, PgUnits};
use restartix_scheduling::memory::MemoryHolds;
use restartix_telemetry::{Act, Operation};
use restartix_tenancy::memory::PlainTokens;
use restartix_tenancy::{Authenticator, Principal};
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::{BookRequest, Bookings, Desk, HoldRequest, UnitOfWork, What};
use serde_json::json;

use crate::report::Figure;
use crate::rounds::median;
use untold::Untold;

const ROUNDS: usize = 15;
/// Clerks who book at once, each for a specialist of their own.
const CLERKS: u32 = 8;
/// Bookings of each clerk in a round.
const BOOKINGS: u32 = 60;

/// At least 0.75.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

/// One clinic, and who books in it.
struct Side {
    bookings: Bookings,
    clerk: Principal,
    booked: u32,
}

fn specialist(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

const KIND: &str = "00000000-0000-7000-8000-000000000002";
const PATIENTS: u32 = 1000;

fn patient(number: u32) -> String {
    format!("00000000-0000-4000-9000-{number:012}")
}

/// Before everything that is booked.
fn morning() -> Result<DateTime<Utc>> {
    Utc.with_ymd_and_hms(2030, 1, 1, 0, 0, 0).single().context("a day")
}

impl Side {
    async fn new(told: bool) -> Result<Self> {
        let database = TestDatabase::create().await?;
        seed(&database).await?;
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(morning()?));
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let pool = database.pool("core_app", usize::try_from(CLERKS)?)?;
        let units: Arc<dyn UnitOfWork> = if told {
            Arc::new(PgUnits::new(pool.clone()))
        } else {
            Arc::new(Untold(PgUnits::untraced(pool.clone())))
        };
        let desk = Desk::new(units, clock, random);
        let directory = PgDirectory::new(pool);
        let authenticator = Authenticator::new(Arc::new(PlainTokens), Arc::new(directory));
        let clerk = authenticator.authenticate(&"clerk".to_owned().into()).await?;
        let bookings = Bookings::new(desk, Arc::new(MemoryHolds::default()));
        Ok(Self { bookings, clerk, booked: 0 })
    }

    /// Bookings a second.
    async fn round(&mut self) -> Result<f64> {
        let started = Instant::now();
        let first = self.booked;
        let clerks = (0..CLERKS).map(|clerk| self.book(clerk, first));
        futures_util::future::try_join_all(clerks).await?;
        self.booked += BOOKINGS;
        Ok(f64::from(CLERKS * BOOKINGS) / started.elapsed().as_secs_f64())
    }

    async fn book(&self, clerk: u32, first: u32) -> Result<()> {
        let tenant = self.clerk.tenant()?;
        let kind: AppointmentTypeId = KIND.parse()?;
        let with: PersonId = specialist(clerk).parse()?;
        for number in first..first + BOOKINGS {
            let starts_at = morning()? + TimeDelta::minutes(i64::from(60 + 30 * number));
            let slot = HoldRequest { appointment_type: kind, specialist: with, starts_at };
            let whom = patient((number * CLERKS + clerk) % PATIENTS).parse()?;
            let request = BookRequest {
                what: What::Slot(slot),
                patient: Some(whom),
                recording_consent: false,
            };
            let act = Act { operation: Operation::new("appointments.book"), request: None };
            self.bookings.book(tenant, &act, &request).await?;
        }
        Ok(())
    }
}

async fn measured() -> Result<Vec<Figure>> {
    let (mut with, mut without) = (Side::new(true).await?, Side::new(false).await?);
    for side in [&mut with, &mut without] {
        side.round().await?;
    }
    let (mut ratios, mut rates, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whoever goes second finds the caches as the first left them: by turns.
        let (told, untold) = if round % 2 == 0 {
            let told = with.round().await?;
            (told, without.round().await?)
        } else {
            let untold = without.round().await?;
            (with.round().await?, untold)
        };
        ratios.push(told / untold);
        rates.push(told);
        baselines.push(untold);
    }
    ensure!(ratios.len() == ROUNDS, "every round counts");
    let details = vec![
        ("with_per_second", json!(median(rates))),
        ("without_per_second", json!(median(baselines))),
        ("clerks", json!(CLERKS)),
    ];
    let ratio = median(ratios);
    Ok(vec![Figure { bench: "audit", ratio, at_least: 0.75, rounds: ROUNDS, details }])
}

/// One clinic with a clerk, specialists who work around the clock, and patients who may book much.
async fn seed(database: &TestDatabase) -> Result<()> {
    let mut statements = format!(
        "INSERT INTO organizations (id, name, timezone, max_open_appointments) VALUES (1, 'Bench', 'UTC', 100);
         INSERT INTO people (org_id, id, display_name, timezone)
           SELECT 1, ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, 'Somebody', 'UTC'
           FROM generate_series(0, {PATIENTS}) n;
         INSERT INTO users (id, subject, current_org_id)
           SELECT md5('u' || n)::uuid, 'patient-' || n, 1 FROM generate_series(0, {PATIENTS} - 1) n;
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           SELECT 1, md5('m' || n)::uuid, ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid,
             md5('u' || n)::uuid, 'patient-' || n, 'patient' FROM generate_series(0, {PATIENTS} - 1) n;
         INSERT INTO users (id, subject, current_org_id) VALUES (md5('clerk')::uuid, 'clerk', 1);
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           VALUES (1, md5('clerk')::uuid, ('00000000-0000-4000-9000-' || lpad('{PATIENTS}', 12, '0'))::uuid,
             md5('clerk')::uuid, 'clerk', 'admin');
         INSERT INTO appointment_types (org_id, id, name, duration_minutes, interval_minutes,
             buffer_before_minutes, buffer_after_minutes, min_notice_minutes, alignment, online, recording, version)
           VALUES (1, '{KIND}', 'Bench', 30, 30, 0, 0, 0, 'window_start', true, false, 1);"
    );
    for clerk in 0..CLERKS {
        let id = specialist(clerk);
        statements.push_str(&format!(
            "INSERT INTO people (org_id, id, display_name, timezone) VALUES (1, '{id}', 'Specialist', 'UTC');
             INSERT INTO specialists (org_id, id, timezone) VALUES (1, '{id}', 'UTC');
             INSERT INTO specialist_weekly_hours (org_id, specialist_id, weekday, start_minute, end_minute)
               SELECT 1, '{id}', n, 0, 1440 FROM generate_series(1, 7) n;"
        ));
    }
    statements.push_str("ANALYZE");
    sql(database, &statements).await
}
