//! How the server's dependencies fare.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_daily::Daily;
use restartix_http_api::{Dependency, Health, State};
use restartix_kernel::Clock;
use restartix_postgres::Database;
use restartix_postgres::migrate::{SchemaState, schema_state};
use restartix_redis::Redis;
use tokio::sync::Mutex;

/// A vendor that no request waits for: asked in the background, never by whoever asks `readyz`.
#[async_trait(?Send)]
pub(crate) trait Watched {
    /// Its name in `readyz`.
    fn name(&self) -> &'static str;

    /// Whether the last calls were served; `None` before the first.
    fn serves(&self) -> Option<bool>;

    /// Asks one small question, so that [`Watched::serves`] is about now.
    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

#[async_trait(?Send)]
impl Watched for Daily {
    fn name(&self) -> &'static str {
        "daily"
    }

    fn serves(&self) -> Option<bool> {
        match self.health() {
            restartix_daily::Health::Unknown => None,
            restartix_daily::Health::Ok => Some(true),
            restartix_daily::Health::Failing { .. } => Some(false),
        }
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self::probe(self).await?)
    }
}

/// Asks PostgreSQL and Redis, and knows of each vendor what the last call told.
pub struct Readiness {
    database: Database,
    redis: Redis,
    vendors: Vec<Arc<dyn Watched + Send + Sync>>,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Report>>,
}

struct Report {
    at: DateTime<Utc>,
    dependencies: Vec<Dependency>,
}

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How old an answer may be: whoever asks often gets the same one.
const FRESH: TimeDelta = TimeDelta::seconds(1);
/// How long after its last word a vendor is asked: often while it fails, so that its return is
/// noticed soon, and seldom else.
const WHILE_FAILING: Duration = Duration::from_secs(2);
const WHILE_SERVED: Duration = Duration::from_secs(15);

impl Readiness {
    /// Asks over `database`, which should be a pool of its own: a busy pool is no dead database.
    pub(crate) fn new(
        database: Database,
        redis: Redis,
        vendors: Vec<Arc<dyn Watched + Send + Sync>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { database, redis, vendors, clock, last: Mutex::new(None) }
    }

    /// Keeps asking the vendors, for as long as it is polled.
    pub async fn watch(&self) {
        join_all(self.vendors.iter().map(|vendor| self.watch_one(&**vendor))).await;
    }

    async fn watch_one(&self, vendor: &dyn Watched) {
        loop {
            let failing = vendor.serves() == Some(false);
            let probed = vendor.probe().await;
            if let Err(error) = &probed
                && !failing
            {
                let error: &dyn std::error::Error = &**error;
                tracing::warn!(vendor = vendor.name(), error, "a vendor does not answer");
            }
            let pause = if probed.is_ok() { WHILE_SERVED } else { WHILE_FAILING };
            self.clock.sleep(pause).await;
        }
    }

    async fn ask_postgres(&self) -> Dependency {
        let (state, code) = match tokio::time::timeout(PATIENCE, schema_state(&self.database)).await
        {
            Ok(Ok(SchemaState::Current)) => (State::Ok, None),
            Ok(Ok(SchemaState::TooOld(missing))) => {
                tracing::warn!(?missing, "the schema is too old: run `core-api migrate`");
                (State::Down, Some("schema_too_old"))
            }
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "PostgreSQL does not answer");
                (State::Down, Some("unreachable"))
            }
            Err(_) => (State::Down, Some("timed_out")),
        };
        Dependency { name: "postgres", state, critical: true, code }
    }

    async fn ask_redis(&self) -> Dependency {
        let (state, code) = match tokio::time::timeout(PATIENCE, self.redis.probe()).await {
            Ok(Ok(())) => (State::Ok, None),
            Ok(Err(_)) | Err(_) => (State::Down, Some("unreachable")),
        };
        Dependency { name: "redis", state, critical: false, code }
    }
}

fn state(vendor: &dyn Watched) -> Dependency {
    let (state, code) = match vendor.serves() {
        Some(true) => (State::Ok, None),
        None => (State::Ok, Some("not_asked_yet")),
        Some(false) => (State::Down, Some("failing")),
    };
    Dependency { name: vendor.name(), state, critical: false, code }
}

#[async_trait]
impl Health for Readiness {
    async fn report(&self) -> Vec<Dependency> {
        // Held while asking: those who come meanwhile get the same answer and ask nobody.
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let fresh = last.as_ref().filter(|report| (now - report.at).abs() < FRESH);
        if let Some(report) = fresh {
            return report.dependencies.clone();
        }
        let (postgres, redis) = tokio::join!(self.ask_postgres(), self.ask_redis());
        let vendors = self.vendors.iter().map(|vendor| state(&**vendor));
        let dependencies: Vec<_> = [postgres, redis].into_iter().chain(vendors).collect();
        *last = Some(Report { at: now, dependencies: dependencies.clone() });
        dependencies
    }
}
