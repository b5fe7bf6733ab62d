use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::Client;

use super::support::World;

/// Between two writes to one source: fifty a second.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes until the source refuses, and answers how often it was not refused; in the first place
/// while it goes on.
async fn write_on(
    client: Client,
    written: Arc<AtomicU64>,
    statement: impl Fn(u64) -> String,
) -> String {
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for number in 0.. {
        ticks.tick().await;
        if let Err(error) = client.batch_execute(&statement(number)).await {
            return error.code().map(|code| code.code().to_owned()).unwrap_or_default();
        }
        written.fetch_add(1, Ordering::Relaxed);
    }
    String::new()
}

/// Strapi: people get other names; bookings of its own are made, moved, cancelled, deleted.
fn strapi(number: u64) -> String {
    let id = 500_000 + number / 5;
    let specialist = 1 + id % 100;
    let (clinic, hour) = (1 + specialist % 4, id - 500_000);
    let at = format!("timestamp '2035-01-01' + interval '{hour} hours'");
    match number % 5 {
        0 => format!("UPDATE patients SET full_name = 'Renamed {number}', updated_at = now() WHERE id = {}", 101 + number % 100),
        1 => format!(
            "BEGIN; INSERT INTO appointments VALUES ({id}, {at}, {at} + interval '45 minutes', 'confirmed', NULL, true, false, NULL, now(), now(), now());
             INSERT INTO appointments_specialist_links (appointment_id, specialist_id) VALUES ({id}, {specialist});
             INSERT INTO appointments_organization_links (appointment_id, organization_id) VALUES ({id}, {clinic});
             INSERT INTO appointments_appointment_type_links (appointment_id, appointment_type_id) VALUES ({id}, {clinic});
             INSERT INTO appointments_patient_links (appointment_id, patient_id) VALUES ({id}, {}); COMMIT",
            104 + specialist % 4
        ),
        2 => format!("UPDATE appointments SET start_time = start_time + interval '5 minutes', end_time = end_time + interval '5 minutes', updated_at = now() WHERE id = {id}"),
        3 if id.is_multiple_of(3) => format!("UPDATE appointments SET status = 'cancelled', updated_at = now() WHERE id = {id}"),
        3 if id % 3 == 1 => format!("DELETE FROM appointments WHERE id = {id}"),
        _ => format!("UPDATE specialists SET bio = '{number}', updated_at = now() WHERE id = {specialist}"),
    }
}

/// Intakes: the same of its own, and hours of work.
fn intakes(number: u64) -> String {
    let id = number / 4;
    let calendar = 1 + id % 100;
    let at = format!("timestamp '2045-01-01' + interval '{id} hours'");
    match number % 4 {
        0 => format!(
            "INSERT INTO bookings VALUES (md5('live {id}')::uuid, {calendar}, {}, {}, {at}, {at} + interval '45 minutes', 'Europe/London', 'booked', now(), now())",
            104 + calendar % 4,
            1 + calendar % 4
        ),
        1 => format!(
            "UPDATE bookings SET starts_local = starts_local + interval '10 minutes', ends_local = ends_local + interval '10 minutes', updated_at = now() WHERE id = md5('live {id}')::uuid"
        ),
        2 if id.is_multiple_of(3) => format!(
            "UPDATE bookings SET state = 'cancelled', updated_at = now() WHERE id = md5('live {id}')::uuid"
        ),
        2 if id % 3 == 1 => format!("DELETE FROM bookings WHERE id = md5('live {id}')::uuid"),
        _ => format!(
            "UPDATE weekly_rules SET starts = time '07:00' + interval '{} minutes', updated_at = now() WHERE id = {}",
            id % 60,
            1 + id % 700
        ),
    }
}

/// The clinics work, fifty writes a second to each source, through the load, the deltas and into the
/// freeze; after it nothing differs. The way back gives them their sources again.
#[tokio::test(flavor = "multi_thread")]
async fn a_working_day_goes_on_until_the_freeze_and_nothing_of_it_is_lost() {
    let world = World::new(2_000).await;
    let written = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
    let writers = [
        tokio::spawn(write_on(world.strapi.client().await.unwrap(), written[0].clone(), strapi)),
        tokio::spawn(write_on(world.intakes.client().await.unwrap(), written[1].clone(), intakes)),
    ];
    let begun = std::time::Instant::now();
    for phase in [&["load"][..], &["delta"], &["delta"]] {
        let (output, report) = world.phase(phase);
        assert!(output.status.success(), "{phase:?}: {report:#} {output:?}");
    }
    let before: Vec<_> = written.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    let rate =
        |count: u64| f64::from(u32::try_from(count).unwrap()) / begun.elapsed().as_secs_f64();
    assert!(
        before.iter().all(|count| rate(*count) > 25.0),
        "the writers were to be busy: {before:?}"
    );

    let (output, report) = world.phase(&["cutover"]);
    assert!(output.status.success(), "{report:#} {output:?}");
    for writer in writers {
        assert_eq!(
            writer.await.unwrap(),
            "25006",
            "a writer ended by the freeze, and by nothing else"
        );
    }
    assert_eq!(report["differences"], serde_json::Value::Null, "{report:#}");
    assert!(report["compared"].as_array().unwrap().iter().all(|one| one["same"] == true));
    let frozen = report["frozen_seconds"].as_f64().unwrap();
    assert!(frozen > 0.0 && frozen < 60.0, "{frozen}");
    println!("frozen for {frozen:.2} s; written before: {before:?}");

    let platform = world.platform.client().await.unwrap();
    let count = |client: Client, query: &'static str| async move {
        client.query_one(query, &[]).await.unwrap().get::<_, i64>(0)
    };
    let there = count(world.strapi.client().await.unwrap(), "SELECT count(*) FROM appointments")
        .await
        + count(
            world.intakes.client().await.unwrap(),
            "SELECT count(*) FROM bookings WHERE starts_local > '2040-01-01'",
        )
        .await;
    // What was loaded and is gone there is kept as cancelled.
    let here = "SELECT count(*) FROM appointments a WHERE EXISTS (SELECT FROM legacy.bookings b WHERE b.appointment_id = a.id AND b.fault IS NULL)";
    assert_eq!(count(platform, here).await, there);

    let (output, report) = world.phase(&["rollback"]);
    assert!(output.status.success(), "{report:#} {output:?}");
    world.strapi.client().await.unwrap().batch_execute(&strapi(100_000)).await.unwrap();
    world.intakes.client().await.unwrap().batch_execute(&intakes(100_000)).await.unwrap();
}
