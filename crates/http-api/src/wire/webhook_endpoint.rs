use std::collections::BTreeMap;

use restartix_kernel::ExposeSecret;
use restartix_tenancy::Version;
use restartix_webhooks::{Endpoint, Filters, OwnHeaders, RatePerMinute};
use restartix_workflows::{EndpointDraft, EndpointPatch, Failure, Grace, Shown};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, WebhookEndpointKey, invalid, present};
use crate::View;

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
    /// Deliveries a minute at most; `null`: no limit of its own.
    rate_per_minute: Option<u16>,
    /// How many headers of its own go with each delivery. What they are is not told.
    custom_headers: usize,
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
    /// `Authorization` or `X-...`, 10 at most, of visible ASCII; never shown again.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Deliveries a minute at most: 1 to 60,000.
    #[serde(default)]
    rate_per_minute: Option<u16>,
}

/// What is to be changed about an endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointPatchBody {
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    event_types: Option<Vec<String>>,
    /// All of them: those before are forgotten.
    #[serde(default, deserialize_with = "present")]
    headers: Option<BTreeMap<String, String>>,
    /// `null`: no limit of its own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>)]
    rate_per_minute: Option<Option<u16>>,
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
impl From<Endpoint> for EndpointView {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: Id(endpoint.id),
            event_types: endpoint.filters.texts(),
            status: endpoint.state.as_str(),
            disabled_reason: endpoint.disabled.map(restartix_webhooks::Disabled::as_str),
            rate_per_minute: endpoint.rate.map(RatePerMinute::get),
            custom_headers: endpoint.headers,
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

fn headers(pairs: BTreeMap<String, String>) -> Result<OwnHeaders, Failure> {
    OwnHeaders::new(pairs.into_iter().collect()).map_err(|_| invalid("/headers", "header_refused"))
}

fn rate(deliveries: u16) -> Result<RatePerMinute, Failure> {
    RatePerMinute::new(deliveries).ok_or(invalid("/rate_per_minute", "out_of_range"))
}

impl TryFrom<EndpointBody> for EndpointDraft {
    type Error = Failure;

    fn try_from(body: EndpointBody) -> Result<Self, Failure> {
        Ok(Self {
            filters: filters(&body.event_types)?,
            headers: headers(body.headers)?,
            rate: body.rate_per_minute.map(rate).transpose()?,
            url: body.url,
        })
    }
}

impl TryFrom<EndpointPatchBody> for EndpointPatch {
    type Error = Failure;

    fn try_from(body: EndpointPatchBody) -> Result<Self, Failure> {
        let filters = body.event_types.as_deref().map(filters).transpose()?;
        let headers = body.headers.map(headers).transpose()?;
        let rate = body.rate_per_minute.map(|rated| rated.map(rate).transpose()).transpose()?;
        Ok(Self { url: body.url, filters, headers, rate })
    }
}

impl TryFrom<RotateBody> for Grace {
    type Error = Failure;

    fn try_from(body: RotateBody) -> Result<Self, Failure> {
        Self::hours(body.grace_hours).ok_or(invalid("/grace_hours", "out_of_range"))
    }
}
