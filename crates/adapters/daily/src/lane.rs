use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::CallError;

/// How a lane keeps to one of Daily's limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Requests under way at once.
    pub(crate) seats: usize,
    /// Starts are so far apart: never a burst.
    pub(crate) spacing: TimeDelta,
    /// Requests that Daily can meet within any one second.
    pub(crate) a_second: usize,
}

/// The endpoints that share one of Daily's limits
/// (<https://docs.daily.co/reference/rest-api#rate-limits>).
///
/// Daily counts when requests arrive, and some travel slower than others: even spacing alone is no
/// promise. A request arrives between its start and its end, so none starts while as many as a second
/// may hold are under way, or ended less than a second ago.
#[derive(Debug)]
pub(crate) struct Lane {
    pace: Pace,
    seats: Arc<Semaphore>,
    /// Whoever holds it has the next turn; the others queue.
    gate: tokio::sync::Mutex<()>,
    /// Nobody starts before.
    next: Mutex<DateTime<Utc>>,
    recent: Arc<Mutex<Recent>>,
}

/// The requests that Daily may have met within the last second.
#[derive(Debug, Default)]
struct Recent {
    under_way: usize,
    ended: VecDeque<DateTime<Utc>>,
}

/// A request's place in a lane, until it is over: also when nobody waits for its answer any more.
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
    recent: Arc<Mutex<Recent>>,
    clock: Arc<dyn Clock>,
}

const SECOND: TimeDelta = TimeDelta::seconds(1);
/// Until it is looked again whether one of the requests has ended.
const A_MOMENT: TimeDelta = TimeDelta::milliseconds(10);

impl Recent {
    /// When one more may start; `None` when it may now.
    fn room_at(&mut self, now: DateTime<Utc>, a_second: usize) -> Option<DateTime<Utc>> {
        while self.ended.front().is_some_and(|ended| *ended + SECOND <= now) {
            self.ended.pop_front();
        }
        if self.under_way + self.ended.len() < a_second {
            return None;
        }
        Some(self.ended.front().map_or(now + A_MOMENT, |ended| *ended + SECOND))
    }
}

impl Lane {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            seats: Arc::new(Semaphore::new(pace.seats)),
            gate: tokio::sync::Mutex::new(()),
            next: Mutex::new(DateTime::<Utc>::MIN_UTC),
            recent: Arc::default(),
        }
    }

    /// Waits for a seat and for a turn. [`CallError::Busy`] when the turn comes after `deadline`.
    ///
    /// The next turn is counted from the instant at which this one is really taken: whoever wakes
    /// late must not start together with those behind.
    pub(crate) async fn enter(
        &self,
        clock: &Arc<dyn Clock>,
        deadline: DateTime<Utc>,
    ) -> Result<Seat, CallError> {
        let permit = Arc::clone(&self.seats).acquire_owned().await.map_err(CallError::internal)?;
        let _turn = self.gate.lock().await;
        loop {
            let now = clock.now();
            let next = self.next_start(now);
            if now.max(next) > deadline {
                return Err(CallError::Busy);
            }
            if now >= next {
                *self.next() = now.checked_add_signed(self.pace.spacing).unwrap_or(now);
                locked(&self.recent).under_way += 1;
                let (recent, clock) = (Arc::clone(&self.recent), Arc::clone(clock));
                return Ok(Seat { _permit: permit, recent, clock });
            }
            clock.sleep_until(next).await;
        }
    }

    fn next_start(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let spaced = *self.next();
        locked(&self.recent).room_at(now, self.pace.a_second).map_or(spaced, |at| at.max(spaced))
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
        locked(&self.next)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let now = self.clock.now();
        let mut recent = locked(&self.recent);
        recent.under_way = recent.under_way.saturating_sub(1);
        recent.ended.push_back(now);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::ManualClock;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    fn lane(spacing: i64, a_second: usize) -> Arc<Lane> {
        let spacing = TimeDelta::milliseconds(spacing);
        Arc::new(Lane::new(Pace { seats: 9, spacing, a_second }))
    }

    #[tokio::test]
    async fn turns_are_spaced_and_a_pause_holds_for_all() {
        let lane = lane(60, 9);
        let clock = Arc::new(ManualClock::at(at(0)));
        let enter = |deadline| {
            let (lane, clock) = (Arc::clone(&lane), Arc::clone(&clock));
            let clock: Arc<dyn Clock> = clock;
            tokio::spawn(async move { lane.enter(&clock, at(deadline)).await.map(drop) })
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

    #[tokio::test]
    async fn none_starts_while_a_seconds_worth_may_still_arrive() {
        let lane = lane(1, 2);
        let clock = Arc::new(ManualClock::at(at(0)));
        let on: Arc<dyn Clock> = clock.clone();
        let slow = lane.enter(&on, at(5000)).await.ok().unwrap();
        clock.set(at(10));
        drop(lane.enter(&on, at(5000)).await.ok().unwrap());
        let third = tokio::spawn({
            let (lane, on) = (Arc::clone(&lane), on.clone());
            async move { lane.enter(&on, at(5000)).await.map(drop) }
        });
        clock.set(at(1009));
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "one is under way, and one ended 999 ms ago");
        clock.set(at(1010));
        third.await.unwrap().unwrap();
        drop(slow);
    }
}
