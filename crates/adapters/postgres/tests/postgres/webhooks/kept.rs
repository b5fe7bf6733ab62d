//! What is kept and for how long: replays, resends, weeks that are dropped whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use restartix_kernel::{Clock, ExposeSecret, SystemClock};
use restartix_postgres::{PgWebhookQueue, migrate};
use restartix_webhooks::{Backlog, BacklogGauge, Upkeep};
use restartix_workflows::{WebhookUpkeep, Worker};

use super::stage::Stage;

async fn weeks(stage: &Stage) -> Result<BTreeSet<String>> {
    let query = "SELECT string_agg(relname, ',') AS words FROM pg_class
        WHERE relispartition AND relkind = 'r' AND relname ~ '^webhook_events_[0-9]'";
    let names = stage.words(query).await?.unwrap_or_default();
    Ok(names.split(',').map(str::to_owned).collect())
}

#[tokio::test]
async fn weeks_are_made_ahead_and_dropped_when_they_are_over() -> Result<()> {
    let stage = Stage::set().await?;
    let migrator = stage.database.url("core_migrator");
    let start: DateTime<Utc> = "2031-01-08T12:00:00Z".parse()?;
    migrate::keep_partitions(&migrator, None, start).await?;
    let made = weeks(&stage).await?;
    for week in ["20310106", "20310113", "20310210"] {
        assert!(made.contains(&format!("webhook_events_{week}")), "{made:?}");
    }
    stage.clock.set(start);
    stage.endpoint(1).await?;
    stage.happen(1, 3).await?;
    stage.sequence().await?;
    let kept = "SELECT count(*) AS number FROM webhook_events_20310106";
    assert_eq!(stage.number(kept).await?, 3, "in its week");
    // Again on the same day: nothing changes.
    migrate::keep_partitions(&migrator, None, start).await?;
    assert_eq!(weeks(&stage).await?, made);
    migrate::keep_partitions(&migrator, None, start + TimeDelta::days(39)).await?;
    assert_eq!(stage.number(kept).await?, 3, "its last day is not so long ago");
    migrate::keep_partitions(&migrator, None, start + TimeDelta::days(40)).await?;
    assert!(!weeks(&stage).await?.contains("webhook_events_20310106"));
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_events").await?, 0);
    // What waited for it is swept, or not sent without a body and then gone as well.
    let waits = "SELECT count(*) AS number FROM webhook_queue";
    stage.sql("CREATE TABLE before AS SELECT * FROM webhook_queue").await?;
    let late = start + TimeDelta::days(40);
    assert_eq!(stage.queue.sweep(late - TimeDelta::days(35), late).await?, 3);
    assert_eq!(stage.number(waits).await?, 0);
    stage.sql("INSERT INTO webhook_queue SELECT * FROM before").await?;
    assert_eq!(stage.number(waits).await?, 1, "three places in a run");
    assert!(stage.claim(10, 8, 32).await?.is_empty());
    assert_eq!(stage.number(waits).await?, 0);
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_in_flight").await?, 0);
    Ok(())
}

/// Nobody watches.
struct Unwatched;

impl BacklogGauge for Unwatched {
    fn show(&self, _: &Backlog, _: DateTime<Utc>) {}
}

fn upkeep(stage: &Stage) -> WebhookUpkeep<PgWebhookQueue> {
    WebhookUpkeep::new(stage.queue.clone(), stage.clock.clone(), Arc::new(Unwatched))
}

fn monday(text: &str) -> String {
    format!("webhook_events_{text}")
}

#[tokio::test]
async fn the_workers_keep_the_weeks_by_themselves_at_their_start_and_every_day() -> Result<()> {
    let stage = Stage::set().await?;
    let before = weeks(&stage).await?;
    // A Sunday: its last week ahead is that of February 10th, 2031; the next one comes on Monday.
    let sunday: DateTime<Utc> = "2031-01-12T12:00:00Z".parse()?;
    stage.clock.set(sunday);
    let keeper = upkeep(&stage);
    keeper.round().await?;
    let made = weeks(&stage).await?;
    assert!(made.is_superset(&before), "what is not over by the server's clock was dropped");
    assert!(made.contains(&monday("20310106")) && made.contains(&monday("20310210")), "{made:?}");
    stage.clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    keeper.round().await?;
    assert_eq!(weeks(&stage).await?, made, "not before a day has passed");
    stage.clock.advance(TimeDelta::seconds(1));
    keeper.round().await?;
    assert!(weeks(&stage).await?.contains(&monday("20310217")));
    Ok(())
}

