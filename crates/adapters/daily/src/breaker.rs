use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// What the last calls told of Daily.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing was asked yet.
    Unknown,
    /// The last call was served.
    Ok,
    /// Calls fail: no answer, a 5xx, or our key is not accepted.
    Failing {
        /// The first failure after the last success.
        since: DateTime<Utc>,
    },
}

/// Consecutive failures after which nothing is sent.
const TRIP_AFTER: u32 = 5;

/// How long nothing is sent then; afterwards one call at a time tries.
const REST: TimeDelta = TimeDelta::seconds(10);

/// Spares callers the wait for a service that is down, and the service the calls.
#[derive(Debug)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug)]
struct State {
    health: Health,
    failures: u32,
    /// Nothing is sent before.
    rest_until: DateTime<Utc>,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            health: Health::Unknown,
            failures: 0,
            rest_until: DateTime::<Utc>::MIN_UTC,
        }))
    }

    pub(crate) fn health(&self) -> Health {
        self.state().health
    }

    /// Whether a request may be sent now. Once a rest is over, the first to ask tries for all, and
    /// the others go on resting until it is known how that went.
    pub(crate) fn admits(&self, now: DateTime<Utc>) -> bool {
        let mut state = self.state();
        if state.failures < TRIP_AFTER {
            return true;
        }
        let admitted = now >= state.rest_until;
        if admitted {
            state.rest_until = rest(now);
        }
        admitted
    }

    /// A request was served, or refused for a reason of its own.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        state.health = Health::Ok;
        state.failures = 0;
    }

    /// Daily is there, and asks for patience.
    pub(crate) fn throttled(&self) {
        self.state().failures = 0;
    }

    /// Daily failed at a request.
    pub(crate) fn failed(&self, now: DateTime<Utc>) {
        let mut state = self.state();
        if !matches!(state.health, Health::Failing { .. }) {
            state.health = Health::Failing { since: now };
        }
        state.failures = state.failures.saturating_add(1);
        state.rest_until = rest(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rest(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_add_signed(REST).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_repeated_failures_one_try_at_a_time_until_one_succeeds() {
        let breaker = Breaker::new();
        let start = DateTime::UNIX_EPOCH;
        assert_eq!(breaker.health(), Health::Unknown);
        for _ in 0..TRIP_AFTER {
            assert!(breaker.admits(start));
            breaker.failed(start);
        }
        assert_eq!(breaker.health(), Health::Failing { since: start });
        assert!(!breaker.admits(start + REST / 2));
        assert!(breaker.admits(start + REST), "one tries");
        assert!(!breaker.admits(start + REST), "the others wait for it");
        breaker.succeeded();
        assert!(breaker.admits(start + REST));
        assert_eq!(breaker.health(), Health::Ok);
    }
}
