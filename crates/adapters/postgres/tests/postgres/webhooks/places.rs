//! Places are given without gaps, claims keep to their caps, leases fence.

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use futures_util::future::try_join_all;
use restartix_testkit::sql;
use restartix_webhooks::{EventType, Sequencer, Verdict};

use super::stage::{LEASE, Stage, Taken};

#[tokio::test]
async fn several_sequencers_at_once_leave_no_gap_and_give_no_place_twice() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    for _ in 0..10 {
        stage.happen(1, 40).await?;
        stage.happen_together(2, 5, 8).await?;
        let sequence = || async {
            // One finds its organisations taken: what is left is for the next round.
            stage.queue.sequence(25, stage.now()).await?;
            anyhow::Ok(())
        };
        try_join_all((0..4).map(|_| sequence())).await?;
    }
    stage.sequence().await?;
    for organisation in [1, 2] {
        let gaps = format!(
            "SELECT count(*) FILTER (WHERE seq <> nth) + 1000 * abs(count(*) - 400) AS number FROM (
               SELECT first_seq + e.nth - 1 AS seq, row_number() OVER (ORDER BY first_seq, e.nth) AS nth
               FROM webhook_events, unnest(ids) WITH ORDINALITY AS e (id, nth)
               WHERE org_id = {organisation}) e"
        );
        assert_eq!(stage.number(&gaps).await?, 0, "organisation {organisation}");
    }
    let waiting = "SELECT sum(last_seq - first_seq + 1)::bigint AS number FROM webhook_queue";
    assert_eq!(stage.number(waiting).await?, 400);
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_outbox").await?, 0);
    Ok(())
}

#[tokio::test]
async fn workers_that_claim_at_once_keep_to_the_caps_of_endpoint_and_organisation() -> Result<()> {
    let stage = Stage::set().await?;
    for _ in 0..4 {
        stage.endpoint(1).await?;
    }
    stage.endpoint(2).await?;
    stage.happen(1, 50).await?;
    stage.happen(2, 50).await?;
    stage.sequence().await?;
    for _ in 0..4 {
        try_join_all((0..4).map(|_| stage.claim(100, 5, 12))).await?;
    }
    let most = "SELECT max(n)::bigint AS number FROM (
        SELECT sum(bit_count(under_way::bit(64))) AS n FROM webhook_in_flight GROUP BY";
    assert_eq!(stage.number(&format!("{most} endpoint_id) x")).await?, 5);
    assert_eq!(stage.number(&format!("{most} org_id) x")).await?, 12);
    // The one of the second organisation has its five, whatever the first one's four want.
    let second =
        "SELECT sum(bit_count(under_way::bit(64)))::bigint AS number FROM webhook_in_flight
        WHERE org_id = 2";
    assert_eq!(stage.number(second).await?, 5);
    Ok(())
}

#[tokio::test]
async fn what_comes_after_its_lease_was_given_to_another_changes_nothing() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.happen(1, 1).await?;
    stage.sequence().await?;
    let first = stage.claim(1, 1, 1).await?.remove(0);
    assert!(stage.claim(1, 1, 1).await?.is_empty(), "leased");
    stage.clock.advance(LEASE + TimeDelta::seconds(1));
    let second = stage.claim(1, 1, 1).await?.remove(0);
    assert_eq!(second.event, first.event);
    // The paused worker wakes up and tells its outcome: it is nobody's any more.
    ensure!(!stage.settle(&first, Verdict::Delivered, None).await?, "recorded for another");
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_deliveries").await?, 0);
    stage.deliver(&second).await?;
    ensure!(!stage.settle(&second, Verdict::Delivered, None).await?, "recorded twice");
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_deliveries").await?, 1);
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_in_flight").await?, 0);
    Ok(())
}

/// A settle of places of a run, as it goes on while its connection is lost to the one who began it.
fn settles(found: &Taken, places: i64) -> String {
    format!(
        "SELECT definer.settle_webhooks(ARRAY[1]::bigint[], ARRAY['{}']::uuid[], ARRAY['{}']::uuid[],
           ARRAY[{}]::bigint[], ARRAY[{places}]::bigint[], ARRAY['delivered'], ARRAY[NULL]::timestamptz[],
           ARRAY[NULL]::timestamptz[], ARRAY[1], ARRAY[2], ARRAY[204, 204], ARRAY[NULL, NULL]::text[],
           ARRAY[1, 1], ARRAY[0, 0], now(), now())",
        found.endpoint, found.lease, found.place.run
    )
}

#[tokio::test]
async fn outcomes_that_are_told_again_while_they_are_being_recorded_leave_nothing_behind()
-> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.happen_together(1, 1, 2).await?;
    stage.sequence().await?;
    let claimed = stage.claim(2, 2, 2).await?;
    assert_eq!(claimed.len(), 2);
    let mut first = stage.database.superuser().await?;
    first.batch_execute(&format!("BEGIN; {}", settles(&claimed[0], 1))).await?;
    let again = settles(&claimed[0], 3);
    let second = stage.sql(&again);
    let end = async {
        stage.database.wait_until_somebody_waits().await?;
        first.batch_execute("COMMIT").await.map_err(anyhow::Error::from)
    };
    tokio::try_join!(second, end)?;
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_in_flight").await?, 0);
    let over = "SELECT sum(bit_count(places::bit(64)))::bigint AS number FROM webhook_deliveries";
    assert_eq!(stage.number(over).await?, 2, "each once");
    Ok(())
}