#[tokio::test]
async fn the_workers_drop_weeks_that_are_over_and_one_that_has_begun_late_loses_nothing()
-> Result<()> {
    let stage = Stage::set().await?;
    let now = SystemClock.now();
    let long_ago = now - TimeDelta::days(70);
    stage.clock.set(long_ago);
    // No week was made for what happens: it goes where everything goes, and stays there.
    stage.endpoint(1).await?;
    stage.happen(1, 3).await?;
    stage.sequence().await?;
    upkeep(&stage).round().await?;
    let rest = "SELECT count(*) AS number FROM webhook_events_rest";
    assert_eq!(stage.number(rest).await?, 3);
    let name = |at: DateTime<Utc>| {
        let week = at.date_naive().week(chrono::Weekday::Mon).first_day();
        monday(&week.format("%Y%m%d").to_string())
    };
    let made = weeks(&stage).await?;
    let next = long_ago + TimeDelta::days(7);
    assert!(!made.contains(&name(long_ago)) && made.contains(&name(next)), "{made:?}");
    stage.clock.set(next);
    stage.happen(1, 2).await?;
    stage.sequence().await?;
    let kept = format!("SELECT count(*) AS number FROM {}", name(next));
    assert_eq!(stage.number(&kept).await?, 2, "in its week");
    stage.clock.set(now);
    upkeep(&stage).round().await?;
    let left = weeks(&stage).await?;
    assert!(!left.contains(&name(next)), "{left:?}");
    assert!(left.contains(&name(now)), "{left:?}");
    assert_eq!(stage.number(rest).await?, 3);
    Ok(())
}

#[tokio::test]
async fn two_processes_that_begin_at_once_make_each_week_once() -> Result<()> {
    let stage = Stage::set().await?;
    let start: DateTime<Utc> = "2031-01-08T12:00:00Z".parse()?;
    let keep = || stage.queue.keep_weeks(start);
    let (one, other) = tokio::join!(keep(), keep());
    assert!(one? != other?, "one had something to do, and the other nothing");
    assert!(!keep().await?);
    Ok(())
}

#[tokio::test]
async fn a_worker_makes_no_table_but_by_that() -> Result<()> {
    let stage = Stage::set().await?;
    let worker = stage.database.url("core_worker");
    let mut connection = AsyncPgConnection::establish(worker.expose_secret()).await?;
    for forbidden in [
        "CALL public.keep_webhook_weeks(now(), 5, interval '0')",
        "CREATE TABLE public.mine (id bigint)",
        "DROP TABLE public.webhook_events_rest",
    ] {
        let refused = connection.batch_execute(forbidden).await.err();
        let refused = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            refused.contains("permission denied") || refused.contains("must be owner"),
            "{forbidden}: {refused}"
        );
    }
    Ok(connection.batch_execute("SELECT definer.keep_webhook_weeks(now())").await?)
}

#[tokio::test]
async fn a_partition_has_the_walls_of_its_table_and_no_rights() -> Result<()> {
    let stage = Stage::set().await?;
    let open = "SELECT count(*) AS number FROM pg_class c
        WHERE c.relispartition AND c.relkind = 'r' AND c.relname ~ '^webhook_'
          AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
            OR has_table_privilege('core_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
            OR has_table_privilege('core_worker', c.oid, 'SELECT, INSERT, UPDATE, DELETE'))";
    assert_eq!(stage.number(open).await?, 0);
    let all = "SELECT count(*) AS number FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND c.relname ~ '^webhook_'";
    assert!(stage.number(all).await? >= 21);
    Ok(())
}

#[tokio::test]
async fn a_replay_queues_each_event_once_piece_by_piece_and_says_how_far_it_is() -> Result<()> {
    let stage = Stage::set().await?;
    let id = stage.endpoint(1).await?;
    stage.happen(1, 30).await?;
    stage.sequence().await?;
    for found in stage.claim(20, 32, 32).await? {
        stage.deliver(&found).await?;
    }
    let job = format!(
        "INSERT INTO webhook_jobs (org_id, id, endpoint_id, first_seq, last_seq, next_seq, due_at, created_at)
         VALUES (1, gen_random_uuid(), '{id}', 6, 30, 6, '{0}', '{0}')",
        stage.now().to_rfc3339()
    );
    stage.sql(&job).await?;
    let progress = "SELECT (next_seq - first_seq) || ' ' || queued || ' ' || status AS words FROM webhook_jobs";
    // Ten wait still: no piece of ten is queued while as many wait.
    assert_eq!(stage.queue.replay(10, stage.now()).await?, 0);
    assert_eq!(stage.words(progress).await?.as_deref(), Some("0 0 running"));
    stage.clock.advance(TimeDelta::seconds(2));
    for found in stage.claim(20, 32, 32).await? {
        stage.deliver(&found).await?;
    }
    assert_eq!(stage.queue.replay(10, stage.now()).await?, 1);
    assert_eq!(stage.words(progress).await?.as_deref(), Some("10 10 running"));
    let mut seen = 0;
    for _ in 0..4 {
        let batch = stage.claim(64, 64, 64).await?;
        seen += batch.len();
        for found in &batch {
            stage.deliver(found).await?;
        }
        stage.queue.replay(10, stage.now()).await?;
    }
    assert_eq!(stage.words(progress).await?.as_deref(), Some("25 25 done"));
    assert_eq!(seen, 25, "places 6 to 30, each once");
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_deliveries").await?, 30);
    // The first time and the second are both told of.
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_attempts").await?, 25);
    Ok(())
}

