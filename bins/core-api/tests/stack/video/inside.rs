//! The server in this process, on a clock that can be moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::rt::System;
use anyhow::{Context, Result};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_core_api::config::{Server, Settings};
use restartix_core_api::{App, Metrics, assemble, keep_all_working, listen};
use restartix_kernel::{Clock, SystemClock, SystemRandom};
use restartix_sandbox::daily::Options;
use tokio::sync::watch;

use crate::support::Stack;

/// The system's clock, put forward.
#[derive(Debug, Default)]
pub(crate) struct Shifted(AtomicI64);

impl Shifted {
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        // In small steps: the clock may be moved meanwhile.
        loop {
            let left = instant - self.now();
            if left <= TimeDelta::zero() {
                return;
            }
            let step = left.min(TimeDelta::milliseconds(20));
            SystemClock.sleep_until(SystemClock.now() + step).await;
        }
    }
}

/// A server that runs in a thread of this process until it is dropped.
pub(crate) struct Inside {
    pub(crate) clock: Arc<Shifted>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Inside {
    fn serve(stack: &Stack, clock: Arc<Shifted>) -> Result<Self> {
        let config = Server::read(&Settings::load(None, &stack.environment()))?;
        let (stop, stopped) = watch::channel(false);
        let (ready, told) = mpsc::channel();
        let own = Arc::clone(&clock);
        let thread = std::thread::spawn(move || {
            System::new().block_on(async {
                let (random, metrics) = (Arc::new(SystemRandom), Arc::new(Metrics::none()));
                let App { api, workers, .. } = assemble(&config, own.clone(), random, metrics)?;
                let listening = listen(api, &config.http)?;
                let server = actix_web::rt::spawn(listening.server);
                ready.send(()).context("nobody waits for the server")?;
                keep_all_working(&workers, &*own, &stopped).await;
                listening.handle.stop(false).await;
                server.await.context("the server was lost")?.context("the server failed")
            })
        });
        if told.recv().is_err() {
            let ended = thread.join().map_err(|_| anyhow::anyhow!("the server panicked"))?;
            ended?;
            anyhow::bail!("the server ended before it listened");
        }
        Ok(Self { clock, stop, thread: Some(thread) })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // What went wrong shows in the test's own assertions.
        let _ = self.stop.send(true);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Two clinics' stack whose server and video provider share a clock that can be moved. Nobody is held
/// to a rate.
pub(crate) async fn simulated() -> Result<(Stack, Inside)> {
    let clock = Arc::new(Shifted::default());
    let daily = Options { clock: clock.clone(), ..Options::default() };
    let stack = Stack::prepare(daily, &[("CORE_HTTP__RATE_LIMITS", "lifted")]).await?;
    let inside = Inside::serve(&stack, clock)?;
    Ok((stack, inside))
}
