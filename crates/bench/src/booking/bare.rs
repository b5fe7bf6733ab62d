//! The baseline: a transaction that writes the rows of a booking, every statement prepared and all of
//! them sent without waiting for one another. No HTTP, no token, no row-level security, no lock, no
//! look at whether the slot is free but the constraint's own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join;
use restartix_kernel::{Clock, RandomExt, SystemClock, SystemRandom};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::{CLIENTS, KIND, SECONDS, patient, specialist, start, tell};

/// What the process is started with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The database, as a role above row-level security.
    #[arg(long)]
    database: String,
    /// Which run it is: no two meet.
    #[arg(long)]
    run: u32,
}

/// The process itself.
#[expect(clippy::print_stdout, reason = "the process answers its parent on stdout")]
pub(crate) fn generate(arguments: &Arguments) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let told = runtime.block_on(async {
        let started = Instant::now();
        let until = started + Duration::from_secs(u64::from(SECONDS));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (database, run) = (arguments.database.clone(), arguments.run);
                tokio::spawn(async move { client(&database, run, number, until).await })
            })
            .collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.await??);
        }
        anyhow::Ok(tell(times, started.elapsed().as_secs_f64()))
    })?;
    println!("{told}");
    Ok(())
}

/// The rows, in the order of their foreign keys.
const ROWS: [&str; 8] = [
    "INSERT INTO kept_answers (org_id, actor_id, operation, key_hash, sealed, expires_at)
       VALUES (1, $1, 'appointments.book', $2, $3, $4)",
    "INSERT INTO appointment_sessions (org_id, id, appointment_type_id, starts_at, ends_at, seats, seats_taken)
       VALUES (1, $1, $2, $3, $4, 1, 1)",
    "INSERT INTO occupancies (org_id, session_id, specialist_id, starts_at, ends_at,
         buffer_before_minutes, buffer_after_minutes, blocked)
       VALUES (1, $1, $2, $3, $4, 0, 5, tstzrange($3::timestamptz, $4::timestamptz + interval '5 minutes'))",
    "INSERT INTO appointments (org_id, id, session_id, appointment_type_id, specialist_id, patient_id,
         starts_at, ends_at, online, recording_consent, status, version, reminder_minutes, reminder_due_at)
       VALUES (1, $1, $2, $3, $4, $5, $6, $7, true, false, 'confirmed', 1, '{1440,60}', $6::timestamptz - interval '1440 minutes')",
    "INSERT INTO outbox (org_id, topic, id, kind, appointment_id, version, occurred_at, due_at)
       VALUES (1, 'video', $1, 'appointment.created', $2, 1, $3, $3)",
    "INSERT INTO webhook_outbox (org_id, id, occurred_at, ids, types, moments, data, only_for)
       VALUES (1, $1, $2, ARRAY[$1::uuid], ARRAY['appointment.created'], ARRAY[$2::timestamptz],
         ARRAY[format('{\"object\":\"appointment\",\"id\":%s,\"version\":1}', $3::bigint)], NULL)",
    "INSERT INTO telemetry_events (org_id, id, kind, type, occurred_at, subject_kind, subject_id, data)
       VALUES (1, $1, 'analytics', 'appointment.created', $2, 'staff', $3, format('{\"appointment_id\":%s}', $4::bigint))",
    "INSERT INTO audit_events (org_id, id, occurred_at, actor_kind, actor_id, actor_role, operation,
         resource_kind, resource_id, patient_id, outcome, request_id)
       VALUES (1, $1, $2, 'user', $3, 'admin', 'appointments.book', 'appointment', $4::bigint::text, $5, 'success', $6)",
];

/// Microseconds of each transaction.
async fn client(database: &str, run: u32, number: u32, until: Instant) -> Result<Vec<u64>> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    tokio::spawn(connection);
    let mut rows = Vec::new();
    for row in ROWS {
        rows.push(client.prepare(row).await.context(row)?);
    }
    let (kind, with) = (KIND.parse()?, specialist(number).parse()?);
    let mut times = Vec::new();
    for task in 0.. {
        if Instant::now() >= until {
            break;
        }
        let sent = Instant::now();
        let whom = patient(number, task).parse()?;
        book(&client, &rows, start(run, task), [kind, with, whom]).await?;
        times.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(times)
}

async fn book(
    client: &Client,
    rows: &[Statement],
    from: DateTime<Utc>,
    [kind, with, whom]: [Uuid; 3],
) -> Result<()> {
    let now = SystemClock.now();
    let (to, expires_at) = (from + TimeDelta::minutes(30), now + TimeDelta::hours(24));
    let fresh = || SystemRandom.uuid_v7(now);
    let (session, event, line, request) = (fresh(), fresh(), fresh(), fresh());
    let id = i64::from(SystemRandom.below(u32::MAX)) * 2_000_000
        + i64::from(SystemRandom.below(2_000_000))
        + 1;
    let key: Vec<u8> = SystemRandom.bytes::<32>().to_vec();
    // As long as ours is.
    let sealed = vec![7_u8; 640];
    let values: [&[&(dyn ToSql + Sync)]; 8] = [
        &[&with, &key, &sealed, &expires_at],
        &[&session, &kind, &from, &to],
        &[&session, &with, &from, &to],
        &[&id, &session, &kind, &with, &whom, &from, &to],
        &[&event, &id, &now],
        &[&event, &now, &id],
        &[&event, &now, &with, &id],
        &[&line, &now, &with, &id, &whom, &request],
    ];
    // Each is sent when it is first polled, in this order.
    let begin = client.batch_execute("BEGIN");
    let inserts = rows.iter().zip(values).map(|(row, values)| client.execute(row, values));
    let inserts = futures_util::future::try_join_all(inserts);
    let commit = client.batch_execute("COMMIT");
    try_join(try_join(begin, inserts), commit).await?;
    Ok(())
}
