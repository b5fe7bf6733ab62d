//! The workers' loop.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use restartix_kernel::Clock;
use restartix_workflows::{Round, Worker};
use tokio::sync::watch;

/// The first pause after a round that failed is twice this.
const STEP: Duration = Duration::from_millis(250);
/// The longest pause after rounds that failed.
const LONGEST: Duration = Duration::from_secs(10);

/// Lets `worker` work until `stop` says so; a round that has begun is finished.
///
/// A round that fails, or panics, is logged, and tried again after a pause that grows.
pub async fn keep_working(worker: &dyn Worker, clock: &dyn Clock, mut stop: watch::Receiver<bool>) {
    let mut failures = 0;
    while !*stop.borrow() {
        let pause = match AssertUnwindSafe(worker.round()).catch_unwind().await {
            Ok(Ok(round)) => {
                failures = 0;
                after(round, worker)
            }
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(worker = worker.name(), error, "a round failed");
                backoff(&mut failures)
            }
            // The panic itself has been logged by the hook.
            Err(_) => backoff(&mut failures),
        };
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = worker.woken(), if failures == 0 => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    if let Err(error) = worker.finish().await {
        let error: &dyn std::error::Error = &error;
        tracing::error!(worker = worker.name(), error, "what was under way was not settled");
    }
}

/// Every worker at once, each at its own pace, until `stop` says so.
pub async fn keep_all_working(
    workers: &[Box<dyn Worker>],
    clock: &dyn Clock,
    stop: &watch::Receiver<bool>,
) {
    join_all(workers.iter().map(|worker| keep_working(&**worker, clock, stop.clone()))).await;
}

/// A round that got something done is followed at once: there may be more.
fn after(round: Round, worker: &dyn Worker) -> Duration {
    if round.claimed > round.postponed { worker.pace() } else { worker.idle() }
}

/// Twice as long after each failure.
fn backoff(failures: &mut u32) -> Duration {
    *failures = failures.saturating_add(1);
    let factor = 1_u32.checked_shl(*failures).unwrap_or(u32::MAX);
    STEP.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use restartix_workflows::Failure;

    /// Keeps to the usual pauses.
    struct Idler;

    #[async_trait(?Send)]
    impl Worker for Idler {
        fn name(&self) -> &'static str {
            "idler"
        }

        async fn round(&self) -> Result<Round, Failure> {
            Ok(Round::default())
        }
    }

    #[test]
    fn a_worker_hurries_while_there_is_work_and_rests_while_there_is_none() {
        let idle = Idler.idle();
        assert_eq!(after(Round { claimed: 16, postponed: 3 }, &Idler), Duration::ZERO);
        assert_eq!(after(Round { claimed: 2, postponed: 2 }, &Idler), idle);
        assert_eq!(after(Round::default(), &Idler), idle);
    }

    #[test]
    fn pauses_after_failures_grow_to_ten_seconds() {
        let mut failures = 0;
        let pauses: Vec<_> = (0..40).map(|_| backoff(&mut failures).as_millis()).collect();
        assert_eq!(pauses[..6], [500, 1000, 2000, 4000, 8000, 10_000]);
        assert_eq!(pauses[39], 10_000);
    }
}
