//! Events on their way: late, twice, in the wrong order, again after a failure.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::server::Shared;
use super::state::State;
use super::switches::Switches;
use super::webhooks::{RetryType, Webhook};
use crate::journal::Direction;

/// An event for one webhook.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    webhook: Uuid,
    body: Arc<str>,
    due: DateTime<Utc>,
    /// Failures so far.
    attempts: u32,
    /// Waits for an event that overtakes it.
    held: bool,
}

/// Events that are still to be sent, in the order of sending.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<Delivery>);

/// How long an event waits to be overtaken.
const HELD_FOR: TimeDelta = TimeDelta::seconds(2);

impl Outbox {
    /// Puts an event in the queue, as the switches have it.
    pub(super) fn add(
        &mut self,
        webhook: Uuid,
        body: &Arc<str>,
        now: DateTime<Utc>,
        switches: &Switches,
    ) {
        let delay = TimeDelta::try_milliseconds(
            i64::try_from(switches.delay_events_ms).unwrap_or(i64::MAX),
        );
        let due = now.checked_add_signed(delay.unwrap_or(TimeDelta::MAX));
        let due = due.unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut delivery =
            Delivery { webhook, body: Arc::clone(body), due, attempts: 0, held: false };
        let overtaken = self.0.iter().position(|held| held.held && held.webhook == webhook);
        let at = overtaken.unwrap_or(self.0.len());
        if let Some(held) = self.0.get_mut(at) {
            held.held = false;
            held.due = due;
        } else if switches.reorder_events {
            delivery.held = true;
            delivery.due = due.checked_add_signed(HELD_FOR).unwrap_or(due);
        }
        if switches.duplicate_events {
            self.0.insert(at, Delivery { held: false, due, ..delivery.clone() });
        }
        self.0.insert(at, delivery);
    }

    /// Takes out what is due, in order.
    pub(super) fn take_due(&mut self, now: DateTime<Utc>) -> Vec<Delivery> {
        self.0.extract_if(.., |delivery| delivery.due <= now).collect()
    }

    fn next(&self) -> Option<DateTime<Utc>> {
        self.0.iter().map(|delivery| delivery.due).min()
    }
}

/// A webhook request, signed.
pub(super) struct Post {
    url: String,
    timestamp: String,
    signature: String,
    body: Arc<str>,
}

impl Post {
    /// `body` for `webhook`, stamped and signed now.
    pub(super) fn new(
        webhook: &Webhook,
        body: Arc<str>,
        switches: &Switches,
        now: DateTime<Utc>,
    ) -> Self {
        let timestamp = if switches.event_timestamps_in_ms {
            now.timestamp_millis().to_string()
        } else {
            now.timestamp().to_string()
        };
        let signature = webhook.signature(&timestamp, &body, switches.forge_event_signatures);
        Self { url: webhook.url.clone(), timestamp, signature, body }
    }

    /// Sends it from a blocking thread and returns the status; `None` when there was no answer.
    pub(super) async fn send(self, shared: &Arc<Shared>) -> Option<u16> {
        let now = shared.clock.now();
        let number = shared.state().journal.open(
            now,
            Direction::Out,
            "POST",
            &self.url,
            self.body.as_bytes(),
        );
        let agent = shared.agent.clone();
        let sending = tokio::task::spawn_blocking(move || {
            agent
                .post(&self.url)
                .header("content-type", "application/json")
                .header("x-webhook-timestamp", &self.timestamp)
                .header("x-webhook-signature", &self.signature)
                .send(&*self.body)
                .ok()
                .map(|response| response.status().as_u16())
        });
        let status = sending.await.ok().flatten();
        shared.state().journal.close(number, status, false);
        status
    }
}

/// A client that gives up after ten seconds and follows nothing.
pub(super) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into()
}

