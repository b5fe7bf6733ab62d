use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::StoreError;
use restartix_webhooks::{Backlog, Upkeep};

use super::PgWebhookQueue;
use crate::call::definer_call;
use crate::error::store_error;

/// Jobs that one call brings further.
const JOBS: i32 = 8;
/// What one sweep takes.
const SWEPT: i32 = 5_000;

definer_call! {
    /// Brings jobs a piece further; how many.
    ReplayWebhooks<'a> {
        jobs: i32 => Integer,
        events: i32 => Integer,
        now: &'a DateTime<Utc> => Timestamptz,
    } = "replay_webhooks" -> Integer
}

definer_call! {
    /// Forgets what leads nowhere; how much.
    SweepWebhooks<'a> {
        limit: i32 => Integer,
        before: &'a DateTime<Utc> => Timestamptz,
        now: &'a DateTime<Utc> => Timestamptz,
    } = "sweep_webhooks" -> Integer
}

definer_call! {
    /// Makes weeks that are missing, and drops those that are over; whether any.
    KeepWebhookWeeks<'a> {
        now: &'a DateTime<Utc> => Timestamptz,
    } = "keep_webhook_weeks" -> Bool
}

definer_call! {
    /// How everybody's webhooks fare.
    WebhookBacklog<'a> {
        now: &'a DateTime<Utc> => Timestamptz,
    } = "webhook_backlog" -> (
        BigInt, Nullable<Timestamptz>, BigInt, Nullable<Timestamptz>, Array<Double>,
        BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt
    )
}

type Moment = Option<DateTime<Utc>>;
type BacklogRow = (i64, Moment, i64, Moment, Vec<f64>, i64, i64, i64, i64, i64, i64, i64);

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[async_trait]
impl Upkeep for PgWebhookQueue {
    async fn replay(&self, events: u16, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = ReplayWebhooks { jobs: JOBS, events: i32::from(events), now: &now };
        let done: i32 = call.get_result(&mut connection).await.map_err(store_error)?;
        Ok(usize::try_from(done).unwrap_or_default())
    }

    async fn sweep(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = SweepWebhooks { limit: SWEPT, before: &before, now: &now };
        let swept: i32 = call.get_result(&mut connection).await.map_err(store_error)?;
        Ok(usize::try_from(swept).unwrap_or_default())
    }

    async fn keep_weeks(&self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut connection = self.database.connection().await?;
        KeepWebhookWeeks { now: &now }.get_result(&mut connection).await.map_err(store_error)
    }

    async fn backlog(&self, now: DateTime<Utc>) -> Result<Backlog, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = WebhookBacklog { now: &now };
        let row: BacklogRow = call.get_result(&mut connection).await.map_err(store_error)?;
        let (
            unsequenced,
            unsequenced_since,
            due,
            due_since,
            lags,
            closed,
            open,
            half_open,
            ramping,
            paused,
            disabled,
            pending,
        ) = row;
        Ok(Backlog {
            unsequenced: count(unsequenced),
            unsequenced_since,
            due: count(due),
            due_since,
            lags,
            endpoints: vec![
                ("closed", count(closed)),
                ("open", count(open)),
                ("half_open", count(half_open)),
                ("slow_start", count(ramping)),
                ("paused", count(paused)),
                ("disabled", count(disabled)),
                ("pending_verification", count(pending)),
            ],
        })
    }
}
