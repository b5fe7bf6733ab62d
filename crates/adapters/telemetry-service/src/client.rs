use std::net::ToSocketAddrs as _;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{Clock, EventId};
use restartix_telemetry::{
    Batch, Hour, PoisonReason, Poisoned, SendError, Tally, TelemetryService,
};
use restartix_tenancy::Tenant;
use serde::Deserialize;
use sha2::Sha256;
use ureq::http::Request;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::place::judge;
use crate::transport::{Answer, Transport};
use crate::{CallError, Config, ConfigError, PublicAddress};

/// What the last call told of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing was asked yet.
    Unknown,
    /// The last call was served.
    Ok,
    /// The last call was not: no answer, a 5xx, or what was sent is not accepted.
    Failing,
}

/// The Telemetry service over HTTP.
pub struct TelemetryClient {
    transport: Transport,
    base: String,
    place: (String, u16),
    key: Arc<[u8]>,
    clock: Arc<dyn Clock>,
    health: Mutex<Health>,
}

/// The answer 422.
#[derive(Deserialize)]
struct Refusal {
    events: Vec<RefusedEvent>,
}

#[derive(Deserialize)]
struct RefusedEvent {
    id: String,
    #[serde(default)]
    reason: String,
}

/// The answer to a question for a tally.
#[derive(Deserialize)]
struct TallyAnswer {
    count: u64,
    /// 16 hexadecimal digits.
    sum: String,
}

impl TelemetryClient {
    /// Everything that is wrong with `config` and can be said without looking at the network.
    pub fn check(config: &Config) -> Result<(), ConfigError> {
        config.check()?;
        Transport::new(config).map(drop)
    }

