use restartix_kernel::Limit;
use restartix_webhooks::{AttemptRecord, Delivery, EventType, FeedEvent, Job};
use restartix_workflows::{Failure, ReplayFrom};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Id, Instant, WebhookDeliveryKey, WebhookEndpointKey, WebhookJobKey, invalid, present};
use crate::{Kind, Problem, View};

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    id: WebhookDeliveryKey,
    endpoint_id: WebhookEndpointKey,
    /// `webhook-id`.
    event_id: String,
    event_type: &'static str,
    /// `waiting`, `delivered` or `failed`.
    status: &'static str,
    attempts: u32,
    /// Of one that waits: not before this.
    next_attempt_at: Option<Instant>,
    /// Of one that is over: when that was.
    ended_at: Option<Instant>,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    ended_at: Instant,
    /// What the receiver answered; `null` when it did not.
    status: Option<u16>,
    /// Why it does not count; `null` when it does.
    code: Option<&'static str>,
    duration_ms: u32,
    size_bytes: u32,
}

/// The last attempts at a delivery, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptListView {
    items: Vec<AttemptView>,
    next_cursor: Option<String>,
}

/// From where to tell an endpoint everything once more: one of both, or none for all that is kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayBody {
    /// From this place of the feed on: 1 or more.
    #[serde(default, deserialize_with = "present")]
    from_seq: Option<i64>,
    /// From the first event on that is kept since then.
    #[serde(default, deserialize_with = "present")]
    since: Option<Instant>,
}

/// A part of the feed that an endpoint is to hear once more.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    id: WebhookJobKey,
    endpoint_id: WebhookEndpointKey,
    /// `running`, `done` or `cancelled`.
    status: &'static str,
    /// The first and the last place of the feed that it is about.
    from_seq: i64,
    to_seq: i64,
    /// Places that it is about, and those that it has passed.
    total: i64,
    passed: i64,
    /// Deliveries that came of it: what the endpoint does not subscribe to, or what waits for it
    /// anyway, is none.
    queued: u64,
    created_at: Instant,
    ended_at: Option<Instant>,
}

/// A part of the organisation's events.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedView {
    /// As receivers get them; the schemas are those of `/v1/webhook-event-types`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// Ask with it as `after_seq` for what follows; `null` where nothing follows yet.
    next_cursor: Option<String>,
}

/// A type of event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTypeView {
    #[serde(rename = "type")]
    kind: &'static str,
    /// A JSON Schema (2020-12) of the whole body.
    #[schema(value_type = Object)]
    schema: Value,
}

/// Every type of event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTypeListView {
    items: Vec<EventTypeView>,
    next_cursor: Option<String>,
}

impl View for DeliveryView {}

impl View for JobView {
    fn resource(&self) -> Option<String> {
        Some(self.endpoint_id.to_string())
    }
}

impl View for AttemptListView {}
impl View for FeedView {}
impl View for EventTypeListView {}

impl TryFrom<ReplayBody> for ReplayFrom {
    type Error = Failure;

    fn try_from(body: ReplayBody) -> Result<Self, Failure> {
        match (body.from_seq, body.since) {
            (Some(seq), None) if seq >= 1 => Ok(Self::Seq(seq)),
            (None, Some(since)) => Ok(Self::Time(since.into())),
            (None, None) => Ok(Self::Seq(1)),
            (Some(_), None) => Err(invalid("/from_seq", "out_of_range")),
            (Some(_), Some(_)) => Err(invalid("/since", "one_of_from_seq_and_since")),
        }
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            id: Id(job.id),
            endpoint_id: Id(job.endpoint),
            status: job.status.as_str(),
            from_seq: job.first,
            to_seq: job.last,
            total: job.places(),
            passed: job.passed(),
            queued: job.queued,
            created_at: job.created_at.into(),
            ended_at: job.ended_at.map(Into::into),
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let waits = delivery.status == restartix_webhooks::DeliveryStatus::Waiting;
        Self {
            id: Id(delivery.id),
            endpoint_id: Id(delivery.endpoint),
            event_id: format!("evt_{}", delivery.event),
            event_type: delivery.kind.as_str(),
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: waits.then(|| delivery.at.into()),
            ended_at: (!waits).then(|| delivery.at.into()),
        }
    }
}

impl From<Vec<AttemptRecord>> for AttemptListView {
    fn from(attempts: Vec<AttemptRecord>) -> Self {
        let items = attempts.into_iter().map(|attempt| AttemptView {
            ended_at: attempt.at.into(),
            status: attempt.status,
            code: attempt.code.map(restartix_webhooks::FailureCode::as_str),
            duration_ms: attempt.duration_ms,
            size_bytes: attempt.size,
        });
        Self { items: items.collect(), next_cursor: None }
    }
}

impl FeedView {
    /// The events of a page of `limit`.
    pub(crate) fn new(events: &[FeedEvent], limit: Limit) -> Result<Self, Problem> {
        let items: Result<Vec<Value>, _> =
            events.iter().map(|event| serde_json::from_str(&event.body)).collect();
        let full = events.len() >= limit.get();
        let last = events.last().filter(|_| full).map(|event| event.seq.to_string());
        let items = items.map_err(|error| Problem::from(Kind::INTERNAL).because(error))?;
        Ok(Self { items, next_cursor: last })
    }
}

impl EventTypeListView {
    /// The whole catalogue.
    pub(crate) fn all() -> Self {
        let view = |kind: &EventType| EventTypeView { kind: kind.as_str(), schema: kind.schema() };
        Self { items: EventType::ALL.iter().map(view).collect(), next_cursor: None }
    }
}
