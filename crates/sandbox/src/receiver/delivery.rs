//! One delivery as it came.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::signature::{Key, Signed};

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// One of the three headers is missing.
    MissingHeader,
    /// The timestamp is none, or more than five minutes off.
    Timestamp,
    /// No signature is by a known secret.
    Signature,
}

/// One POST to an endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Grows by one per delivery of the whole receiver, from 1.
    pub number: u64,
    /// When it came, on the receiver's clock.
    pub received_at: DateTime<Utc>,
    /// The name in the path.
    pub endpoint: String,
    /// `webhook-id`; empty when it is missing.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// The body's `type`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The body's `organization_id`.
    pub organization_id: Option<i64>,
    /// The body's `seq`.
    pub seq: Option<i64>,
    /// How often this endpoint has been sent this id, this time included.
    pub attempt: u32,
    /// It had been accepted before: a repeat that was not needed.
    pub duplicate: bool,
    /// Whether the signature is right; `None` while no secret is known.
    pub verified: Option<bool>,
    /// Why it is not.
    pub fault: Option<Fault>,
    /// The status that was answered; `None` when the connection was dropped.
    pub status: Option<u16>,
    /// Names of the other headers: their values may be secrets.
    pub headers: Vec<String>,
    /// The body, where it is JSON.
    pub body: Value,
    /// The bytes that were signed.
    #[serde(skip)]
    pub bytes: Bytes,
    /// Every header with its value, names in lower case.
    #[serde(skip)]
    pub header_values: BTreeMap<String, String>,
}

impl Delivery {
    /// What `request` brings, not yet judged.
    pub(super) fn new(
        number: u64,
        received_at: DateTime<Utc>,
        endpoint: &str,
        request: &HttpRequest,
        bytes: Bytes,
    ) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let header_values: BTreeMap<_, _> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
            .collect();
        let header = |name: &str| header_values.get(name).cloned().unwrap_or_default();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let number_of = |field: &str| body.get(field).and_then(Value::as_i64);
        Self {
            number,
            received_at,
            endpoint: endpoint.to_owned(),
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            kind: body.get("type").and_then(Value::as_str).map(str::to_owned),
            organization_id: number_of("organization_id"),
            seq: number_of("seq"),
            attempt: 1,
            duplicate: false,
            verified: None,
            fault: None,
            status: None,
            headers: header_values.keys().cloned().collect(),
            body,
            bytes,
            header_values,
        }
    }

    /// Verifies the signature with `keys`; without any there is nothing to be said.
    pub(super) fn judge(&mut self, keys: &[Key]) {
        if keys.is_empty() {
            (self.verified, self.fault) = (None, None);
            return;
        }
        let signatures = self.header_values.get("webhook-signature").map_or("", String::as_str);
        let (id, timestamp, body) = (&*self.id, &*self.timestamp, &*self.bytes);
        let verdict = Signed { id, timestamp, signatures, body }.verify(keys, self.received_at);
        self.verified = Some(verdict.is_ok());
        self.fault = verdict.err();
    }

    /// Whether it was answered with a 2xx.
    pub fn accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}
