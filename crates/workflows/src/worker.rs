use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;

use crate::Failure;

/// Carries onward what requests began, round after round.
///
/// A worker may be killed at any point of a round, and several of a kind may work side by side:
/// what it takes on is leased, and done again by whoever comes next.
#[async_trait(?Send)]
pub trait Worker {
    /// What logs and metrics call it.
    fn name(&self) -> &'static str;

    /// Deals with what is due now.
    async fn round(&self) -> Result<Round, Failure>;

    /// How long it rests after a round that got nothing done, unless [`Worker::woken`] ends before.
    fn idle(&self) -> Duration {
        Duration::from_millis(250)
    }

    /// How long after one that did: there may be more at once, or soon more together.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    /// Ends when there may be something to do. Dropped and asked anew between rounds.
    async fn woken(&self) {
        pending::<()>().await;
    }

    /// Finishes what is still under way after the last round.
    async fn finish(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What one round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Pieces of work that were taken on.
    pub claimed: usize,
    /// Of those, the ones to be tried again.
    pub postponed: usize,
}
