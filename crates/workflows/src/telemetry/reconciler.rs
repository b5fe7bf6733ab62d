use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_telemetry::{
    Comparison, DueHour, HourClaim, ReconcileQueue, Tally, TelemetryService,
};
use restartix_tenancy::{ClaimedRows, Tenant};

use crate::{Desk, Failure, Round, Worker};

/// Compares, hour by hour and organisation by organisation, what the Telemetry service says that it has
/// with what it was told, and tells again what differs.
///
/// An hour is compared once it is over, and again whenever something of it was told or sealed since: so
/// what was told late counts, and a line of which the queue never knew is found.
pub struct TelemetryReconciler<Q> {
    desk: Desk,
    queue: ClaimedRows<Q>,
    service: Arc<dyn TelemetryService>,
}

impl<Q: ReconcileQueue> TelemetryReconciler<Q> {
    /// Hours in one round.
    const HOURS: u16 = 16;
    /// How long a claim lasts: longer than a round takes at its worst.
    const LEASE: TimeDelta = TimeDelta::minutes(5);
    /// The pause before an hour is looked at again of which nobody can tell yet.
    const LATER: TimeDelta = TimeDelta::seconds(30);
    /// The pause after an hour was told again.
    const AFTER_REPLAY: TimeDelta = TimeDelta::minutes(1);
    /// How often an hour is told again before somebody has to look.
    const REPLAYS: u32 = 3;
    /// The pause after that.
    const AFTER_DIFFERENCE: TimeDelta = TimeDelta::hours(24);

    /// A reconciler over `queue` and `service`.
    pub fn new(desk: Desk, queue: Q, service: Arc<dyn TelemetryService>) -> Self {
        Self { desk, queue: ClaimedRows::new(queue), service }
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        let claim = HourClaim { hours: Self::HOURS, now, lease: Self::LEASE };
        let mut round = Round::default();
        for row in self.queue.claim(&claim).await? {
            let came_to = self
                .queue
                .run(row, async |tenant, due| {
                    let comparison = self.compare(tenant, &due, now).await;
                    let again = self.queue.source().conclude(tenant, &due, comparison).await?;
                    tell(tenant, &due, comparison, again);
                    Ok::<_, Failure>(comparison)
                })
                .await?;
            round.claimed = round.claimed.saturating_add(1);
            let settled = matches!(came_to, Comparison::Agreed);
            round.postponed = round.postponed.saturating_add(usize::from(!settled));
        }
        Ok(round)
    }

    async fn compare(&self, tenant: &Tenant, due: &DueHour, now: DateTime<Utc>) -> Comparison {
        let later = Comparison::Later(now + Self::LATER);
        let (Ok(Some(before)), Ok(theirs)) =
            (self.ours(tenant, due).await, self.service.tally(tenant, due.hour).await)
        else {
            return later;
        };
        // What arrived while they were asked is in one of the two only.
        match self.ours(tenant, due).await {
            Ok(Some(after)) if after == before => {}
            _ => return later,
        }
        if theirs == before {
            Comparison::Agreed
        } else if due.replays < Self::REPLAYS {
            Comparison::Replay(now + Self::AFTER_REPLAY)
        } else {
            Comparison::Differs(now + Self::AFTER_DIFFERENCE)
        }
    }

    async fn ours(&self, tenant: &Tenant, due: &DueHour) -> Result<Option<Tally>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.telemetry().tally(due.hour).await?)).await
    }
}

fn tell(tenant: &Tenant, due: &DueHour, comparison: Comparison, again: u64) {
    let (organisation, hour) = (tenant.organisation().get(), due.hour.begins());
    match comparison {
        Comparison::Agreed | Comparison::Later(_) => {}
        Comparison::Replay(_) => {
            tracing::warn!(organisation, %hour, again, "an hour differs and is told again");
        }
        Comparison::Differs(_) => {
            tracing::error!(organisation, %hour, "an hour differs, however often it is told");
        }
    }
}

#[async_trait(?Send)]
impl<Q: ReconcileQueue> Worker for TelemetryReconciler<Q> {
    fn name(&self) -> &'static str {
        "telemetry-reconciler"
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }
}
