//! Stand-ins as commands: each listens on 127.0.0.1, prints one JSON line when it does, and ends
//! on Ctrl-C or SIGTERM.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use restartix_kernel::Secret;
use restartix_sandbox::daily::{Daily, Options, Subscription};
use restartix_sandbox::receiver::{self, Receiver};
use restartix_sandbox::s3::{self, S3};
use restartix_sandbox::telemetry::{self, Telemetry};
use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

/// Local stand-ins for the outside systems of the platform.
#[derive(Parser)]
#[command(name = "restartix-sandbox")]
struct Arguments {
    #[command(subcommand)]
    stand_in: StandIn,
}

#[derive(Subcommand)]
enum StandIn {
    /// Daily.co, the video provider.
    Daily(DailyArguments),
    /// A receiver of webhooks: `POST /hooks/{name}`.
    Receiver(ReceiverArguments),
    /// The Telemetry service: `POST /v1/ingest`.
    Telemetry(TelemetryArguments),
    /// S3, the store of files.
    S3(S3Arguments),
}

#[derive(clap::Args)]
struct DailyArguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The API key that requests must carry and that signs tokens.
    #[arg(long)]
    api_key: Option<String>,
    /// The domain id (UUID) that self-signed tokens must carry as `d`.
    #[arg(long)]
    domain_id: Option<Uuid>,
    /// A webhook that is registered from the start, without the test request.
    #[arg(long, requires = "webhook_hmac")]
    webhook_url: Option<String>,
    /// The webhook's secret, base64.
    #[arg(long, requires = "webhook_url")]
    webhook_hmac: Option<String>,
    /// HIPAA mode: chosen room names are refused.
    #[arg(long)]
    hipaa: bool,
}

#[derive(clap::Args)]
struct ReceiverArguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Refuse what cannot be verified because no secret was told yet.
    #[arg(long)]
    strict: bool,
}

#[derive(clap::Args)]
struct TelemetryArguments {
    /// The address to listen on: loopback or private.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What signs batches: base64 of at least 32 bytes.
    #[arg(long)]
    key: Option<String>,
    /// The directory that keeps what comes; without one it is forgotten at the end.
    #[arg(long)]
    store: Option<PathBuf>,
}

#[derive(clap::Args)]
struct S3Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The id of the access key.
    #[arg(long, requires = "secret_access_key")]
    access_key_id: Option<String>,
    /// The secret of the access key.
    #[arg(long, requires = "access_key_id")]
    secret_access_key: Option<String>,
    /// The region that signatures must be for.
    #[arg(long)]
    region: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().stand_in {
        StandIn::Daily(arguments) => daily(arguments).await,
        StandIn::Receiver(arguments) => receiver(arguments).await,
        StandIn::Telemetry(arguments) => telemetry(arguments).await,
        StandIn::S3(arguments) => s3(arguments).await,
    }
}

async fn daily(arguments: DailyArguments) -> anyhow::Result<()> {
    let mut options = Options { port: arguments.port, ..Options::default() };
    if let Some(api_key) = arguments.api_key {
        options.api_key = Secret::from(api_key);
    }
    if let Some(domain_id) = arguments.domain_id {
        options.domain_id = domain_id;
    }
    if let (Some(url), Some(hmac)) = (arguments.webhook_url, arguments.webhook_hmac) {
        options.webhooks.push(Subscription { url, hmac: Secret::from(hmac) });
    }
    options.switches.hipaa = arguments.hipaa;
    // Signals first: one that comes while the port is taken must not be lost.
    let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
    let daily = Daily::start(options).await.context("Daily's stand-in did not start")?;
    announce("daily", daily.url())?;
    until_told(terminate).await?;
    daily.stop().await.context("Daily's stand-in did not stop")
}

async fn receiver(arguments: ReceiverArguments) -> anyhow::Result<()> {
    let mut options = receiver::Options { port: arguments.port, ..receiver::Options::default() };
    options.switches.strict = arguments.strict;
    let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
    let receiver = Receiver::start(options).await.context("the receiver did not start")?;
    announce("receiver", receiver.url())?;
    until_told(terminate).await?;
    receiver.stop().await.context("the receiver did not stop")
}

async fn telemetry(arguments: TelemetryArguments) -> anyhow::Result<()> {
    let TelemetryArguments { address, port, key, store } = arguments;
    let mut options = telemetry::Options { address, port, store, ..telemetry::Options::default() };
    if let Some(key) = key {
        options.key = Secret::from(key);
    }
    let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
    let telemetry = Telemetry::start(options).await.context("the stand-in did not start")?;
    announce("telemetry", telemetry.url())?;
    until_told(terminate).await?;
    telemetry.stop().await.context("the stand-in did not stop")
}

async fn s3(arguments: S3Arguments) -> anyhow::Result<()> {
    let mut options = s3::Options { port: arguments.port, ..s3::Options::default() };
    if let (Some(id), Some(secret)) = (arguments.access_key_id, arguments.secret_access_key) {
        options.access_key_id = id;
        options.secret_access_key = Secret::from(secret);
    }
    if let Some(region) = arguments.region {
        options.region = region;
    }
    let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
    let s3 = S3::start(options).await.context("S3's stand-in did not start")?;
    announce("s3", s3.url())?;
    until_told(terminate).await?;
    s3.stop().await.context("S3's stand-in did not stop")
}

/// Until Ctrl-C or SIGTERM.
async fn until_told(mut terminate: Signal) -> anyhow::Result<()> {
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended.context("Ctrl-C cannot be heard"),
        _ = terminate.recv() => Ok(()),
    }
}

/// One JSON line, for the program that started this one.
fn announce(stand_in: &str, url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::json!({ "stand_in": stand_in, "url": url }))?;
    out.flush().context("standard output is closed")
}
