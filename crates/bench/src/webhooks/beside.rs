//! What those who are well lose beside those who are not.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use restartix_kernel::{Clock, SystemClock};
use restartix_testkit::sql;
use serde_json::json;

use super::hostile;
use super::stage::Stage;
use super::{latency, rate};
use crate::report::Figure;
use crate::rounds::median;

const ROUNDS: usize = 3;
const WELL: usize = 8;
/// Commits of a round to those who are well, and events of each.
const COMMITS: usize = 400;
const EVENTS: usize = 10;
/// What waits for each of those who are not.
const WAITING: usize = 2_000;
/// What waits for the dead one.
const DEAD: usize = 100_000;
/// For how long memory is watched.
const WATCHED: Duration = Duration::from_secs(60);
/// What a worker may grow by meanwhile, in MiB.
const MOST_GROWN: f64 = 32.0;

/// Deliveries a second to those who are well.
async fn well(stage: &Stage) -> Result<f64> {
    let begun = Instant::now();
    stage.write(COMMITS, EVENTS).await?;
    stage.settled().await?;
    Ok(rate(COMMITS * EVENTS, begun.elapsed()))
}

/// So many events wait for each organisation after the well ones.
async fn burden(stage: &Stage, count: usize) -> Result<()> {
    let statements = format!(
        "INSERT INTO webhook_events (org_id, kept_at, last_seq, ids, types, bodies)
         SELECT e.org_id, now(), n, ARRAY[gen_random_uuid()], ARRAY['member.added'],
           ARRAY[format('{{\"id\":\"evt_%s\",\"data\":{{\"n\":%s}}}}', n, n)]
         FROM webhook_endpoints e, generate_series(1, {count}) n WHERE e.org_id > {well};
         INSERT INTO webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, due_at)
         SELECT v.org_id, webhook_delivery_id(v.kept_at, e.id, v.last_seq), e.id, v.kept_at, v.last_seq, v.last_seq, now()
         FROM webhook_events v JOIN webhook_endpoints e USING (org_id) WHERE v.org_id > {well};
         ANALYZE webhook_queue",
        well = stage.well
    );
    sql(&stage.database, &statements).await
}

/// Nobody remembers how they fared.
async fn forgive(stage: &Stage) -> Result<()> {
    let statement = format!(
        "UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, probe_at = NULL,
           paused_until = NULL, ramp = NULL WHERE org_id > {}",
        stage.well
    );
    sql(&stage.database, &statement).await
}

async fn relieve(stage: &Stage) -> Result<()> {
    let statements = format!(
        "DELETE FROM webhook_queue WHERE org_id > {well}; DELETE FROM webhook_in_flight WHERE org_id > {well}",
        well = stage.well
    );
    sql(&stage.database, &statements).await?;
    stage.tidy().await
}

/// Beside eight hostile receivers.
pub(super) async fn hostile(program: &Path) -> Result<Vec<Figure>> {
    let mut urls = Vec::new();
    for manner in hostile::ALL {
        urls.push(hostile::start(manner).await?);
    }
    let stage = Stage::set(program, WELL, &urls).await?;
    well(&stage).await?;
    let (mut ratios, mut alone, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        relieve(&stage).await?;
        let without = well(&stage).await?;
        burden(&stage, WAITING).await?;
        forgive(&stage).await?;
        let with = well(&stage).await?;
        ratios.push(with / without);
        alone.push(without);
        beside.push(with);
    }
    let before = stage.worker_memory()?;
    let begun = Instant::now();
    while begun.elapsed() < WATCHED {
        // Each is tried by as many as may be under way, again and again.
        forgive(&stage).await?;
        SystemClock.sleep(Duration::from_secs(2)).await;
    }
    let grown = stage.worker_memory()? - before;
    ensure!(grown < MOST_GROWN, "the worker grew by {grown:.1} MiB");
    let details = vec![
        ("well_alone_per_second", json!(median(alone))),
        ("well_beside_per_second", json!(median(beside))),
        ("worker_mib", json!(before)),
        ("worker_grew_by_mib_in_60_s", json!(grown)),
    ];
    let ratio = median(ratios);
    Ok(vec![Figure { bench: "webhooks_hostile", ratio, at_least: 0.9, rounds: ROUNDS, details }])
}

/// Beside an endpoint that is dead, and for which much waits.
pub(super) async fn dead(program: &Path) -> Result<Vec<Figure>> {
    // Nobody listens there.
    let url = "http://127.0.0.1:9/hook".to_owned();
    let stage = Stage::set(program, WELL, &[url]).await?;
    well(&stage).await?;
    let (mut ratios, mut alone, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    let (mut lags, mut calm, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        relieve(&stage).await?;
        let without = well(&stage).await?;
        let [_, calm_p99] = latency(&stage, 4).await?;
        burden(&stage, DEAD).await?;
        forgive(&stage).await?;
        let with = well(&stage).await?;
        let [_, late_p99] = latency(&stage, 4).await?;
        ratios.push(with / without);
        lags.push(calm_p99 / late_p99);
        alone.push(without);
        beside.push(with);
        calm.push(calm_p99);
        late.push(late_p99);
    }
    let throughput = vec![
        ("well_alone_per_second", json!(median(alone))),
        ("well_beside_per_second", json!(median(beside))),
        ("waiting_for_the_dead_one", json!(DEAD)),
    ];
    let p99 = vec![
        ("p99_alone_ms", json!(median(calm))),
        ("p99_beside_ms", json!(median(late))),
        ("waiting_for_the_dead_one", json!(DEAD)),
    ];
    Ok(vec![
        Figure {
            bench: "webhooks_dead",
            ratio: median(ratios),
            at_least: 0.9,
            rounds: ROUNDS,
            details: throughput,
        },
        Figure {
            bench: "webhooks_dead_p99",
            ratio: median(lags),
            at_least: 0.5,
            rounds: ROUNDS,
            details: p99,
        },
    ])
}
