//! The servers that are compared.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use restartix_kernel::ExposeSecret;
use restartix_testkit::{TestDatabase, TestRedis, free_port};

use super::POOL;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) tokens: Vec<String>,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(mut command: Command, port: u16, tokens: Vec<String>, path: &str) -> Result<Self> {
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("start a server")?;
        let server = Self { port, tokens, process };
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.get(path).is_err() {
            ensure!(Instant::now() < deadline, "the server on port {port} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{path} does not answer 200");
        Ok(answer)
    }

    /// How much memory it holds, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.context("VmRSS")? / 1024.0)
    }

    /// Seconds that requests have spent in each phase so far.
    pub(crate) fn phases(&self) -> Result<BTreeMap<String, f64>> {
        let metrics = self.get("/metrics")?;
        let mut phases = BTreeMap::new();
        for line in metrics.lines() {
            let Some(rest) = line.strip_prefix("http_request_phase_seconds_sum{") else { continue };
            let phase = rest.split("phase=\"").nth(1).and_then(|text| text.split('"').next());
            let value = rest.rsplit(' ').next().and_then(|text| text.parse::<f64>().ok());
            if let (Some(phase), Some(value)) = (phase, value) {
                *phases.entry(phase.to_owned()).or_default() += value;
            }
        }
        Ok(phases)
    }
}

/// The account at Daily of a server.
pub(crate) struct Account {
    pub(crate) base_url: String,
    /// With it, tokens are signed by the server itself.
    pub(crate) domain_id: Option<String>,
}

/// What a server is started with besides.
pub(crate) struct More<'a> {
    /// Settings.
    pub(crate) settings: &'a [(&'a str, String)],
    /// What it is told to do.
    pub(crate) told: &'a [&'a str],
}

/// Our own server, as it is shipped, without workers, and a token of each of `subjects`.
pub(crate) async fn core_api(
    program: &Path,
    database: &TestDatabase,
    redis: &TestRedis,
    account: &Account,
    subjects: &[String],
) -> Result<Server> {
    let more = More { settings: &[], told: &["serve", "--no-workers"] };
    core_api_with(program, database, redis, account, subjects, &more).await
}

/// Our own server, with more besides.
pub(crate) async fn core_api_with(
    program: &Path,
    database: &TestDatabase,
    redis: &TestRedis,
    account: &Account,
    subjects: &[String],
    more: &More<'_>,
) -> Result<Server> {
    let port = free_port()?;
    let secret = "development-secret-of-the-bench-0123456789";
    let setting = |command: &mut Command| {
        let url = |role| database.url(role).expose_secret().to_owned();
        command
            .env("CORE_PROFILE", "development")
            .env("CORE_HTTP__BIND", format!("127.0.0.1:{port}"))
            .env("CORE_HTTP__PUBLIC_URL", format!("http://127.0.0.1:{port}"))
            .env("CORE_HTTP__WORKERS", "2")
            .env("CORE_HTTP__RATE_LIMITS", "lifted")
            .env("CORE_DATABASE__APP_URL", url("core_app"))
            .env("CORE_DATABASE__WORKER_URL", url("core_worker"))
            .env("CORE_DATABASE__POOL_SIZE", POOL.to_string())
            .env("CORE_REDIS__URL", redis.url())
            .env("CORE_IDENTITY__HS256_SECRET", secret)
            .env("CORE_DAILY__BASE_URL", &account.base_url)
            .env("CORE_DAILY__API_KEY", "sandbox-api-key")
            .envs(account.domain_id.iter().map(|id| ("CORE_DAILY__DOMAIN_ID", id)))
            .env("CORE_LOG__LEVEL", "off")
            .envs(more.settings.iter().map(|(name, value)| (*name, value)));
    };
    let mut tokens = Vec::new();
    for subject in subjects {
        let mut command = Command::new(program);
        setting(&mut command);
        let output = command.args(["token", "--subject", subject]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tokens.push(String::from_utf8(output.stdout)?.trim().to_owned());
    }
    if more.settings.iter().any(|(name, _)| *name == "CORE_STORAGE__BUCKET") {
        let mut command = Command::new(program);
        setting(&mut command);
        let output = command.args(["bucket", "apply"]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut command = Command::new(program);
    setting(&mut command);
    command.args(more.told);
    let server =
        tokio::task::spawn_blocking(move || Server::start(command, port, tokens, "/readyz"));
    server.await?
}

/// The bare handler.
pub(crate) async fn bare(database: &TestDatabase) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    let url = database.url("postgres").expose_secret().to_owned();
    command.args(["bare-server", "--port", &port.to_string(), "--database", &url]);
    command.args(["--pool", &POOL.to_string()]);
    let path = format!("/v1/appointments/{}", super::APPOINTMENT);
    let server =
        tokio::task::spawn_blocking(move || Server::start(command, port, Vec::new(), &path));
    server.await?
}
