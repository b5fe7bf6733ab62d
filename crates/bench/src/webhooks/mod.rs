//! Deliveries a second: against the same commits without webhooks, and against the same sender
//! without a database.

mod beside;
mod hostile;
mod posting;
mod receiver;
mod stage;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use restartix_kernel::EventId;
use serde_json::json;

use crate::report::Figure;
use crate::request::core_api_path;
use crate::rounds::{median, percentile};
use stage::{CLINICS, Stage, WRITERS};

const ROUNDS: usize = 3;
/// Commits of a round, with an event each.
const SINGLE: usize = 12_000;
/// Commits of a round, with [`MANY`] events each.
const BATCHES: usize = 1_200;
const MANY: usize = 50;
/// Events a second while latency is measured, and for how long.
const PACE: u64 = 500;
const SECONDS: u64 = 10;

pub(crate) fn measure() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let program = core_api_path()?;
    let stage = runtime.block_on(Stage::set(&program, CLINICS, &[]))?;
    let single = runtime.block_on(single(&stage))?;
    let batches = batches(&runtime, &stage)?;
    drop(stage);
    let hostile = runtime.block_on(beside::hostile(&program))?;
    let dead = runtime.block_on(beside::dead(&program))?;
    Ok([vec![single, batches], hostile, dead].concat())
}

fn rate(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// Writes, and waits until all of it is delivered and recorded; how long that took.
async fn deliver(stage: &Stage, commits: usize, events: usize) -> Result<Duration> {
    let (known, arrived) = (stage.recorded().await?, stage.receiver.count());
    let begun = Instant::now();
    stage.write(commits, events).await?;
    // To ask the database all the time would slow down what is measured.
    stage.receiver.arrived(arrived + u64::try_from(commits * events)?).await;
    stage.settled().await?;
    let took = begun.elapsed();
    let recorded = stage.recorded().await? - known;
    ensure!(recorded == i64::try_from(commits * events)?, "{recorded} were recorded");
    Ok(took)
}

/// Every event in its own committed transaction, against the same commits that tell nothing.
async fn single(stage: &Stage) -> Result<Figure> {
    stage.write(SINGLE / 4, 0).await?;
    deliver(stage, SINGLE / 4, 1).await?;
    let (mut ratios, mut ours, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        stage.tidy().await?;
        let commits = rate(SINGLE, stage.write(SINGLE, 0).await?);
        let deliveries = rate(SINGLE, deliver(stage, SINGLE, 1).await?);
        ratios.push(deliveries / commits);
        ours.push(deliveries);
        bare.push(commits);
    }
    stage.tidy().await?;
    let [p50, p99] = latency(stage, SECONDS).await?;
    let cores = std::thread::available_parallelism()?.get();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let details = vec![
        ("deliveries_per_second", json!(median(ours))),
        ("commits_without_per_second", json!(median(bare))),
        ("aim_per_second", json!(5_000)),
        ("commit_to_first_byte_p50_ms", json!(p50)),
        ("commit_to_first_byte_p99_ms", json!(p99)),
        ("latency_at_per_second", json!(PACE)),
        ("organisations", json!(CLINICS)),
        ("writers", json!(WRITERS)),
        ("cores", json!(cores)),
        ("load", json!(load.split(' ').next())),
    ];
    let ratio = median(ratios);
    Ok(Figure { bench: "webhooks", ratio, at_least: 0.35, rounds: ROUNDS, details })
}

/// Milliseconds from a commit to the first byte at the receiver: the median, and 99 of 100.
async fn latency(stage: &Stage, seconds: u64) -> Result<[f64; 2]> {
    stage.receiver.watch();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / PACE));
    let commits = (0..PACE * seconds).map(|number| usize::try_from(number).unwrap_or_default());
    let mut under_way = Vec::new();
    for number in commits {
        ticks.tick().await;
        let ids = stage.change(number, 1).await?;
        under_way.push((ids, Instant::now()));
    }
    stage.settled().await?;
    let seen = stage.receiver.watched();
    let micros = |(ids, committed): &(Vec<EventId>, Instant)| {
        let first = seen.get(&ids.first()?.to_string())?;
        u64::try_from(first.saturating_duration_since(*committed).as_micros()).ok()
    };
    let mut lags: Vec<u64> = under_way.iter().filter_map(micros).collect();
    ensure!(lags.len() == under_way.len(), "{} of {} arrived", lags.len(), under_way.len());
    let of = |lags: &mut Vec<u64>, share| {
        f64::from(u32::try_from(percentile(lags, share)).unwrap_or(u32::MAX)) / 1000.0
    };
    Ok([of(&mut lags, 0.5), of(&mut lags, 0.99)])
}

/// Many events in a transaction, against the sender alone.
fn batches(runtime: &tokio::runtime::Runtime, stage: &Stage) -> Result<Figure> {
    let events = BATCHES * MANY;
    let (mut ratios, mut ours, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut fewer = Vec::new();
    for _ in 0..ROUNDS {
        runtime.block_on(stage.tidy())?;
        let took = runtime.block_on(deliver(stage, BATCHES, MANY))?;
        let bodies = runtime.block_on(stage.bodies(i64::try_from(events)?))?;
        ensure!(bodies.len() == events, "{} bodies", bodies.len());
        let known = stage.receiver.count();
        let posted = rate(events, posting::post(stage, &bodies, posting::UNDER_WAY)?);
        ensure!(stage.receiver.count() - known == u64::try_from(events)?, "some were lost");
        let delivered = rate(events, took);
        ratios.push(delivered / posted);
        ours.push(delivered);
        bare.push(posted);
        fewer.push(rate(events, posting::post(stage, &bodies, posting::FEWER)?));
    }
    let details = vec![
        ("deliveries_per_second", json!(median(ours))),
        ("sender_alone_per_second", json!(median(bare))),
        ("under_way", json!(posting::UNDER_WAY)),
        ("sender_alone_with_256_under_way_per_second", json!(median(fewer))),
        ("aim_per_second", json!(12_000)),
        ("events_a_transaction", json!(MANY)),
    ];
    let ratio = median(ratios);
    Ok(Figure { bench: "webhooks_batched", ratio, at_least: 0.4, rounds: ROUNDS, details })
}
