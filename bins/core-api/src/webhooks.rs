//! Webhooks: what sends them and keeps their secrets, the workers that carry them, and their gauges.

use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, Utc};
use restartix_kernel::{Clock, Random};
use restartix_postgres::{Database, PgWebhookQueue, PgWebhookWake};
use restartix_sealing::Sealer;
use restartix_webhook_sender::GuardedSender;
use restartix_webhooks::{Backlog, BacklogGauge};
use restartix_workflows::{WebhookDispatcher, WebhookSequencer, WebhookUpkeep, Worker};

use crate::config;

/// What sends webhooks, and what keeps their secrets.
pub(crate) fn outfit(
    config: &config::Server,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> anyhow::Result<(Arc<GuardedSender>, Arc<Sealer>)> {
    let sender = GuardedSender::new(&config.webhooks.sender, clock.clone()).context("webhooks")?;
    let sealer = Sealer::new(config.webhooks.keys.clone(), random.clone());
    Ok((Arc::new(sender), Arc::new(sealer)))
}

/// The workers: places, deliveries, and what is done now and then.
pub(crate) fn workers(
    config: &config::Server,
    database: Database,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> anyhow::Result<Vec<Box<dyn Worker>>> {
    let queue = PgWebhookQueue::new(database, clock.clone(), random.clone());
    let wake = Arc::new(PgWebhookWake::start(&config.database.worker(), clock.clone()));
    let (sender, sealer) = outfit(config, clock, random)?;
    let (time, chance) = (clock.clone(), random.clone());
    let dispatcher = WebhookDispatcher::new(queue.clone(), wake, sender, sealer, time, chance);
    Ok(vec![
        Box::new(WebhookSequencer::new(queue.clone(), clock.clone())),
        Box::new(dispatcher),
        Box::new(WebhookUpkeep::new(queue, clock.clone(), Arc::new(Gauges))),
    ])
}

/// What waits, for Prometheus.
struct Gauges;

/// The upper ends, in seconds, between which organisations are counted by their lag: a gauge for each
/// organisation would have as many labels as there are clinics.
const LAGS: [(&str, f64); 5] =
    [("1s", 1.0), ("10s", 10.0), ("1m", 60.0), ("10m", 600.0), ("1h", 3600.0)];

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn age(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> f64 {
    let age = since.and_then(|since| (now - since).to_std().ok());
    age.unwrap_or_default().as_secs_f64()
}

impl BacklogGauge for Gauges {
    fn show(&self, backlog: &Backlog, now: DateTime<Utc>) {
        metrics::gauge!("webhook_unsequenced_events").set(number(backlog.unsequenced));
        metrics::gauge!("webhook_unsequenced_age_seconds").set(age(backlog.unsequenced_since, now));
        metrics::gauge!("webhook_due_deliveries").set(number(backlog.due));
        metrics::gauge!("webhook_oldest_due_age_seconds").set(age(backlog.due_since, now));
        let longest = backlog.lags.iter().copied().fold(0.0, f64::max);
        metrics::gauge!("webhook_organization_lag_seconds_max").set(longest);
        for (name, seconds) in LAGS {
            let late = backlog.lags.iter().filter(|lag| **lag > seconds).count();
            let late = number(u64::try_from(late).unwrap_or(u64::MAX));
            metrics::gauge!("webhook_organizations_lagging", "longer_than" => name).set(late);
        }
        for (state, count) in &backlog.endpoints {
            metrics::gauge!("webhook_endpoints", "state" => *state).set(number(*count));
        }
    }
}
