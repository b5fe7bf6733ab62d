//! The Telemetry service, as something to send to, to vouch for and to watch.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{Clock, Random};
use restartix_postgres::{
    Database, DatabaseConfig, PgSealQueue, PgTelemetryHours, PgTelemetryQueue, PgUnits,
};
use restartix_telemetry::{Alarm, Backlog, BacklogGauge};
use restartix_telemetry_service::{Health, TelemetryClient};
use restartix_workflows::{AuditSealer, Desk, TelemetryForwarder, TelemetryReconciler, Worker};

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

/// Connections of these workers: their own, so that a long backlog keeps no other worker waiting.
const POOL: usize = 4;

/// What seals the audit, and, where a service is named, what carries events there and compares what
/// arrived.
pub(crate) fn workers(
    config: &config::Server,
    client: Option<&Arc<TelemetryClient>>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> anyhow::Result<Vec<Box<dyn Worker>>> {
    let pool = DatabaseConfig { pool_size: POOL, ..config.database.worker() };
    let worker = Database::new(&pool).context("database.worker_url")?;
    let units = Arc::new(PgUnits::new(worker.clone()));
    let desk = Desk::new(units, clock.clone(), random.clone());
    let sealer = PgSealQueue::new(worker.clone());
    let mut workers: Vec<Box<dyn Worker>> =
        vec![Box::new(AuditSealer::new(desk.clone(), sealer, config.signing.clone()))];
    if let (Some(telemetry), Some(client)) = (&config.telemetry, client) {
        let queue = PgTelemetryQueue::new(worker.clone(), clock.clone(), random.clone());
        let hours = PgTelemetryHours::new(worker, clock.clone(), random.clone());
        let (keys, gauge) = (telemetry.keys.clone(), Arc::new(Gauges));
        let forwarder = TelemetryForwarder::new(desk.clone(), queue, client.clone(), keys, gauge);
        workers.push(Box::new(forwarder));
        workers.push(Box::new(TelemetryReconciler::new(desk, hours, client.clone())));
    }
    Ok(workers)
}

/// What waits, for Prometheus.
struct Gauges;

impl BacklogGauge for Gauges {
    fn show(&self, backlog: &Backlog, now: DateTime<Utc>) {
        let count = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let age = backlog.age(now).to_std().unwrap_or_default().as_secs_f64();
        metrics::gauge!("telemetry_backlog_events").set(count(backlog.events));
        metrics::gauge!("telemetry_backlog_age_seconds").set(age);
        metrics::gauge!("telemetry_quarantined_events").set(count(backlog.quarantined));
        metrics::gauge!("telemetry_differing_hours").set(count(backlog.differing));
        for alarm in Alarm::ALL {
            let raised = if backlog.raises(*alarm, now) { 1.0 } else { 0.0 };
            metrics::gauge!("telemetry_alarm", "reason" => alarm.as_str()).set(raised);
        }
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