#[tokio::test]
async fn what_waits_is_shown_without_anybodys_name() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.endpoint(2).await?;
    stage.happen(1, 3).await?;
    stage.sequence().await?;
    stage.clock.advance(TimeDelta::seconds(60));
    stage.happen(2, 2).await?;
    let backlog = stage.queue.backlog(stage.now()).await?;
    assert_eq!((backlog.unsequenced, backlog.due), (2, 3));
    assert_eq!(backlog.lags.len(), 1);
    assert!((backlog.lags[0] - 60.0).abs() < 1.0, "{:?}", backlog.lags);
    let closed = backlog.endpoints.iter().find(|(state, _)| *state == "closed");
    assert_eq!(closed, Some(&("closed", 2)));
    Ok(())
}

macro_rules! migration {
    ($path:literal) => {
        include_str!(concat!("../../../../../../migrations/schema/2026-11-27-", $path))
    };
}

/// One half of a migration, done by the owner.
async fn migrated(stage: &Stage, statements: &str) -> Result<()> {
    stage.sql(&format!("BEGIN; SET LOCAL ROLE core_owner; {statements}; COMMIT")).await
}

#[tokio::test]
async fn what_waits_in_runs_survives_the_way_back_to_rows_and_forth() -> Result<()> {
    let stage = Stage::set().await?;
    stage.endpoint(1).await?;
    stage.endpoint(1).await?;
    stage.happen_together(1, 2, 3).await?;
    stage.sequence().await?;
    // Of each endpoint's six: one delivered, one failed, one under way, three in a run; and two that nobody
    // gave a place yet.
    for found in stage.claim(6, 3, 6).await? {
        match found.place.offset {
            0 => stage.deliver(&found).await?,
            1 => stage.fail(&found).await?,
            _ => {}
        }
    }
    stage.happen_together(1, 1, 2).await?;
    let waiting = "SELECT (sum(last_seq - first_seq + 1) + (SELECT coalesce(sum(bit_count(under_way::bit(64))), 0)
        FROM webhook_in_flight))::bigint AS number FROM webhook_queue";
    let tried = "SELECT count(*) AS number FROM webhook_attempts a
        JOIN webhook_queue q ON q.org_id = a.org_id AND q.id = a.delivery_id";
    assert_eq!((stage.number(waiting).await?, stage.number(tried).await?), (10, 2));
    let log = "SELECT string_agg(concat_ws(' ', id, attempts, ended_at, statuses, codes, durations_ms, sizes), ',' ORDER BY id)
        AS words FROM webhook_deliveries";
    let feed = "SELECT string_agg(concat_ws(' ', org_id, kept_at, t.id, t.type, t.body), ',' ORDER BY t.id)
        AS words FROM webhook_events, unnest(ids, types, bodies) AS t (id, type, body)";
    let kept = (stage.words(log).await?, stage.words(feed).await?);
    migrated(&stage, migration!("000110_webhook_blocks/down.sql")).await?;
    migrated(&stage, migration!("000100_webhook_runs/down.sql")).await?;
    let rows = "SELECT count(*) AS number FROM webhook_queue";
    assert_eq!((stage.number(rows).await?, stage.number(tried).await?), (10, 2), "a row for each");
    assert_eq!(stage.number("SELECT count(*) AS number FROM webhook_outbox").await?, 2);
    migrated(&stage, migration!("000100_webhook_runs/up.sql")).await?;
    migrated(&stage, migration!("000110_webhook_blocks/up.sql")).await?;
    assert_eq!((stage.words(log).await?, stage.words(feed).await?), kept, "each as it was");
    assert_eq!((stage.number(waiting).await?, stage.number(tried).await?), (10, 2));
    let bare = "SELECT count(*) AS number FROM pg_class
        WHERE relname LIKE 'webhook%' AND relkind IN ('r', 'p') AND NOT relforcerowsecurity";
    assert_eq!(stage.number(bare).await?, 0, "the walls stand again");
    stage.sequence().await?;
    stage.clock.advance(TimeDelta::seconds(31));
    let mut sent = 0;
    loop {
        let batch = stage.claim(64, 16, 64).await?;
        if batch.is_empty() {
            break;
        }
        sent += batch.len();
        for found in &batch {
            stage.deliver(found).await?;
        }
    }
    assert_eq!(sent, 14, "what waited, and two events more for each of the two");
    let over = "SELECT sum(bit_count(places::bit(64)))::bigint AS number FROM webhook_deliveries";
    assert_eq!(stage.number(over).await?, 16);
    Ok(())
}
