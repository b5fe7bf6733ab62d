//! The workers' loop.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use restartix_kernel::Clock;
use restartix_workflows::{Round, Worker};
use tokio::sync::watch;

/// How long an idle worker waits before it looks again.
const IDLE: Duration = Duration::from_millis(250);
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
                after(round)
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
fn after(round: Round) -> Duration {
    if round.claimed > round.postponed { Duration::ZERO } else { IDLE }
}

/// Twice as long after each failure.
fn backoff(failures: &mut u32) -> Duration {
    *failures = failures.saturating_add(1);
    let factor = 1_u32.checked_shl(*failures).unwrap_or(u32::MAX);
    IDLE.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_hurries_while_there_is_work_and_rests_while_there_is_none() {
        assert_eq!(after(Round { claimed: 16, postponed: 3 }), Duration::ZERO);
        assert_eq!(after(Round { claimed: 2, postponed: 2 }), IDLE);
        assert_eq!(after(Round::default()), IDLE);
    }

    #[test]
    fn pauses_after_failures_grow_to_ten_seconds() {
        let mut failures = 0;
        let pauses: Vec<_> = (0..40).map(|_| backoff(&mut failures).as_millis()).collect();
        assert_eq!(pauses[..6], [500, 1000, 2000, 4000, 8000, 10_000]);
        assert_eq!(pauses[39], 10_000);
    }
}
