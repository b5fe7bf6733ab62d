use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// The only source of time. A test moves an hour in no time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The instant now, UTC.
    fn now(&self) -> DateTime<Utc>;

    /// Returns once [`Clock::now`] is at or after `instant`; at once when it already is.
    async fn sleep_until(&self, instant: DateTime<Utc>);

    /// Returns after `length` has passed on this clock.
    async fn sleep(&self, length: std::time::Duration) {
        let length = chrono::TimeDelta::from_std(length).unwrap_or(chrono::TimeDelta::MAX);
        let until = self.now().checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.sleep_until(until).await;
    }
}
