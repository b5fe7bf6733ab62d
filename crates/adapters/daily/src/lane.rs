use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::CallError;

/// The endpoints that share one of Daily's limits
/// (<https://docs.daily.co/reference/rest-api#rate-limits>).
///
/// Requests start evenly spaced, never in a burst: Daily counts when they arrive, and a burst
/// beside a spaced second would exceed the limit in some window.
#[derive(Debug)]
pub(crate) struct Lane {
    seats: Arc<Semaphore>,
    spacing: TimeDelta,
    /// Whoever holds it has the next turn; the others queue.
    gate: tokio::sync::Mutex<()>,
    /// Nobody starts before.
    next: Mutex<DateTime<Utc>>,
}

impl Lane {
    /// At most `seats` requests under way, their starts `spacing` apart.
    pub(crate) fn new(seats: usize, spacing: TimeDelta) -> Self {
        let next = Mutex::new(DateTime::<Utc>::MIN_UTC);
        let gate = tokio::sync::Mutex::new(());
        Self { seats: Arc::new(Semaphore::new(seats)), spacing, gate, next }
    }

    /// Waits for a seat and for a turn. The seat is held until the request is over, even when
    /// nobody waits for it any more. [`CallError::Busy`] when the turn comes after `deadline`.
    ///
    /// The next turn is counted from the instant at which this one is really taken: whoever wakes
    /// late must not start together with those behind.
    pub(crate) async fn enter(
        &self,
        clock: &dyn Clock,
        deadline: DateTime<Utc>,
    ) -> Result<OwnedSemaphorePermit, CallError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.map_err(CallError::internal)?;
        let _turn = self.gate.lock().await;
        loop {
            let (now, next) = (clock.now(), *self.next());
            if now.max(next) > deadline {
                return Err(CallError::Busy);
            }
            if now >= next {
                *self.next() = now.checked_add_signed(self.spacing).unwrap_or(now);
                return Ok(seat);
            }
            clock.sleep_until(next).await;
        }
    }

    /// Nobody's turn comes before `pause` has passed: Daily said that we are too fast.
    pub(crate) fn pause(&self, now: DateTime<Utc>, pause: Duration) {
        let Some(until) = TimeDelta::from_std(pause).ok().and_then(|p| now.checked_add_signed(p))
        else {
            return;
        };
        let mut next = self.next();
        *next = until.max(*next);
    }

    fn next(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::ManualClock;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    #[tokio::test]
    async fn turns_are_spaced_and_a_pause_holds_for_all() {
        let lane = Arc::new(Lane::new(9, TimeDelta::milliseconds(60)));
        let clock = Arc::new(ManualClock::at(at(0)));
        let enter = |deadline| {
            let (lane, clock) = (Arc::clone(&lane), Arc::clone(&clock));
            tokio::spawn(async move { lane.enter(&*clock, at(deadline)).await.map(drop) })
        };
        enter(1000).await.unwrap().unwrap();
        let second = enter(1000);
        clock.set(at(59));
        tokio::task::yield_now().await;
        assert!(!second.is_finished(), "too soon");
        clock.set(at(90));
        second.await.unwrap().unwrap();
        lane.pause(at(90), Duration::from_millis(500));
        assert!(matches!(enter(589).await.unwrap(), Err(CallError::Busy)), "after the deadline");
        let third = enter(1000);
        clock.set(at(589));
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "paused");
        clock.set(at(590));
        third.await.unwrap().unwrap();
    }
}
