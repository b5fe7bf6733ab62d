//! Registered webhooks and their signatures
//! (<https://docs.daily.co/reference/rest-api/webhooks>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{ExposeSecret, RandomExt, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::answer::{Answer, Call, Refusal, iso};
use super::events::EVENT_TYPES;
use super::state::State;

/// What happens after a failed delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RetryType {
    /// The event is lost; three failures in a row switch the webhook off.
    #[default]
    CircuitBreaker,
    /// The event is sent again, at most five times.
    Exponential,
}

/// One registration.
pub(super) struct Webhook {
    pub(super) id: Uuid,
    pub(super) url: String,
    /// Decoded: the signature is made with the bytes, not with their base64.
    key: Vec<u8>,
    pub(super) retry: RetryType,
    event_types: Vec<String>,
    pub(super) failed: bool,
    pub(super) failures: u32,
    pub(super) last_pushed: Option<DateTime<Utc>>,
    created: DateTime<Utc>,
}

impl Webhook {
    /// A registration for all events; `None` when `hmac` is not base64.
    pub(super) fn new(id: Uuid, url: String, hmac: &str, created: DateTime<Utc>) -> Option<Self> {
        Some(Self {
            id,
            url,
            key: STANDARD.decode(hmac).ok()?,
            retry: RetryType::default(),
            event_types: EVENT_TYPES.iter().map(|&kind| kind.to_owned()).collect(),
            failed: false,
            failures: 0,
            last_pushed: None,
            created,
        })
    }

    /// As [`Webhook::new`], from the secret of the command line.
    pub(super) fn subscribed(
        id: Uuid,
        url: String,
        hmac: &Secret,
        created: DateTime<Utc>,
    ) -> Option<Self> {
        Self::new(id, url, hmac.expose_secret(), created)
    }

    pub(super) fn wants(&self, kind: &str) -> bool {
        !self.failed && self.event_types.iter().any(|wanted| wanted == kind)
    }

    /// `X-Webhook-Signature` of `body` sent at `timestamp`; a forged one uses another key.
    pub(super) fn signature(&self, timestamp: &str, body: &str, forged: bool) -> String {
        let mut key = self.key.clone();
        if forged {
            key.push(b'!');
        }
        sign(&key, timestamp, body)
    }

    fn show(&self, domain_id: Uuid) -> Value {
        json!({
            "uuid": self.id,
            "url": self.url,
            "hmac": STANDARD.encode(&self.key),
            "basicAuth": null,
            "retryType": self.retry,
            "eventTypes": self.event_types,
            "state": if self.failed { "FAILED" } else { "ACTIVE" },
            "failedCount": self.failures,
            "lastMomentPushed": self.last_pushed.map(iso),
            "domainId": domain_id,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.created),
        })
    }
}

/// base64(HMAC-SHA256(key, timestamp + "." + body)).
fn sign(key: &[u8], timestamp: &str, body: &str) -> String {
    // A key of any length is a key of HMAC, so the empty answer is never given.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for part in [timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    url: String,
    event_types: Option<Vec<String>>,
    #[serde(default)]
    retry_type: RetryType,
    hmac: Option<String>,
}

/// The registration that `POST /webhooks` asks for. It counts only once its URL has answered the
/// test request with 200.
pub(super) fn requested(state: &State, call: &Call<'_>) -> Result<Webhook, Refusal> {
    let request: Request = call.parse()?;
    if !(request.url.starts_with("http://") || request.url.starts_with("https://")) {
        return Err(Refusal::invalid("url must be an absolute URL"));
    }
    let hmac = request.hmac.unwrap_or_else(|| STANDARD.encode(state.random.bytes::<32>()));
    let mut webhook = Webhook::new(state.random.uuid_v4(), request.url, &hmac, call.now)
        .ok_or_else(|| Refusal::invalid("hmac must be base64"))?;
    if let Some(wanted) = request.event_types {
        if let Some(kind) = wanted.iter().find(|kind| !EVENT_TYPES.contains(&kind.as_str())) {
            return Err(Refusal::invalid(format!("unknown event type '{kind}'")));
        }
        webhook.event_types = wanted;
    }
    webhook.retry = request.retry_type;
    Ok(webhook)
}

/// The end of `POST /webhooks`.
pub(super) fn register(state: &mut State, webhook: Webhook, test: Option<u16>) -> Answer {
    if test != Some(200) {
        let got = test.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        return Err(Refusal::invalid(format!(
            "non-200 status code returned from webhook endpoint, received {got}"
        )));
    }
    let shown = webhook.show(state.account.domain_id);
    state.webhooks.push(webhook);
    Ok(shown)
}

/// `GET /webhooks`.
pub(super) fn list(state: &State) -> Value {
    state.webhooks.iter().map(|webhook| webhook.show(state.account.domain_id)).collect()
}

/// `GET /webhooks/{uuid}`.
pub(super) fn get(state: &State, id: &str) -> Answer {
    let webhook = state.webhooks.iter().find(|webhook| webhook.id.to_string() == id);
    webhook.map(|webhook| webhook.show(state.account.domain_id)).ok_or_else(missing)
}

/// `DELETE /webhooks/{uuid}`.
pub(super) fn delete(state: &mut State, id: &str) -> Answer {
    let before = state.webhooks.len();
    state.webhooks.retain(|webhook| webhook.id.to_string() != id);
    if state.webhooks.len() == before {
        return Err(missing());
    }
    Ok(json!({ "deleted": true }))
}

fn missing() -> Refusal {
    Refusal::not_found("webhook not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computed_vector_is_reproduced() {
        let hmac = "cmVzdGFydGl4LWxvY2FsLWRhaWx5LXdlYmhvb2sta2V5";
        let body = r#"{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-0001","payload":{"room":"rtx-0001","user_id":"2d3f3a54-7c0e-4c1a-9a57-5d0f9b3f0001","joined_at":1767225600},"event_ts":1767225601}"#;
        let webhook = Webhook::new(Uuid::nil(), String::new(), hmac, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(
            webhook.signature("1767225602", body, false),
            "Z4qDpkILAz+amVdBO3tyigJV9PrCQ+VKjLYTfpNdUDA="
        );
        assert_ne!(
            webhook.signature("1767225602", body, true),
            webhook.signature("1767225602", body, false)
        );
    }
}