/// Lives as long as the stand-in: throws people out in time and sends events when they are due.
pub(super) async fn pulse(shared: Arc<Shared>) {
    loop {
        let now = shared.clock.now();
        let (due, next) = {
            let mut state = shared.state();
            state.settle(now);
            let due = state.outbox.take_due(now);
            (due, earliest(state.outbox.next(), state.next_ejection()))
        };
        if !due.is_empty() {
            for delivery in due {
                deliver(&shared, delivery).await;
            }
            continue;
        }
        match next {
            None => shared.changed.notified().await,
            Some(at) => tokio::select! {
                () = shared.changed.notified() => {}
                () = shared.clock.sleep_until(at) => {}
            },
        }
    }
}

fn earliest(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

async fn deliver(shared: &Arc<Shared>, delivery: Delivery) {
    let post = {
        let state = shared.state();
        let webhook = state.webhooks.iter().find(|known| known.id == delivery.webhook);
        webhook.filter(|webhook| !webhook.failed).map(|webhook| {
            Post::new(webhook, delivery.body.clone(), &state.switches, shared.clock.now())
        })
    };
    let Some(post) = post else { return };
    let status = post.send(shared).await;
    let success = status.is_some_and(|status| (200..300).contains(&status));
    shared.state().delivered(delivery, success, shared.clock.now());
}

/// Failures in a row after which a webhook is switched off.
const BREAKS_AFTER: u32 = 3;

/// Repetitions of one event.
const MAX_RETRIES: u32 = 5;

impl State {
    fn delivered(&mut self, delivery: Delivery, success: bool, now: DateTime<Utc>) {
        let known = self.webhooks.iter_mut().find(|webhook| webhook.id == delivery.webhook);
        let Some(webhook) = known else { return };
        if success {
            webhook.failures = 0;
            webhook.last_pushed = Some(now);
            return;
        }
        webhook.failures = webhook.failures.saturating_add(1);
        match webhook.retry {
            RetryType::CircuitBreaker => webhook.failed = webhook.failures >= BREAKS_AFTER,
            RetryType::Exponential if delivery.attempts < MAX_RETRIES => {
                let wait = TimeDelta::seconds(i64::from(1_u32 << delivery.attempts));
                let attempts = delivery.attempts.saturating_add(1);
                let due = now.checked_add_signed(wait).unwrap_or(now);
                self.outbox.0.push(Delivery { attempts, due, ..delivery });
            }
            RetryType::Exponential => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(switches: &Switches, events: &[&str], later: TimeDelta) -> Vec<String> {
        let now = DateTime::UNIX_EPOCH;
        let mut outbox = Outbox::default();
        for event in events {
            outbox.add(Uuid::nil(), &Arc::from(*event), now, switches);
        }
        outbox.take_due(now + later).iter().map(|d| d.body.to_string()).collect()
    }

    #[test]
    fn events_leave_in_order_unless_told_otherwise() {
        let healthy = Switches::default();
        assert_eq!(sent(&healthy, &["a", "b"], TimeDelta::zero()), ["a", "b"]);
        let twice = Switches { duplicate_events: true, ..Switches::default() };
        assert_eq!(sent(&twice, &["a", "b"], TimeDelta::zero()), ["a", "a", "b", "b"]);
    }

    #[test]
    fn a_reordered_event_is_overtaken_or_leaves_alone_after_two_seconds() {
        let reorder = Switches { reorder_events: true, ..Switches::default() };
        assert_eq!(sent(&reorder, &["a", "b", "c"], TimeDelta::zero()), ["b", "a"]);
        assert_eq!(sent(&reorder, &["a", "b", "c"], HELD_FOR), ["b", "a", "c"]);
    }

    #[test]
    fn a_delayed_event_waits() {
        let late = Switches { delay_events_ms: 1500, ..Switches::default() };
        assert!(sent(&late, &["a"], TimeDelta::milliseconds(1499)).is_empty());
        assert_eq!(sent(&late, &["a"], TimeDelta::milliseconds(1500)), ["a"]);
    }
}