    /// A client of the service that `config` names. Connects to nothing.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        config.check()?;
        let (host, port, base) = config.place()?;
        Ok(Self {
            transport: Transport::new(config)?,
            base,
            place: (host, port),
            key: config.signing_key()?.into(),
            clock,
            health: Mutex::new(Health::Unknown),
        })
    }

    /// Refuses to go on when the service's name leads to a public address now. A name that leads
    /// nowhere is an outage and no refusal: it is judged again at every connection.
    pub async fn vouch(&self) -> Result<(), PublicAddress> {
        let place = self.place.clone();
        let found = tokio::task::spawn_blocking(move || place.to_socket_addrs()).await;
        match found {
            Ok(Ok(addresses)) => judge(&addresses.collect::<Vec<_>>()),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// What the last call told.
    pub fn health(&self) -> Health {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whether batches are taken now.
    pub async fn probe(&self) -> Result<(), CallError> {
        let uri = format!("{}/healthz", self.base);
        let make = || Request::get(uri).body(Vec::new()).map_err(CallError::internal);
        let asked = self.transport.exchange(make).await;
        let asked = asked.and_then(|Answer { status, .. }| match status {
            200..300 => Ok(()),
            status => Err(CallError::Status { status }),
        });
        self.note(if asked.is_ok() { Health::Ok } else { Health::Failing });
        asked
    }

    fn note(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    async fn post(&self, batch: &Batch) -> Result<Answer, CallError> {
        let (key, uri) = (self.key.clone(), format!("{}/v1/ingest", self.base));
        let (id, timestamp) = (batch.id.to_string(), self.clock.now().timestamp());
        let text = batch.body();
        let make = move || {
            let body = zstd::encode_all(text.as_bytes(), 0).map_err(CallError::internal)?;
            let signature = sign(&key, timestamp, &id, &body)?;
            Request::post(uri)
                .header(CONTENT_TYPE, "application/x-ndjson")
                .header(CONTENT_ENCODING, "zstd")
                .header("idempotency-key", id)
                .header("telemetry-timestamp", timestamp.to_string())
                .header("telemetry-signature", signature)
                .body(body)
                .map_err(CallError::internal)
        };
        self.transport.exchange(make).await
    }

    async fn ask_tally(&self, tenant: &Tenant, hour: Hour) -> Result<Tally, CallError> {
        let target = format!(
            "/v1/tallies?organization_id={}&hour={}",
            tenant.organisation(),
            hour.begins().format("%Y-%m-%dT%H:%M:%SZ")
        );
        let (key, uri) = (self.key.clone(), format!("{}{target}", self.base));
        let timestamp = self.clock.now().timestamp();
        let make = move || {
            let signature = sign(&key, timestamp, &target, &[])?;
            Request::get(uri)
                .header("telemetry-timestamp", timestamp.to_string())
                .header("telemetry-signature", signature)
                .body(Vec::new())
                .map_err(CallError::internal)
        };
        let Answer { status, body } = self.transport.exchange(make).await?;
        if status != 200 {
            return Err(CallError::Status { status });
        }
        let told: TallyAnswer = serde_json::from_slice(&body).map_err(|_| CallError::Unreadable)?;
        let sum = u64::from_str_radix(&told.sum, 16).map_err(|_| CallError::Unreadable)?;
        Ok(Tally { count: told.count, sum })
    }
}

/// `v1=` and the digest over `v1.{timestamp}.{batch}.` and the body as it is sent; of a question, the
/// path and the query stand in the place of the batch.
fn sign(key: &[u8], timestamp: i64, batch: &str, body: &[u8]) -> Result<String, CallError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(CallError::internal)?;
    mac.update(format!("v1.{timestamp}.{batch}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("v1={hex}"))
}

/// What is told of the answer to a batch.
fn judged(batch: &Batch, answer: &Answer) -> Result<(), SendError> {
    match answer.status {
        202 => Ok(()),
        422 => Err(match poison(batch, &answer.body) {
            poison if poison.is_empty() => CallError::Unnamed.into(),
            poison => SendError::Poison(poison),
        }),
        status => Err(CallError::Status { status }.into()),
    }
}

/// The events of the batch that the answer names.
fn poison(batch: &Batch, body: &[u8]) -> Vec<Poisoned> {
    let told = serde_json::from_slice::<Refusal>(body).map(|told| told.events).unwrap_or_default();
    let named = |line: EventId| told.iter().find(|one| one.id.parse() == Ok(line));
    let poisoned = batch.lines.iter().filter_map(|line| {
        let reason = match named(line.id())?.reason.as_str() {
            "schema" => PoisonReason::Schema,
            "unknown_type" => PoisonReason::UnknownType,
            _ => PoisonReason::Other,
        };
        Some(Poisoned { event: line.id(), reason })
    });
    poisoned.collect()
}

#[async_trait]
impl TelemetryService for TelemetryClient {
    async fn send(&self, _tenant: &Tenant, batch: &Batch) -> Result<(), SendError> {
        let began = self.clock.now();
        let sent = match self.post(batch).await {
            Ok(answer) => judged(batch, &answer),
            Err(error) => Err(error.into()),
        };
        let (outcome, health) = match &sent {
            Ok(()) => ("taken", Health::Ok),
            Err(SendError::Poison(_)) => ("poison", Health::Ok),
            Err(SendError::Indigestible(_)) => ("indigestible", Health::Ok),
            Err(SendError::Refused(_)) => ("refused", Health::Failing),
            Err(SendError::Unavailable(_)) => ("unavailable", Health::Failing),
        };
        self.note(health);
        let took = (self.clock.now() - began).to_std().unwrap_or_default();
        metrics::counter!("telemetry_batches_total", "outcome" => outcome).increment(1);
        metrics::histogram!("telemetry_batch_duration_seconds", "outcome" => outcome)
            .record(took.as_secs_f64());
        sent
    }

    async fn tally(&self, tenant: &Tenant, hour: Hour) -> Result<Tally, SendError> {
        let asked = self.ask_tally(tenant, hour).await;
        let outcome = if asked.is_ok() { "answered" } else { "failed" };
        metrics::counter!("telemetry_tallies_total", "outcome" => outcome).increment(1);
        Ok(asked?)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;

    /// What the fixture says was computed with another implementation of HMAC.
    #[test]
    fn the_signature_is_the_published_one() {
        let text = include_str!("../../../../fixtures/telemetry/signature.json");
        let told: Value = serde_json::from_str(text).unwrap();
        let bytes = |name: &str| STANDARD.decode(told[name].as_str().unwrap()).unwrap();
        let timestamp = told["telemetry-timestamp"].as_str().unwrap().parse().unwrap();
        let batch = told["idempotency-key"].as_str().unwrap();
        let made = sign(&bytes("key"), timestamp, batch, &bytes("body")).unwrap();
        assert_eq!(made, told["telemetry-signature"].as_str().unwrap());
        let text = zstd::decode_all(bytes("body").as_slice()).unwrap();
        let golden = include_str!("../../../../fixtures/telemetry/analytics.v1.jsonl");
        assert_eq!(text, golden.as_bytes(), "the body is the golden batch");
    }
}
