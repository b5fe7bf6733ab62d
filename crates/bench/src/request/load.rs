//! The load generator: a process of its own, keep-alive connections, one request after another on
//! each, answers read to their last byte.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rounds::percentile;

/// What the process is started with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    port: u16,
    #[arg(long, default_value = "GET")]
    method: String,
    #[arg(long)]
    path: String,
    #[arg(long)]
    clients: u32,
    #[arg(long)]
    seconds: u32,
    /// Bearer tokens, shared out among the clients; none: no header.
    #[arg(long, value_delimiter = ',')]
    tokens: Vec<String>,
}

/// What is to be asked, of whom.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) port: u16,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) tokens: Vec<String>,
}

/// What a run came to.
pub(crate) struct Run {
    /// Answers with status 200 a second.
    pub(crate) rate: f64,
    /// Milliseconds within which half of the answers came.
    pub(crate) p50_ms: f64,
    /// Milliseconds within which 99 of 100 answers came.
    pub(crate) p99_ms: f64,
}

impl Load {
    /// Runs the generator as a process.
    pub(crate) fn run(&self, clients: u32, seconds: u32) -> Result<Run> {
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command.args(["load", "--port", &self.port.to_string(), "--path", &self.path]);
        command.args(["--method", self.method]);
        command.args(["--clients", &clients.to_string(), "--seconds", &seconds.to_string()]);
        if !self.tokens.is_empty() {
            command.args(["--tokens", &self.tokens.join(",")]);
        }
        let output = command.output().context("run the load generator")?;
        ensure!(
            output.status.success(),
            "the load generator failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: Value = serde_json::from_slice(&output.stdout).context("read its answer")?;
        let figure = |name: &str| told.get(name).and_then(Value::as_f64).context("a figure");
        Ok(Run { rate: figure("rate")?, p50_ms: figure("p50_ms")?, p99_ms: figure("p99_ms")? })
    }
}

/// The process itself.
#[expect(clippy::print_stdout, reason = "the process answers its parent on stdout")]
pub(crate) fn generate(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(async {
        let started = Instant::now();
        let until = started + Duration::from_secs(u64::from(arguments.seconds));
        let clients = (0..arguments.clients).map(|number| {
            let token =
                arguments.tokens.iter().cycle().nth(usize::try_from(number).unwrap_or_default());
            let request = request(&arguments.method, &arguments.path, token);
            client(arguments.port, request, until)
        });
        let times = futures_util::future::try_join_all(clients).await?;
        let seconds = started.elapsed().as_secs_f64();
        let mut times: Vec<u64> = times.into_iter().flatten().collect();
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let [p50, p99] = [0.5, 0.99].map(|share| {
            f64::from(u32::try_from(percentile(&mut times, share)).unwrap_or(u32::MAX)) / 1000.0
        });
        let rate = f64::from(count) / seconds;
        anyhow::Ok(json!({ "rate": rate, "p50_ms": p50, "p99_ms": p99 }))
    })?;
    println!("{told}");
    Ok(())
}

/// A request without a body.
fn request(method: &str, path: &str, token: Option<&String>) -> Vec<u8> {
    let bearer =
        token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
    format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n{length}{bearer}\r\n").into_bytes()
}

/// Microseconds of each answer.
async fn client(port: u16, request: Vec<u8>, until: Instant) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(4096));
    while Instant::now() < until {
        let sent = Instant::now();
        exchange(&mut stream, &request, &mut buffer, "200").await?;
        times.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(times)
}

/// Sends a request and reads its answer to the last byte; the body. A status other than `wanted` is an
/// error.
pub(crate) async fn exchange<'b>(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &'b mut Vec<u8>,
    wanted: &str,
) -> Result<&'b [u8]> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        if let Some((head, length)) = lengths(buffer, wanted)? {
            while buffer.len() < length {
                ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
            }
            return Ok(buffer.get(head..length).unwrap_or_default());
        }
    }
}

/// The lengths of the answer's head and of all of it, once its head is there.
fn lengths(buffer: &[u8], wanted: &str) -> Result<Option<(usize, usize)>> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    if !head.starts_with(&format!("http/1.1 {wanted}")) {
        let body = String::from_utf8_lossy(buffer.get(end..).unwrap_or_default());
        bail!("the answer is {}: {body}", head.lines().next().unwrap_or_default());
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .context("an answer without content-length")?;
    Ok(Some((end + 4, end + 4 + length.trim().parse::<usize>()?)))
}
