//! Two workers share the queue, and one is paused for longer than its lease.

use std::time::Duration;

use anyhow::{Result, ensure};
use restartix_kernel::{Clock, SystemClock};
use restartix_testkit::TestDatabase;

use super::receiver::{Manner, Receiver};
use super::stage::{PATIENCE, Stage, Worker};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_slept_beyond_its_lease_records_nothing_and_holds_nothing_up() -> Result<()> {
    let receiver = Receiver::start().await?;
    let url = format!("http://{}/hook", receiver.address);
    let stage = Stage::set(TestDatabase::create().await?, 4, |_| url.clone()).await?;
    let first = Worker::start(&stage.database)?;
    receiver.behave(Manner::Wait);
    for number in 0..24 {
        stage.change(number).await?;
    }
    // The receiver has all of it from the first one, which then sleeps: what it had claimed and not
    // sent yet, it would send when it wakes, as it may.
    let begun = std::time::Instant::now();
    while receiver.came() < 24 {
        ensure!(begun.elapsed() < PATIENCE, "{} came", receiver.came());
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    first.signal("STOP")?;
    receiver.behave(Manner::Answer);
    let _second = Worker::start(&stage.database)?;
    for number in 0..24 {
        stage.change(number).await?;
    }
    // What the sleeper has is delivered by the other when its lease (30 s) has ended.
    stage.quiet().await?;
    stage.whole().await?;
    let attempts = "SELECT count(*) AS number FROM webhook_attempts";
    let (before, kept) = (stage.number(attempts).await?, receiver.answered().len());
    first.signal("CONT")?;
    for number in 0..12 {
        stage.change(number).await?;
    }
    stage.quiet().await?;
    // Long enough for the sleeper to tell what it thinks of its connections.
    SystemClock.sleep(Duration::from_secs(2)).await;
    stage.whole().await?;
    ensure!(stage.number(attempts).await? == before, "the sleeper recorded something");
    ensure!(receiver.answered().len() == kept + 12, "{} events", receiver.answered().len());
    ensure!(receiver.answered().values().all(|times| *times == 1), "{:?}", receiver.answered());
    Ok(())
}
