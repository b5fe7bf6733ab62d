//! The load generator of bookings: a process of its own, keep-alive connections, one booking after
//! another on each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::net::TcpStream;

use super::{CLIENTS, KIND, SECONDS, patient, specialist, start, tell};
use crate::request::load::exchange;

/// What the process is started with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    port: u16,
    /// Which run it is: no two meet.
    #[arg(long)]
    run: u32,
    /// Whether each slot is held before it is confirmed.
    #[arg(long)]
    with_hold: bool,
    /// Bearer tokens, one for each client.
    #[arg(long, value_delimiter = ',')]
    tokens: Vec<String>,
}

/// The process itself.
#[expect(clippy::print_stdout, reason = "the process answers its parent on stdout")]
pub(crate) fn generate(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(async {
        let started = Instant::now();
        let until = started + Duration::from_secs(u64::from(SECONDS));
        let clients = (0..CLIENTS).map(|number| client(arguments, number, until));
        let times = futures_util::future::try_join_all(clients).await?;
        anyhow::Ok(tell(times.into_iter().flatten().collect(), started.elapsed().as_secs_f64()))
    })?;
    println!("{told}");
    Ok(())
}

/// Microseconds of each booking.
async fn client(arguments: &Arguments, number: u32, until: Instant) -> Result<Vec<u64>> {
    let token = arguments.tokens.iter().cycle().nth(usize::try_from(number)?).context("a token")?;
    let mut stream = TcpStream::connect(("127.0.0.1", arguments.port)).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(4096));
    for task in 0.. {
        if Instant::now() >= until {
            break;
        }
        let sent = Instant::now();
        let slot = format!(
            r#""appointment_type_id":"{KIND}","specialist_id":"{}","starts_at":"{}""#,
            specialist(number),
            start(arguments.run, task).format("%Y-%m-%dT%H:%M:%SZ"),
        );
        let what = if arguments.with_hold {
            let request = post("/v1/holds", token, "", &format!("{{{slot}}}"));
            let hold = exchange(&mut stream, &request, &mut buffer, "201").await?;
            let hold: Value = serde_json::from_slice(hold).context("read a hold")?;
            let Some(id) = hold.get("id").and_then(Value::as_str) else { bail!("a hold: {hold}") };
            format!(r#""hold_id":"{id}""#)
        } else {
            slot
        };
        let body = format!(r#"{{{what},"patient_id":"{}"}}"#, patient(number, task));
        let key = format!("Idempotency-Key: {}-{number}-{task}\r\n", arguments.run);
        let request = post("/v1/appointments", token, &key, &body);
        exchange(&mut stream, &request, &mut buffer, "201").await?;
        times.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(times)
}

fn post(path: &str, token: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n{more}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
