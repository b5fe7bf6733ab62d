use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use restartix_kernel::Clock;
use restartix_webhooks::Sequencer;

use crate::{Failure, Round, Worker};

/// Gives committed events their places and fans them out: the counter is locked here, and never by
/// the change that caused an event.
pub struct WebhookSequencer<S> {
    sequencer: S,
    clock: Arc<dyn Clock>,
}

impl<S: Sequencer> WebhookSequencer<S> {
    /// Events that are sequenced at once.
    const BATCH: u16 = 2_000;

    /// A worker over `sequencer`.
    pub fn new(sequencer: S, clock: Arc<dyn Clock>) -> Self {
        Self { sequencer, clock }
    }
}

#[async_trait(?Send)]
impl<S: Sequencer> Worker for WebhookSequencer<S> {
    fn name(&self) -> &'static str {
        "webhook-sequencer"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let claimed = self.sequencer.sequence(Self::BATCH, self.clock.now()).await?;
        Ok(Round { claimed, postponed: 0 })
    }

    /// No change says that it told something: that would make all of them wait for one another.
    fn idle(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn pace(&self) -> Duration {
        Duration::from_millis(8)
    }
}
