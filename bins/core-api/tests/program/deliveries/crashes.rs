//! `kill -9` of the worker at six points of its work, and of worker and database at random ones.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use restartix_kernel::{Clock, RandomExt, SystemClock, SystemRandom};
use restartix_testkit::{TestCluster, TestDatabase};

use super::receiver::{Deaf, Manner, Receiver};
use super::stage::{Stage, Worker};

/// Events of one scene.
const EVENTS: usize = 30;
/// Endpoints, each with at most this many under way.
const CLINICS: usize = 3;
const UNDER_WAY: usize = 8;

/// Nobody gets at a table until this is dropped.
async fn hold(stage: &Stage, table: &str) -> Result<AsyncPgConnection> {
    let mut connection = stage.database.superuser().await?;
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    connection.batch_execute(&lock).await?;
    Ok(connection)
}

async fn tell(stage: &Stage) -> Result<()> {
    for number in 0..EVENTS {
        stage.change(number).await?;
    }
    Ok(())
}

/// Somebody of the worker's waits for a lock.
const BLOCKED: &str =
    "SELECT count(*) AS number FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.usename = 'core_worker' AND a.datname = current_database()";
const LEASED: &str = "SELECT (sum(bit_count(under_way::bit(64))) >= 24)::int::bigint AS number FROM webhook_in_flight";

/// Everything arrived at least once; what came twice is no more than was under way.
async fn end_well(stage: &Stage, receiver: &Receiver, doubles: usize) -> Result<()> {
    let _worker = Worker::start(&stage.database)?;
    stage.quiet().await?;
    stage.whole().await?;
    let answered = receiver.answered();
    ensure!(answered.len() == EVENTS, "{} of {EVENTS} arrived", answered.len());
    let twice = answered.values().filter(|times| **times > 1).count();
    ensure!(twice <= doubles, "{twice} came more than once, and {doubles} may");
    Ok(())
}

async fn scene() -> Result<(Receiver, Stage)> {
    let receiver = Receiver::start().await?;
    let url = format!("http://{}/hook", receiver.address);
    let stage = Stage::set(TestDatabase::create().await?, CLINICS, |_| url.clone()).await?;
    Ok((receiver, stage))
}

/// Kills a worker that stands before a locked table.
async fn killed_before(table: &str, doubles: usize) -> Result<()> {
    let (receiver, stage) = scene().await?;
    tell(&stage).await?;
    let held = hold(&stage, table).await?;
    let mut worker = Worker::start(&stage.database)?;
    stage.until("the worker to stand there", BLOCKED).await?;
    worker.kill();
    drop(held);
    end_well(&stage, &receiver, doubles).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_gives_places() -> Result<()> {
    killed_before("webhook_events", 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_claims() -> Result<()> {
    killed_before("webhook_secrets", 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_answer_and_before_it_is_recorded() -> Result<()> {
    // The statement that records may outlive the worker that sent it: then nothing comes twice.
    killed_before("webhook_deliveries", CLINICS * UNDER_WAY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_connects() -> Result<()> {
    let (receiver, stage) = scene().await?;
    let deaf = Deaf::start()?;
    let to = |address| format!("UPDATE webhook_endpoints SET url = 'http://{address}/hook'");
    restartix_testkit::sql(&stage.database, &to(deaf.address)).await?;
    tell(&stage).await?;
    let mut worker = Worker::start(&stage.database)?;
    stage.until("all under way", LEASED).await?;
    worker.kill();
    restartix_testkit::sql(&stage.database, &to(receiver.address)).await?;
    end_well(&stage, &receiver, 0).await
}

/// Kills a worker all of whose requests a receiver of these manners has.
async fn killed_while(manner: Manner) -> Result<()> {
    let (receiver, stage) = scene().await?;
    receiver.behave(manner);
    tell(&stage).await?;
    let mut worker = Worker::start(&stage.database)?;
    let begun = std::time::Instant::now();
    while usize::try_from(receiver.came())? < CLINICS * UNDER_WAY {
        ensure!(begun.elapsed() < super::stage::PATIENCE, "{} came", receiver.came());
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    worker.kill();
    receiver.behave(Manner::Answer);
    end_well(&stage, &receiver, 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_receiver_thinks() -> Result<()> {
    killed_while(Manner::Wait).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_an_answer() -> Result<()> {
    killed_while(Manner::Half).await
}

/// Three kills of each in the tests; fifty altogether under `cargo xtask soak`.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask soak` tells its tests by this alone")]
fn kills() -> usize {
    if std::env::var("RESTARTIX_SOAK").is_ok_and(|soak| soak == "1") { 50 } else { 6 }
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_deliveries_survive_kills_of_worker_and_database_at_random_moments() -> Result<()> {
    let mut cluster = TestCluster::start().await?;
    let receiver = Receiver::start().await?;
    let url = format!("http://{}/hook", receiver.address);
    let database = TestDatabase::create_in(&cluster.url()).await?;
    let stage = Stage::set(database, CLINICS, |_| url.clone()).await?;
    let mut worker = Worker::start(&stage.database)?;
    for kill in 0..kills() {
        let moment = Duration::from_millis(u64::from(SystemRandom.below(400)));
        let writing = async {
            // What fails was not committed, or nobody was told that it was: the end counts rows.
            for number in 0.. {
                let _ = stage.change(number).await;
                tokio::task::yield_now().await;
            }
        };
        // Whoever writes is cut off in the middle of it.
        let _ = tokio::time::timeout(moment, writing).await;
        if kill % 2 == 0 {
            cluster.kill();
            // Some of what is written meets a server that is not there.
            for number in 0..3 {
                ensure!(stage.change(number).await.is_err(), "committed by nobody");
            }
            cluster.resume()?;
        } else {
            worker.kill();
            worker = Worker::start(&stage.database)?;
        }
    }
    // A worker outlives its database, and goes on by itself.
    stage.quiet().await?;
    stage.whole().await?;
    let answered: BTreeMap<_, _> = receiver.answered();
    let events =
        "SELECT count(*) AS number FROM webhook_events, unnest(types) t WHERE t = 'member.added'";
    ensure!(
        usize::try_from(stage.number(events).await?)? == answered.len(),
        "lost: {}",
        answered.len()
    );
    let doubles: u32 = answered.values().map(|times| times - 1).sum();
    let most = kills() * CLINICS * UNDER_WAY;
    ensure!(
        usize::try_from(doubles)? <= most,
        "{doubles} duplicates, at most {most} were under way"
    );
    Ok(())
}