#[tokio::test]
async fn what_got_its_place_by_a_clock_that_is_ahead_is_sent_all_the_same() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.sql("UPDATE webhook_endpoints SET failures = 2, probe_at = '2026-01-01'").await?;
    stage.happen(1, 1).await?;
    stage.queue.sequence(10, stage.now() + TimeDelta::seconds(2)).await?;
    let probe = stage.claim(1, 1, 1).await?;
    assert_eq!(probe.len(), 1, "a probe does not ask when it is due");
    stage.deliver(&probe[0]).await
}

#[tokio::test]
async fn the_database_knows_every_type_and_takes_no_prose() -> Result<()> {
    let stage = Stage::set().await?;
    let quoted =
        |texts: &[&str]| texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(",");
    let told = |ids: usize, types: &[&str], data: &[&str]| {
        let all = |text: &str| vec![text; ids].join(",");
        format!(
            "INSERT INTO webhook_outbox (org_id, id, occurred_at, ids, types, moments, data, only_for)
             VALUES (1, gen_random_uuid(), now(), ARRAY[{}]::uuid[], ARRAY[{}]::text[],
               ARRAY[{}]::timestamptz[], ARRAY[{}]::text[], NULL)",
            all("gen_random_uuid()"),
            quoted(types),
            all("now()"),
            quoted(data)
        )
    };
    let insert = |kind: &str, data: &str| told(1, &[kind], &[data]);
    let data = r#"{"object":"file","id":"0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f","version":1}"#;
    for kind in EventType::ALL {
        sql(&stage.database, &insert(kind.as_str(), data)).await?;
    }
    sql(
        &stage.database,
        &insert("file.deleted", r#"{"object":"file","id":7,"version":1,"code":"other"}"#),
    )
    .await?;
    let long = "x".repeat(81);
    for bad in [
        "{}",
        r#"{"object":"file","id":7}"#,
        r#"{"object":"file","id":7,"version":1,"name":"Ana Pop"}"#,
        r#"{"object":"file","id":7,"version":1,"name":"Ana\u0020Pop"}"#,
        r#"{"object":"file","id":7,"version":1,"name":"Ană"}"#,
        r#"{"object":"file","id":7,"version":1,"name":""}"#,
        r#"{"object":"file","id":7,"version":1,"code":["a b"]}"#,
        r#"{"object":"file","id":7,"version":1"#,
        &format!(r#"{{"object":"file","id":7,"version":1,"code":"{long}"}}"#),
        &format!(r#"{{"object":"file","id":7,"version":1,"n":[{}]}}"#, vec!["1"; 2_000].join(",")),
    ] {
        let refused = sql(&stage.database, &insert("file.deleted", bad)).await;
        ensure!(refused.is_err(), "{bad} was taken");
    }
    ensure!(sql(&stage.database, &insert("file.renamed", data)).await.is_err(), "an unknown type");
    // Together: what is sound comes through, and what is not cannot hide behind it.
    let (kind, number) = ("file.deleted", r#"{"object":"file","id":7,"version":1}"#);
    sql(&stage.database, &told(3, &[kind; 3], &[data, number, number])).await?;
    let twice = format!("{number},{number}");
    for bad in [
        told(0, &[], &[]),
        told(2, &[kind], &[number; 2]),
        told(2, &[kind; 2], &[number]),
        told(1, &[kind; 2], &[number; 2]),
        told(2, &[kind, "file.renamed"], &[number; 2]),
        told(2, &[kind; 2], &[number, r#"{"object":"file","id":7,"version":1,"name":"Ana Pop"}"#]),
        told(1, &[kind], &[&twice]),
        told(2, &[kind; 2], &[r#"{"object":"file","id":7"#, r#""version":1}"#]),
        told(3, &[kind; 3], &[r#"{"object":"file","id":7"#, r#""version":1}"#, &twice]),
        told(2, &[kind; 2], &[r#"{"object":"file","id":7,"version":1,"x":""#, r#""}"#]),
        told(501, &[kind; 501], &[number; 501]),
        told(2, &[kind; 2], &[&format!("{number}\n{number}"), ""]),
        told(2, &[kind; 2], &[&format!("{number}\n{number}"), ""]).replace("''", "NULL"),
    ] {
        ensure!(sql(&stage.database, &bad).await.is_err(), "{bad} was taken");
    }
    let bodies = |last: i64, texts: &[&str]| {
        let all = |text: &str| vec![text; texts.len()].join(",");
        format!(
            "INSERT INTO webhook_events (org_id, kept_at, last_seq, ids, types, bodies)
             VALUES (1, now(), {last}, ARRAY[{}], ARRAY[{}], ARRAY[{}])",
            all("gen_random_uuid()"),
            all("'file.deleted'"),
            quoted(texts)
        )
    };
    let sound = r#"{"id":"evt_1","data":{"id":7}}"#;
    sql(&stage.database, &bodies(2, &[sound; 2])).await?;
    sql(&stage.database, &bodies(-1, &[sound])).await?;
    let long = format!(r#"{{"id":"{}"}}"#, "1:".repeat(2_100));
    let long_of_words = format!("[{}]", vec![r#""1""#; 1_100].join(","));
    for bad in [r#"{"id":"Ana Pop"}"#, &long, &long_of_words, r#"{"id":""}"#] {
        ensure!(sql(&stage.database, &bodies(3, &[bad])).await.is_err(), "{bad} was taken");
        ensure!(sql(&stage.database, &bodies(4, &[sound, bad])).await.is_err(), "behind another");
    }
    for bad in [bodies(1, &[sound; 2]), bodies(-1, &[sound; 2]), bodies(30, &[sound; 26])] {
        ensure!(sql(&stage.database, &bad).await.is_err(), "{bad} was taken");
    }
    Ok(())
}
