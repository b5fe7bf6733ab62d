//! A receiver with a manual clock, and a sender that signs by itself.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{Clock, ManualClock, Secret};
use restartix_sandbox::receiver::{Options, Receiver};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub(crate) const OTHER: &str = "whsec_YW5vdGhlcnNlY3JldHRoYXRpc2xvbmdlbm91Z2g=";

pub(crate) struct Stand {
    pub(crate) receiver: Receiver,
    pub(crate) clock: Arc<ManualClock>,
    agent: ureq::Agent,
}

/// An answer, out of its clothes.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        let start = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let options = Options { clock: clock.clone(), ..Options::default() };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        Self { receiver: Receiver::start(options).await.unwrap(), clock, agent }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(crate) fn tell(&self, name: &str, secrets: &[&str]) {
        let secrets: Vec<_> = secrets.iter().map(|one| Secret::from(*one)).collect();
        self.receiver.tell(name, &secrets).unwrap();
    }

    /// Event `seq` of organisation 1, signed with `secrets`, to the endpoint `name`.
    pub(crate) async fn send(&self, name: &str, seq: i64, secrets: &[&str]) -> Option<Answer> {
        let body = json!({
            "id": format!("evt_{seq}"), "type": "appointment.created", "organization_id": 1,
            "seq": seq, "data": { "object": "appointment", "id": 102, "version": 1 },
        });
        self.send_body(name, &format!("evt_{seq}"), &body.to_string(), secrets).await
    }

    pub(crate) async fn send_body(
        &self,
        name: &str,
        id: &str,
        body: &str,
        secrets: &[&str],
    ) -> Option<Answer> {
        let timestamp = self.clock.now().timestamp().to_string();
        let signatures: Vec<_> = secrets
            .iter()
            .map(|secret| sign(secret, &format!("{id}.{timestamp}.{body}")))
            .collect();
        let mut request = http::Request::post(self.receiver.hook(name))
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("x-tenant-key", "a secret of the receiver's");
        if !signatures.is_empty() {
            request = request.header("webhook-signature", signatures.join(" "));
        }
        self.exchange(request.body(body.to_owned()).unwrap()).await
    }

    /// A control request.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/_sandbox{path}", self.receiver.url()))
            .body(text)
            .unwrap();
        let answer = self.exchange(request).await.unwrap();
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    async fn exchange(&self, request: http::Request<String>) -> Option<Answer> {
        let agent = self.agent.clone();
        let exchange = move || {
            let request = agent.configure_request(request).allow_non_standard_methods(true).build();
            let mut answer = agent.run(request).ok()?;
            let header = |name: &str| {
                answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
            };
            let (retry_after, location) = (header("retry-after"), header("location"));
            let status = answer.status().as_u16();
            let body = answer.body_mut().read_to_string().ok()?;
            Some(Answer { status, retry_after, location, body })
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    }
}

/// A signature as the specification has it, made apart from the receiver's own code.
fn sign(secret: &str, content: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(content.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
