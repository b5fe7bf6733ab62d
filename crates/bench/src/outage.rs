//! Requests while the Telemetry service is away against requests while it is there: latencies, memory,
//! and how fast what waited arrives in the end.
//!
//! Two servers over two databases of one cluster: what waits for the one is never sent during a round of
//! the other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use restartix_kernel::{Clock, SystemClock};
use restartix_sandbox::telemetry::{Options, Telemetry};
use restartix_testkit::{TestDatabase, TestRedis};
use serde_json::json;

use crate::report::Figure;
use crate::request::load::{Load, Run};
use crate::request::server::{Account, More, Server, core_api_with};
use crate::request::{APPOINTMENT, core_api_path, seed};
use crate::rounds::median;

const ROUNDS: usize = 14;
const CLIENTS: u32 = 16;
const SECONDS: u32 = 4;
/// So many events wait at least, when all rounds are over.
const EVENTS: u64 = 200_000;
/// How long all of it may take to arrive before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(300);
/// The most by which the server may grow, in MiB.
const GROWTH_MIB: f64 = 32.0;

/// Each latency at most 1.3 times as long, so as a rate at least 1 / 1.3; drained at least as fast as it
/// grew; and by less than 32 MiB of memory.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

struct Side {
    database: TestDatabase,
    server: Server,
    load: Load,
    telemetry: Telemetry,
}

impl Side {
    async fn new(redis: &TestRedis) -> Result<Self> {
        let database = TestDatabase::create().await?;
        seed(&database).await?;
        let telemetry = Telemetry::start(Options::default()).await?;
        let settings = [
            ("CORE_TELEMETRY__URL", telemetry.url().to_owned()),
            ("CORE_TELEMETRY__KEY", restartix_sandbox::telemetry::DEFAULT_KEY.to_owned()),
            ("CORE_TELEMETRY__PSEUDONYM_KEYS", format!("1:{}=", "B".repeat(42) + "A")),
        ];
        let nobody = Account { base_url: "http://127.0.0.1:9/v1".to_owned(), domain_id: None };
        let subjects: Vec<_> = (1..=CLIENTS).map(|number| format!("admin-{number}")).collect();
        let more = More { settings: &settings, told: &["serve"] };
        let program = core_api_path()?;
        let server = core_api_with(&program, &database, redis, &nobody, &subjects, &more).await?;
        let path = format!("/v1/appointments/{APPOINTMENT}");
        let (method, tokens) = ("GET", server.tokens.clone());
        let load = Load { port: server.port, method, path, tokens };
        Ok(Self { database, server, load, telemetry })
    }

    async fn run(&self) -> Result<Run> {
        let load = self.load.clone();
        tokio::task::spawn_blocking(move || load.run(CLIENTS, SECONDS)).await?
    }

    /// How many events wait.
    async fn waiting(&self) -> Result<u64> {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let mut connection = self.database.superuser().await?;
        let query = diesel::sql_query("SELECT count(*) AS n FROM telemetry_events");
        Ok(u64::try_from(query.get_result::<Count>(&mut connection).await?.n)?)
    }
}

async fn measured() -> Result<Vec<Figure>> {
    let redis = TestRedis::start()?;
    let (there, away) = (Side::new(&redis).await?, Side::new(&redis).await?);
    for side in [&there, &away] {
        side.run().await?;
    }
    SystemClock.sleep(Duration::from_secs(2)).await;
    away.telemetry.stop().await?;
    let (before, held) = (away.waiting().await?, away.server.resident_mib()?);
    let (mut p50, mut p99, mut grown, mut growing) = (Vec::new(), Vec::new(), 0, 0.0);
    let mut rounds = 0;
    while rounds < ROUNDS || grown < EVENTS {
        // By turns, who goes first.
        let (up, down) = if rounds % 2 == 0 {
            let up = there.run().await?;
            (up, away.run().await?)
        } else {
            let down = away.run().await?;
            (there.run().await?, down)
        };
        p50.push(up.p50_ms / down.p50_ms);
        p99.push(up.p99_ms / down.p99_ms);
        growing += f64::from(SECONDS);
        grown = away.waiting().await?.saturating_sub(before);
        rounds += 1;
        ensure!(rounds < 20 * ROUNDS, "only {grown} events in {rounds} rounds");
    }
    let growth = away.server.resident_mib()? - held;
    let taken = away.telemetry.summary().events;
    let waits = away.waiting().await?;
    away.telemetry.restart().await?;
    let drained = drain(&away, taken + waits).await?;
    let rate =
        |events: u64, seconds: f64| f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / seconds;
    let (grows, drains) = (rate(grown, growing), rate(waits, drained));
    let details = |ratio: &Vec<f64>| {
        vec![
            ("rounds_of_seconds", json!(SECONDS)),
            ("clients", json!(CLIENTS)),
            ("worst_round", json!(ratio.iter().copied().fold(f64::INFINITY, f64::min))),
        ]
    };
    let latency = |bench, ratios: Vec<f64>| Figure {
        bench,
        details: details(&ratios),
        ratio: median(ratios),
        at_least: 1.0 / 1.3,
        rounds,
    };
    Ok(vec![
        latency("outage p50", p50),
        latency("outage p99", p99),
        Figure {
            bench: "outage drain",
            ratio: drains / grows,
            at_least: 1.0,
            rounds,
            details: vec![
                ("events", json!(waits)),
                ("grew_per_second", json!(grows)),
                ("drained_per_second", json!(drains)),
            ],
        },
        Figure {
            bench: "outage memory",
            // As all figures: greater is better.
            ratio: GROWTH_MIB / growth.max(1.0),
            at_least: 1.0,
            rounds,
            details: vec![("before_mib", json!(held)), ("grown_mib", json!(growth))],
        },
    ])
}

/// Seconds until the service has so many events, and nothing waits here but what is just being noted.
async fn drain(side: &Side, events: u64) -> Result<f64> {
    let started = Instant::now();
    let all = side.telemetry.until(|summary| summary.events >= events);
    let arrived = tokio::time::timeout(PATIENCE, all).await;
    arrived.context("not everything arrived")?;
    while side.waiting().await? > 1000 {
        ensure!(started.elapsed() < PATIENCE, "something still waits");
        SystemClock.sleep(Duration::from_millis(100)).await;
    }
    Ok(started.elapsed().as_secs_f64())
}
