use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::lock::Mutex;
use restartix_kernel::Clock;
use restartix_webhooks::{BacklogGauge, Upkeep};

use crate::{Failure, Round, Worker};

/// Brings replays further, a piece at a time; sweeps, keeps the weeks of what is over, and shows how it all
/// fares, now and then.
pub struct WebhookUpkeep<U> {
    upkeep: U,
    clock: Arc<dyn Clock>,
    gauge: Arc<dyn BacklogGauge>,
    last: Mutex<Last>,
}

/// When it was last done.
#[derive(Default)]
struct Last {
    swept: Option<DateTime<Utc>>,
    weeks_kept: Option<DateTime<Utc>>,
    shown: Option<DateTime<Utc>>,
}

impl<U: Upkeep> WebhookUpkeep<U> {
    /// Events of one job that are queued at once.
    const PIECE: u16 = 500;
    /// How often the gauges are set.
    const SHOWN: TimeDelta = TimeDelta::seconds(5);
    /// How often what leads nowhere is looked for.
    const SWEPT: TimeDelta = TimeDelta::minutes(10);
    /// How often weeks are made and dropped: once a process has begun, and every day.
    pub const WEEKS_KEPT: TimeDelta = TimeDelta::hours(24);
    /// For how long events are kept: five weeks. Partitions go by weeks, this by the day.
    pub const KEPT: TimeDelta = TimeDelta::days(35);

    /// A worker over `upkeep` that shows what waits on `gauge`.
    pub fn new(upkeep: U, clock: Arc<dyn Clock>, gauge: Arc<dyn BacklogGauge>) -> Self {
        Self { upkeep, clock, gauge, last: Mutex::default() }
    }
}

fn is_due(last: Option<DateTime<Utc>>, every: TimeDelta, now: DateTime<Utc>) -> bool {
    last.is_none_or(|last| now - last >= every)
}

#[async_trait(?Send)]
impl<U: Upkeep> Worker for WebhookUpkeep<U> {
    fn name(&self) -> &'static str {
        "webhook-upkeep"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.clock.now();
        let mut last = self.last.lock().await;
        if is_due(last.shown, Self::SHOWN, now) {
            last.shown = Some(now);
            self.gauge.show(&self.upkeep.backlog(now).await?, now);
        }
        let mut claimed = self.upkeep.replay(Self::PIECE, now).await?;
        if is_due(last.swept, Self::SWEPT, now) {
            let found = self.upkeep.sweep(now - Self::KEPT, now).await?;
            // There may be more than one sweep takes.
            last.swept = (found == 0).then_some(now);
            claimed += found;
        }
        // The last thing: a table that is in use for too long keeps nothing else waiting.
        if is_due(last.weeks_kept, Self::WEEKS_KEPT, now) {
            claimed += usize::from(self.upkeep.keep_weeks(now).await?);
            last.weeks_kept = Some(now);
        }
        Ok(Round { claimed, postponed: 0 })
    }

    fn pace(&self) -> Duration {
        Duration::from_millis(20)
    }
}
