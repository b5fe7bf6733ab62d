//! `core-api migrate-legacy load` of bookings that both sources describe, against `COPY` of the rows that it
//! came to, into the same tables with all their constraints.
//!
//! Ours reads two databases, judges, and writes under row-level security; the baseline is the least that any
//! loading costs. Beside the ratio: what the process held at its peak, for a tenth of the bookings and for all.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use restartix_kernel::ExposeSecret;
use restartix_testkit::{TestDatabase, sql};
use serde_json::json;

use crate::report::Figure;
use crate::request::core_api_path;

const STRAPI: [&str; 2] = [
    include_str!("../../../fixtures/legacy/strapi_schema.sql"),
    include_str!("../../../fixtures/legacy/generate_strapi.sql"),
];
const INTAKES: [&str; 2] = [
    include_str!("../../../fixtures/legacy/intakes_schema.sql"),
    include_str!("../../../fixtures/legacy/generate_intakes.sql"),
];

/// What a load writes of clinics, in the order in which rows refer to each other.
const TABLES: [&str; 11] = [
    "organizations",
    "users",
    "people",
    "memberships",
    "specialists",
    "specialist_weekly_hours",
    "appointment_types",
    "appointment_sessions",
    "occupancies",
    "appointments",
    "care_relations",
];

/// At least 0.3 of COPY's rate.
pub(crate) fn measure(bookings: u32) -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured(bookings))
}

async fn measured(bookings: u32) -> Result<Vec<Figure>> {
    let program = core_api_path()?;
    let few = load(&program, bookings / 10).await?;
    let many = load(&program, bookings).await?;
    let copy = copy(&many.platform).await?;
    let rate = |seconds: f64| (f64::from(bookings) / seconds).round();
    let details = vec![
        ("bookings", json!(bookings)),
        ("rows_written", json!(copy.rows)),
        ("ours_bookings_per_second", json!(rate(many.seconds))),
        ("copy_bookings_per_second", json!(rate(copy.seconds))),
        ("ours_seconds", json!(many.seconds)),
        ("copy_seconds", json!(copy.seconds)),
        ("peak_mib_of_a_tenth", json!(few.peak_kib / 1024)),
        ("peak_mib_of_all", json!(many.peak_kib / 1024)),
    ];
    let ratio = copy.seconds / many.seconds;
    Ok(vec![Figure { bench: "migration", ratio, at_least: 0.3, rounds: 1, details }])
}

/// A platform that was loaded.
struct Loaded {
    platform: TestDatabase,
    seconds: f64,
    peak_kib: u64,
}

async fn load(program: &Path, bookings: u32) -> Result<Loaded> {
    let strapi = source(STRAPI, bookings).await?;
    let intakes = source(INTAKES, bookings).await?;
    let platform = TestDatabase::create().await?;
    sql(&platform, "CHECKPOINT").await?;
    let url = |database: &TestDatabase, role| database.url(role).expose_secret().to_owned();
    let begun = Instant::now();
    let child = Command::new(program)
        .args(["migrate-legacy", "load"])
        .env("CORE_PROFILE", "development")
        .env("CORE_LOG__LEVEL", "warn")
        .env("CORE_DATABASE__MIGRATOR_URL", url(&platform, "core_migrator"))
        .env("CORE_LEGACY__STRAPI_URL", url(&strapi, "postgres"))
        .env("CORE_LEGACY__INTAKES_URL", url(&intakes, "postgres"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("start core-api")?;
    let peak_kib = watched(child)?;
    let seconds = begun.elapsed().as_secs_f64();
    let client = platform.client().await?;
    let loaded: i64 = client.query_one("SELECT count(*) FROM appointments", &[]).await?.get(0);
    ensure!(loaded == i64::from(bookings), "{loaded} of {bookings} bookings were loaded");
    Ok(Loaded { platform, seconds, peak_kib })
}

/// A legacy database with so many bookings.
async fn source([schema, rows]: [&str; 2], bookings: u32) -> Result<TestDatabase> {
    let database = TestDatabase::blank().await?;
    sql(&database, schema).await?;
    sql(&database, &format!("SET generate.bookings = '{bookings}'; {rows}")).await?;
    Ok(database)
}

/// Waits for the process to end well, and answers what it held at its peak.
fn watched(mut child: Child) -> Result<u64> {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    loop {
        if let Some(end) = child.try_wait()? {
            ensure!(end.success(), "core-api ended with {end}");
            return Ok(peak);
        }
        // Where there is no such file, nothing is known of memory.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let held = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(held.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Copied {
    seconds: f64,
    rows: u64,
}

/// Copies what `from` holds into a platform of its own, from files, and times that alone.
async fn copy(from: &TestDatabase) -> Result<Copied> {
    let to = TestDatabase::create().await?;
    let (source, target) = (from.client().await?, to.client().await?);
    let dir = tempfile::tempdir().context("a place for the rows")?;
    for table in TABLES {
        let out = source.copy_out(&format!("COPY {table} TO STDOUT (FORMAT binary)")).await?;
        pin_mut!(out);
        let mut file = tokio::fs::File::create(dir.path().join(table)).await?;
        while let Some(part) = out.try_next().await? {
            tokio::io::AsyncWriteExt::write_all(&mut file, &part).await?;
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await?;
    }
    sql(&to, "CHECKPOINT").await?;
    let begun = Instant::now();
    let mut rows = 0;
    for table in TABLES {
        let sink = target.copy_in(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
        pin_mut!(sink);
        let mut file = tokio::fs::File::open(dir.path().join(table)).await?;
        loop {
            let mut part = bytes::BytesMut::with_capacity(256 * 1024);
            if tokio::io::AsyncReadExt::read_buf(&mut file, &mut part).await? == 0 {
                break;
            }
            sink.send(part.freeze()).await?;
        }
        rows += sink.finish().await?;
    }
    Ok(Copied { seconds: begun.elapsed().as_secs_f64(), rows })
}
