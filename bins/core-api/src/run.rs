//! `serve` and `worker`: from start to the signal that ends them.

use std::sync::Arc;

use actix_web::rt::{System, spawn};
use anyhow::Context;
use restartix_daily::Daily;
use restartix_kernel::{Clock, Random, SystemClock, SystemRandom};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::assemble::{App, assemble, storage, workers};
use crate::config;
use crate::metrics::Metrics;
use crate::scanner;
use crate::serve::{GRACE, Listening, listen, listen_for_scrapes};
use crate::telemetry;
use crate::work::keep_all_working;

/// How often measurements are folded.
const FOLD: std::time::Duration = std::time::Duration::from_secs(5);

/// Serves until a signal, then finishes what is under way.
pub(crate) fn serve(config: &config::Server, with_workers: bool) -> anyhow::Result<()> {
    let metrics = Metrics::install()?;
    allow_open_files();
    System::new().block_on(serve_until_signal(config, with_workers, metrics))
}

async fn serve_until_signal(
    config: &config::Server,
    with_workers: bool,
    metrics: Metrics,
) -> anyhow::Result<()> {
    let (clock, random) = system();
    let signals = signals()?;
    let App { api, workers, readiness, storage, telemetry } =
        assemble(config, clock.clone(), random, Arc::new(metrics.clone()))?;
    if let Some(storage) = &storage {
        storage.vouch().await?;
    }
    if let Some(telemetry) = &telemetry {
        telemetry.vouch().await.context("telemetry.url")?;
    }
    let (stop, stopped) = watch::channel(false);
    let workers = with_workers.then(|| {
        let clock = clock.clone();
        spawn(async move { keep_all_working(&workers, &*clock, &stopped).await })
    });
    spawn(async move { readiness.watch().await });
    spawn(fold(metrics, clock));
    let bind = config.http.bind;
    let Listening { addresses, handle, server } =
        listen(api, &config.http).with_context(|| format!("listen on {bind}"))?;
    tracing::info!(?addresses, workers = with_workers, "listening");
    let mut server = spawn(server);
    tokio::select! {
        () = signals => {}
        ended = &mut server => {
            ended.context("the server was lost")?.context("the server failed")?;
            anyhow::bail!("the server ended by itself");
        }
    }
    tracing::info!("stopping: requests and the workers' batch finish first");
    // A receiver that is gone belongs to workers that are.
    let _ = stop.send(true);
    handle.stop(true).await;
    if let Some(workers) = workers
        && tokio::time::timeout(GRACE, workers).await.is_err()
    {
        // What they had claimed is handed out again when its lease ends.
        tracing::warn!("the workers' batch was left unfinished");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Runs the workers until a signal, then finishes their batch.
pub(crate) fn work(config: &config::Server) -> anyhow::Result<()> {
    let metrics = Metrics::install()?;
    allow_open_files();
    System::new().block_on(async {
        let (clock, random) = system();
        let signals = signals()?;
        let daily = Daily::new(&config.daily, clock.clone(), random.clone()).context("daily")?;
        let storage = storage(config, &clock, &random)?;
        let scanner = scanner::port(scanner::clamd(config));
        let stored = storage.map(|storage| (storage.objects(), scanner));
        let mut workers = workers(config, &Arc::new(daily), stored, &clock, &random)?;
        let telemetry = telemetry::client(config, &clock)?;
        if let Some(telemetry) = &telemetry {
            telemetry.vouch().await.context("telemetry.url")?;
        }
        workers.extend(telemetry::workers(config, telemetry.as_ref(), &clock, &random)?);
        spawn(fold(metrics.clone(), clock.clone()));
        if let Some(bind) = config.metrics {
            let Listening { addresses, server, .. } =
                listen_for_scrapes(Arc::new(metrics), bind)
                    .with_context(|| format!("listen on {bind}"))?;
            tracing::info!(?addresses, "listening");
            // It ends with the process: nobody waits for a scrape.
            spawn(server);
        }
        let (stop, stopped) = watch::channel(false);
        let workers = spawn(async move { keep_all_working(&workers, &*clock, &stopped).await });
        tracing::info!("working");
        signals.await;
        tracing::info!("stopping: the batch finishes first");
        let _ = stop.send(true);
        if tokio::time::timeout(GRACE, workers).await.is_err() {
            tracing::warn!("the workers' batch was left unfinished");
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// Lets the process open as many files as the system allows it at most. A socket is one of them, and what is
/// allowed without asking is often less than the connections of a busy worker.
fn allow_open_files() {
    let most = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }) {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "the limit of open files stays as it is");
    }
}

/// Folds what was measured, now and then.
async fn fold(metrics: Metrics, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(FOLD).await;
        metrics.fold();
    }
}

fn system() -> (Arc<dyn Clock>, Arc<dyn Random>) {
    (Arc::new(SystemClock), Arc::new(SystemRandom))
}

/// Listens for SIGTERM and SIGINT from now on; the future ends with the first one.
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
