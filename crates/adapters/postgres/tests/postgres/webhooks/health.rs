//! How endpoints fare: the breaker, the slow start, the end after five days, their own rate.

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use restartix_webhooks::{FailureCode, Verdict};

use super::stage::Stage;

async fn state(stage: &Stage) -> Result<String> {
    let query = "SELECT state || coalesce(' ' || disabled_reason, '')
        || CASE WHEN probe_at IS NULL THEN '' ELSE ' open' END
        || coalesce(' ramp ' || ramp, '') AS words FROM webhook_endpoints";
    Ok(stage.words(query).await?.unwrap_or_default())
}

#[tokio::test]
async fn two_failures_open_the_breaker_and_half_open_it_lets_one_through() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.happen(1, 40).await?;
    stage.sequence().await?;
    let claimed = stage.claim(2, 8, 32).await?;
    stage.fail(&claimed[0]).await?;
    assert_eq!(state(&stage).await?, "enabled");
    stage.fail(&claimed[1]).await?;
    assert_eq!(state(&stage).await?, "enabled open");
    stage.clock.advance(TimeDelta::seconds(10));
    ensure!(stage.claim(100, 8, 32).await?.is_empty(), "an open breaker lets nothing through");
    for _ in 0..3 {
        stage.clock.advance(TimeDelta::seconds(24));
        let probe = stage.claim(100, 8, 32).await?;
        assert_eq!(probe.len(), 1, "half-open, exactly one");
        ensure!(stage.claim(100, 8, 32).await?.is_empty(), "while it is under way, no other");
        stage.fail(&probe[0]).await?;
    }
    // A probe spends nothing of its delivery's schedule.
    assert_eq!(stage.number("SELECT max(attempts)::bigint AS number FROM webhook_queue").await?, 1);
    stage.clock.advance(TimeDelta::seconds(24));
    let probe = stage.claim(100, 8, 32).await?;
    stage.deliver(&probe[0]).await?;
    assert_eq!(state(&stage).await?, "enabled ramp 2");
    // All of it is due now, and let in slowly.
    let mut batches = Vec::new();
    for _ in 0..5 {
        let batch = stage.claim(100, 16, 32).await?;
        batches.push(batch.len());
        for found in &batch {
            stage.deliver(found).await?;
        }
        // A batch is settled at once by a worker; here one by one, so the ramp grows faster.
    }
    assert_eq!(batches[0], 2, "{batches:?}");
    assert_eq!(batches.iter().sum::<usize>(), 39, "{batches:?}");
    assert_eq!(state(&stage).await?, "enabled");
    stage.sequence().await?;
    let recovered =
        "SELECT count(*) AS number FROM webhook_events WHERE types @> '{endpoint.recovered}'";
    assert_eq!(stage.number(recovered).await?, 1);
    Ok(())
}

#[tokio::test]
async fn five_days_of_nothing_but_failures_disable_it_and_say_so() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.happen(1, 5).await?;
    stage.sequence().await?;
    let begun = stage.now();
    while stage.now() - begun < TimeDelta::days(5) {
        ensure!(state(&stage).await?.starts_with("enabled"), "after {}", stage.now() - begun);
        for found in stage.claim(10, 8, 32).await? {
            stage.fail(&found).await?;
        }
        stage.clock.advance(TimeDelta::hours(3));
    }
    let last = stage.claim(10, 8, 32).await?;
    assert_eq!(last.len(), 1, "until the end it is probed");
    stage.clock.advance(TimeDelta::seconds(1));
    stage.fail(&last[0]).await?;
    assert_eq!(state(&stage).await?, "disabled failure open");
    ensure!(stage.claim(10, 8, 32).await?.is_empty(), "nothing is sent any more");
    stage.happen(1, 1).await?;
    stage.sequence().await?;
    let told = "SELECT string_agg(types::text, ',') AS words FROM (
        SELECT types FROM webhook_events ORDER BY last_seq DESC LIMIT 2) e";
    let told = stage.words(told).await?.unwrap_or_default();
    ensure!(told.contains("endpoint.disabled"), "{told}");
    let waits = "SELECT sum(last_seq - first_seq + 1)::bigint AS number FROM webhook_queue";
    assert_eq!(stage.number(waits).await?, 5, "what waited waits; nothing more is queued for it");
    Ok(())
}

#[tokio::test]
async fn one_success_in_five_days_begins_them_anew() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.happen(1, 5).await?;
    stage.sequence().await?;
    let found = stage.claim(1, 8, 32).await?;
    stage.fail(&found[0]).await?;
    stage.clock.advance(TimeDelta::days(4));
    let found = stage.claim(1, 8, 32).await?;
    stage.deliver(&found[0]).await?;
    let found = stage.claim(1, 8, 32).await?;
    stage.fail(&found[0]).await?;
    stage.clock.advance(TimeDelta::days(4));
    let found = stage.claim(1, 8, 32).await?;
    stage.fail(&found[0]).await?;
    ensure!(state(&stage).await?.starts_with("enabled"), "{}", state(&stage).await?);
    Ok(())
}

#[tokio::test]
async fn gone_is_the_end_and_a_wish_to_be_left_alone_is_kept() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.happen(1, 5).await?;
    stage.sequence().await?;
    let found = stage.claim(1, 8, 32).await?;
    let until = stage.now() + TimeDelta::seconds(90);
    let later = Verdict::RetryAt(until, FailureCode::Refused);
    ensure!(stage.settle(&found[0], later, Some(until)).await?);
    stage.clock.advance(TimeDelta::seconds(89));
    ensure!(stage.claim(10, 8, 32).await?.is_empty(), "it asked to be left alone");
    stage.clock.advance(TimeDelta::seconds(1));
    let found = stage.claim(1, 8, 32).await?;
    ensure!(stage.settle(&found[0], Verdict::Gone, None).await?);
    assert_eq!(state(&stage).await?, "disabled gone");
    let told = "SELECT outcome || ' ' || statuses[1] AS words FROM webhook_deliveries";
    assert_eq!(stage.words(told).await?.as_deref(), Some("failed 410"));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_gets_no_more_than_its_own_rate() -> Result<()> {
    let stage = Stage::set().await?;
    let id = stage.endpoint(1).await?;
    let set = format!("UPDATE webhook_endpoints SET rate_per_minute = 120 WHERE id = '{id}'");
    stage.sql(&set).await?;
    stage.happen(1, 400).await?;
    stage.sequence().await?;
    let mut sent = 0;
    for _ in 0..600 {
        for found in stage.claim(100, 64, 64).await? {
            stage.deliver(&found).await?;
            sent += 1;
        }
        stage.clock.advance(TimeDelta::milliseconds(100));
    }
    // A minute's worth and the second's that may come at once.
    ensure!((119..=123).contains(&sent), "{sent} in a minute");
    Ok(())
}
