//! Time and randomness that a test controls.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::{Clock, Random};

/// A clock that stands still until it is told to move; sleepers wake when it passes them.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(watch::Sender::new(now))
    }

    /// Moves the clock by `step`, backwards when negative.
    pub fn advance(&self, step: TimeDelta) {
        self.0.send_modify(|now| *now += step);
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: DateTime<Utc>) {
        self.0.send_replace(now);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.borrow()
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        // The sender lives in `self`, so waiting can only end by reaching the instant.
        let _ = self.0.subscribe().wait_for(|now| *now >= instant).await;
    }
}

/// Randomness from a seed (SplitMix64): repeatable, and no secret.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// Randomness that repeats for the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            for (to, from) in chunk.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_passes_it() {
        let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH));
        let until = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(until).await }
        });
        clock.advance(TimeDelta::minutes(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(TimeDelta::minutes(1));
        sleeper.await.unwrap();
    }

    #[test]
    fn seeded_randomness_repeats() {
        let (mut one, mut two) = ([0; 21], [0; 21]);
        SeededRandom::new(7).fill(&mut one);
        SeededRandom::new(7).fill(&mut two);
        assert_eq!(one, two);
        assert_ne!(one, [0; 21]);
    }
}
