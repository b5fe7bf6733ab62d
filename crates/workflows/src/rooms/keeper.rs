use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_kernel::RandomExt;
use restartix_tenancy::{ClaimedRow, ClaimedRows};
use restartix_video::{ProviderError, VideoProvider};

use super::mend::{Belief, Mender};
use crate::{
    Desk, EventQueue, Failure, Lease, QueuedEvent, Round, Settled, Settlement, Topic, Worker,
};

/// Keeps the rooms at the provider as the appointments say: a room for each that is to be, none for
/// one that was called off.
///
/// An event is a reason to look, not an order: what is done follows from how the appointment stands
/// now. So events may come twice, late or together, and a worker may be killed at any point.
///
/// There are two: one [opens](Self::opening) and one [closes](Self::closing), so that a clinic that calls off
/// a whole day keeps no other's rooms waiting.
pub struct RoomKeeper<Q> {
    mender: Mender,
    topic: Topic,
    queue: ClaimedRows<Q>,
}

impl<Q: EventQueue> RoomKeeper<Q> {
    /// Events claimed at once.
    const BATCH: u16 = 16;
    /// How long a claim lasts: longer than a batch takes at its worst, short enough that a killed
    /// worker's rooms are made within a minute.
    const LEASE: TimeDelta = TimeDelta::seconds(45);
    /// The longest pause between two tries.
    const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(15);

    /// Who opens rooms and moves them, over `queue` and `provider`.
    pub fn opening(desk: Desk, queue: Q, provider: Arc<dyn VideoProvider>) -> Self {
        Self::new(Topic::Video, desk, queue, provider)
    }

    /// Who closes them.
    pub fn closing(desk: Desk, queue: Q, provider: Arc<dyn VideoProvider>) -> Self {
        Self::new(Topic::VideoClosing, desk, queue, provider)
    }

    fn new(topic: Topic, desk: Desk, queue: Q, provider: Arc<dyn VideoProvider>) -> Self {
        let mender = Mender { desk, provider, closes: topic == Topic::VideoClosing };
        Self { mender, topic, queue: ClaimedRows::new(queue) }
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let now = self.mender.desk.clock.now();
        let lease = Lease { topic: self.topic, limit: Self::BATCH, now, length: Self::LEASE };
        let rows = self.queue.claim(&lease).await?;
        // Together: one that the provider keeps waiting must not cost the others their lease. The
        // provider's own adapter bounds how many calls are under way.
        let settled = join_all(rows.into_iter().map(|row| self.deal_with(row))).await;
        if !settled.is_empty() {
            self.queue.source().settle(&settled).await?;
        }
        let postponed = settled.iter().filter(|one| one.settlement != Settlement::Done).count();
        Ok(Round { claimed: settled.len(), postponed })
    }

    async fn deal_with(&self, row: ClaimedRow<QueuedEvent>) -> Settled {
        self.queue
            .run(row, async |tenant, event| {
                let settlement =
                    match self.mender.bring_to(tenant, event.appointment, Belief::Kept).await {
                        Ok(()) => Settlement::Done,
                        Err(failure) => {
                            let error: &dyn std::error::Error = &failure;
                            tracing::warn!(
                                organisation = tenant.organisation().get(),
                                appointment = event.appointment.get(),
                                attempts = event.attempts,
                                error,
                                "a room is not as it should be yet"
                            );
                            Settlement::RetryAt(self.later(event.attempts, &failure))
                        }
                    };
                Settled { event: event.id, lease: event.lease, settlement }
            })
            .await
    }

    /// Twice as long after each try, up to the longest pause, and up to half as much again, so that
    /// what failed together is not tried together. A refusal will not pass by itself: always the
    /// longest.
    fn later(&self, attempts: u32, failure: &Failure) -> DateTime<Utc> {
        let refused = matches!(failure, Failure::Video(ProviderError::Refused(_)));
        let pause = TimeDelta::seconds(1)
            .checked_mul(1_i32.checked_shl(attempts).unwrap_or(i32::MAX).max(1))
            .filter(|pause| *pause < Self::LONGEST_PAUSE && !refused)
            .unwrap_or(Self::LONGEST_PAUSE);
        let jitter = u32::try_from(pause.num_milliseconds() / 2).unwrap_or_default();
        let jitter = TimeDelta::milliseconds(i64::from(self.mender.desk.random.below(jitter)));
        self.mender.desk.clock.now() + pause + jitter
    }
}

#[async_trait(?Send)]
impl<Q: EventQueue> Worker for RoomKeeper<Q> {
    fn name(&self) -> &'static str {
        match self.topic {
            Topic::Video => "rooms",
            Topic::VideoClosing => "rooms-closing",
        }
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }
}
