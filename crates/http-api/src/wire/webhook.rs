use restartix_kernel::{ExposeSecret, Limit};
use restartix_tenancy::Version;
use restartix_webhooks::{AttemptRecord, Delivery, Endpoint, EventType, FeedEvent, Filters};
use restartix_workflows::{EndpointDraft, EndpointPatch, Failure, Grace, Shown};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Id, Instant, WebhookDeliveryKey, WebhookEndpointKey, invalid, present};
use crate::{Kind, Problem, View};

/// An address that hears of events. Its secrets are not listed.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointView {
    id: WebhookEndpointKey,
    url: String,
    event_types: Vec<String>,
    /// `pending_verification`, `enabled` or `disabled`.
    status: &'static str,
    /// `admin`, `failure` or `gone`; `null` unless disabled.
    disabled_reason: Option<&'static str>,
    version: i32,
}

/// An endpoint with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub struct ShownEndpointView {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// `whsec_` and base64.
    secret: String,
}

/// The endpoints of an organisation: there are 20 at most.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointListView {
    items: Vec<EndpointView>,
    next_cursor: Option<String>,
}

/// An endpoint to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointBody {
    /// https, with a name of the public DNS; at most 2,048 bytes.
    url: String,
    /// Types (`appointment.created`), groups (`appointment.*`) or `*`: 1 to 50.
    event_types: Vec<String>,
}

/// What is to be changed about an endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointPatchBody {
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    event_types: Option<Vec<String>>,
}

/// How to change the secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// Hours for which the old secret signs as well: 0 to 168; 24 unless told.
    #[serde(default = "a_day")]
    grace_hours: u16,
}

const fn a_day() -> u16 {
    24
}

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

impl View for EndpointView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }
}

impl View for ShownEndpointView {
    const SHOWN_ONCE: &'static [&'static str] = &["secret"];

    fn version(&self) -> Option<Version> {
        self.endpoint.version()
    }

    fn resource(&self) -> Option<String> {
        Some(self.endpoint.id.to_string())
    }
}

impl View for EndpointListView {}
impl View for DeliveryView {}
impl View for AttemptListView {}
impl View for FeedView {}
impl View for EventTypeListView {}

impl From<Endpoint> for EndpointView {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: Id(endpoint.id),
            event_types: endpoint.filters.texts(),
            status: endpoint.state.as_str(),
            disabled_reason: endpoint.disabled.map(restartix_webhooks::Disabled::as_str),
            version: endpoint.version.get(),
            url: endpoint.url,
        }
    }
}

impl From<Vec<Endpoint>> for EndpointListView {
    fn from(endpoints: Vec<Endpoint>) -> Self {
        Self { items: endpoints.into_iter().map(Into::into).collect(), next_cursor: None }
    }
}

impl From<Shown> for ShownEndpointView {
    fn from(shown: Shown) -> Self {
        let secret = shown.secret.expose_secret().to_owned();
        Self { endpoint: shown.endpoint.into(), secret }
    }
}

fn filters(texts: &[String]) -> Result<Filters, Failure> {
    Filters::parse(texts).map_err(|_| invalid("/event_types", "unknown_event_type"))
}

impl TryFrom<EndpointBody> for EndpointDraft {
    type Error = Failure;

    fn try_from(body: EndpointBody) -> Result<Self, Failure> {
        Ok(Self { filters: filters(&body.event_types)?, url: body.url })
    }
}

impl TryFrom<EndpointPatchBody> for EndpointPatch {
    type Error = Failure;

    fn try_from(body: EndpointPatchBody) -> Result<Self, Failure> {
        let filters = body.event_types.as_deref().map(filters).transpose()?;
        Ok(Self { url: body.url, filters })
    }
}

impl TryFrom<RotateBody> for Grace {
    type Error = Failure;

    fn try_from(body: RotateBody) -> Result<Self, Failure> {
        Self::hours(body.grace_hours).ok_or(invalid("/grace_hours", "out_of_range"))
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
            next_attempt_at: waits.then(|| delivery.due_at.into()),
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
