//! The baseline without a database: the same sender posts the same bytes to the same receiver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use restartix_kernel::{Clock, SystemClock};
use restartix_webhook_sender::{Config, GuardedSender};
use restartix_webhooks::{Dispatch, WebhookSender, sign};

use super::stage::{CLINICS, Stage};

/// Under way at once: as many as the caps of the dispatcher let through for as many endpoints, so that
/// there are as many connections as the worker has.
pub(super) const UNDER_WAY: usize = 8 * CLINICS;
/// With so many the sender is at its best on a loopback; told beside it, and compared with nothing.
pub(super) const FEWER: usize = 256;

/// Where the id stands in a body: `{"id":"evt_...` and a UUID.
const ID: std::ops::Range<usize> = 7..47;

/// Posts every body once, on one thread, as the worker does; how long it took.
pub(super) fn post(stage: &Stage, bodies: &[String], under_way: usize) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(posted(stage, bodies, under_way))
}

async fn posted(stage: &Stage, bodies: &[String], under_way: usize) -> Result<Duration> {
    let config = Config { allow_loopback: true, ..Config::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sender = GuardedSender::new(&config, clock.clone())?;
    let (url, next) = (stage.url(), AtomicUsize::new(0));
    let secrets = [stage.clinics.secret.clone()];
    let begun = Instant::now();
    let poster = || async {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(body) = bodies.get(number) else { return anyhow::Ok(()) };
            let (id, timestamp) = (body.get(ID).context("an id")?, clock.now());
            let signature = sign(&secrets, id, timestamp, body.as_bytes());
            let dispatch =
                Dispatch { url: &url, headers: &[], id, timestamp, signature: &signature, body };
            let attempt =
                WebhookSender::send(&sender, stage.clinics.tenant(number)?, dispatch).await;
            ensure!(attempt.outcome == Ok(204), "{:?}", attempt.outcome);
        }
    };
    try_join_all((0..under_way).map(|_| poster())).await?;
    Ok(begun.elapsed())
}
