//! The Telemetry service, as something to send to, to vouch for and to watch.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use chrono::TimeDelta;
use restartix_kernel::{Clock, Random};
use restartix_postgres::{Database, DatabaseConfig, PgTelemetryQueue, PgUnits};
use restartix_telemetry::{Backlog, BacklogGauge};
use restartix_telemetry_service::{Health, TelemetryClient};
use restartix_workflows::{Desk, TelemetryForwarder, Worker};

use crate::config;
use crate::readiness::Watched;

/// The client of the service, where one is named.
pub(crate) fn client(
    config: &config::Server,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<TelemetryClient>>> {
    let Some(telemetry) = &config.telemetry else { return Ok(None) };
    let client = TelemetryClient::new(&telemetry.service, clock.clone()).context("telemetry")?;
    Ok(Some(Arc::new(client)))
}

/// Connections of the forwarder: its own, so that a long backlog keeps no other worker waiting.
const POOL: usize = 2;

/// What carries events to the service, where one is named.
pub(crate) fn forwarder(
    config: &config::Server,
    client: Option<&Arc<TelemetryClient>>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> anyhow::Result<Option<Box<dyn Worker>>> {
    let (Some(telemetry), Some(client)) = (&config.telemetry, client) else { return Ok(None) };
    let pool = DatabaseConfig { pool_size: POOL, ..config.database.worker() };
    let worker = Database::new(&pool).context("database.worker_url")?;
    let units = Arc::new(PgUnits::new(worker.clone()));
    let desk = Desk::new(units, clock.clone(), random.clone());
    let queue = PgTelemetryQueue::new(worker, clock.clone(), random.clone());
    let (service, gauge) = (client.clone(), Arc::new(Gauges));
    let keys = telemetry.keys.clone();
    Ok(Some(Box::new(TelemetryForwarder::new(desk, queue, service, keys, gauge))))
}

/// What waits, for Prometheus.
struct Gauges;

impl BacklogGauge for Gauges {
    fn show(&self, backlog: &Backlog, age: TimeDelta) {
        let count = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let age = age.to_std().unwrap_or_default().as_secs_f64();
        metrics::gauge!("telemetry_backlog_events").set(count(backlog.events));
        metrics::gauge!("telemetry_backlog_age_seconds").set(age);
        metrics::gauge!("telemetry_quarantined_events").set(count(backlog.quarantined));
    }
}

#[async_trait(?Send)]
impl Watched for TelemetryClient {
    fn name(&self) -> &'static str {
        "telemetry"
    }

    fn serves(&self) -> Option<bool> {
        match self.health() {
            Health::Unknown => None,
            Health::Ok => Some(true),
            Health::Failing => Some(false),
        }
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self::probe(self).await?)
    }
}
