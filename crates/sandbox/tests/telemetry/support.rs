//! A stand-in with a manual clock, and a sender that signs by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{Clock, ManualClock};
use restartix_sandbox::telemetry::{DEFAULT_KEY, Options, Telemetry};
use serde_json::Value;
use sha2::Sha256;

pub(crate) struct Stand {
    pub(crate) telemetry: Telemetry,
    pub(crate) clock: Arc<ManualClock>,
    agent: ureq::Agent,
}

/// A request to be sent, with everything that may be wrong with it.
pub(crate) struct Sent {
    pub(crate) batch: String,
    pub(crate) key: String,
    pub(crate) timestamp: i64,
    pub(crate) encoding: &'static str,
    pub(crate) body: Vec<u8>,
}

/// A batch's id.
pub(crate) fn batch(n: u8) -> String {
    format!("01890a5d-ac96-7000-8000-0000000001{n:02x}")
}

/// An event of organisation 42.
pub(crate) fn event(n: u8) -> String {
    format!(
        concat!(
            r#"{{"v":1,"kind":"analytics","id":"01890a5d-ac96-7000-8000-0000000000{:02x}","#,
            r#""organization_id":42,"occurred_at":"2026-01-01T00:00:01.123456Z","actor":null,"#,
            r#""type":"appointment.started","data":{{"appointment_id":102}}}}"#
        ),
        n
    )
}

impl Stand {
    pub(crate) async fn new(store: Option<PathBuf>) -> Self {
        let start = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let options = Options { clock: clock.clone(), store, ..Options::default() };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        Self { telemetry: Telemetry::start(options).await.unwrap(), clock, agent }
    }

    pub(crate) fn sent(&self, n: u8, events: &[String]) -> Sent {
        let text: String = events.iter().map(|event| format!("{event}\n")).collect();
        Sent {
            batch: batch(n),
            key: DEFAULT_KEY.to_owned(),
            timestamp: (self.clock.now() - TimeDelta::seconds(1)).timestamp(),
            encoding: "zstd",
            body: zstd::encode_all(text.as_bytes(), 0).unwrap(),
        }
    }

    /// The answer's status and body; `None` when there was none.
    pub(crate) async fn post(&self, sent: Sent) -> Option<(u16, Value)> {
        let Sent { batch, key, timestamp, encoding, body } = sent;
        let key = STANDARD.decode(key).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("v1.{timestamp}.{batch}.").as_bytes());
        mac.update(&body);
        let digest = mac.finalize().into_bytes();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = http::Request::post(format!("{}/v1/ingest", self.telemetry.url()))
            .header("content-type", "application/x-ndjson")
            .header("content-encoding", encoding)
            .header("idempotency-key", batch)
            .header("telemetry-timestamp", timestamp.to_string())
            .header("telemetry-signature", format!("v1={hex}"))
            .body(body)
            .unwrap();
        self.exchange(request).await
    }

    /// What a control endpoint answers.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.telemetry.url()))
            .body(body.as_bytes().to_vec())
            .unwrap();
        self.exchange(request).await.unwrap()
    }

    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Option<(u16, Value)> {
        let agent = self.agent.clone();
        let exchange = move || {
            let request = agent.configure_request(request).allow_non_standard_methods(true).build();
            let mut answer = agent.run(request).ok()?;
            let body = answer.body_mut().read_to_string().ok()?;
            Some((answer.status().as_u16(), serde_json::from_str(&body).unwrap_or_default()))
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    }
}
