//! HTTP around the stand-in: the faults, and what is answered to a batch.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::control;
use super::server::{Shared, State};
use super::signature::Signed;
use super::store::Tally;
use super::switches::Switches;
use crate::faults::Fault;
use crate::journal::Direction;
use crate::listener::StandIn;
use crate::reply::{answered, dropped, pairs, slowly};

/// How long an unanswered request is held before its connection drops.
const SILENCE: Duration = Duration::from_secs(600);
/// The greatest body, decompressed, in bytes.
const MAX_BODY: u64 = 2 << 20;
/// The longest line, in bytes.
const MAX_LINE: usize = 4096;
/// The most events in a batch.
const MAX_EVENTS: usize = 500;

/// A status and what is said with it.
type Answer = (u16, Value);

impl StandIn for Shared {
    async fn answer(self: Arc<Self>, request: HttpRequest, body: Bytes) -> HttpResponse {
        let path = request.path().to_owned();
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match (request.method().as_str(), segments.as_slice()) {
            ("POST", ["v1", "ingest"]) => self.ingest(&request, &body).await,
            ("GET", ["v1", "tallies"]) => self.tally(&request).await,
            ("GET", ["healthz"]) => {
                let faults = self.state().switches.faults.clone();
                let fault = faults.outage.then(dropped);
                fault.unwrap_or_else(|| HttpResponse::Ok().json(json!({ "status": "ok" })))
            }
            (_, ["v1", "ingest"]) => HttpResponse::MethodNotAllowed().finish(),
            (_, ["_sandbox", rest @ ..]) => control::answer(&self, &request, &body, rest),
            _ => HttpResponse::NotFound().finish(),
        }
    }
}

impl Shared {
    async fn ingest(self: &Arc<Self>, request: &HttpRequest, body: &Bytes) -> HttpResponse {
        let now = self.clock.now();
        let (number, fault, switches) = self.open(request, now);
        match fault {
            Some(Fault::Drop) => return dropped(),
            Some(Fault::Silence) => {
                self.clock.sleep(SILENCE).await;
                return dropped();
            }
            Some(fault @ (Fault::Unavailable | Fault::TooMany)) => {
                let status = if fault == Fault::TooMany { 429 } else { 503 };
                self.state().journal.close(number, Some(status), false);
                return answered(status).json(json!({ "code": "told_to_fail" }));
            }
            None => {}
        }
        if switches.delay_ms > 0 {
            self.clock.sleep(Duration::from_millis(switches.delay_ms)).await;
        }
        let (status, said, lost) = {
            let mut state = self.state();
            let (status, said) = self.take(&mut state, request, body, now);
            let lost = status == 202 && state.switches.faults.loses_answer();
            state.journal.close(number, (!lost).then_some(status), lost);
            (status, said, lost)
        };
        self.announce();
        if lost {
            return dropped();
        }
        let mut response = answered(status);
        response.content_type("application/json");
        let pause = Duration::from_millis(switches.faults.slow_body_ms);
        slowly(response, Bytes::from(said.to_string()), pause, &self.clock)
    }

    /// Writes the request into the journal and looks what befalls it.
    fn open(&self, request: &HttpRequest, now: DateTime<Utc>) -> (u64, Option<Fault>, Switches) {
        let mut state = self.state();
        let path = request.uri().to_string();
        // The body is compressed; what is in it is in the store.
        let number = state.journal.open(now, Direction::In, request.method().as_str(), &path, &[]);
        state.journal.count(now);
        let fault = state.switches.faults.strike();
        (number, fault, state.switches.clone())
    }

    fn take(
        &self,
        state: &mut State,
        request: &HttpRequest,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Answer {
        let header = |name: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let batch = header("idempotency-key");
        let signed = Signed {
            batch,
            timestamp: header("telemetry-timestamp"),
            signature: header("telemetry-signature"),
            body,
        };
        if !self.key.verifies(&signed, now) {
            return (401, json!({ "code": "signature" }));
        }
        let form = (header("content-type"), header("content-encoding"));
        if Uuid::try_parse(batch).is_err() || form != ("application/x-ndjson", "zstd") {
            return refused("headers");
        }
        let Some(text) = decompressed(body) else { return refused("body") };
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        let whole = text.ends_with('\n') && (1..=MAX_EVENTS).contains(&lines.len());
        if !whole || lines.iter().any(|line| line.len() > MAX_LINE) {
            return refused("lines");
        }
        let Ok(events) =
            lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<Vec<Value>, _>>()
        else {
            return refused("json");
        };
        let digests = lines.iter().map(|line| digest(line)).collect();
        self.keep(state, batch, events, digests)
    }

    /// What there is of an organisation's hour.
    async fn tally(self: &Arc<Self>, request: &HttpRequest) -> HttpResponse {
        let now = self.clock.now();
        let (number, fault, switches) = self.open(request, now);
        match fault {
            Some(Fault::Drop) => return dropped(),
            Some(Fault::Silence) => {
                self.clock.sleep(SILENCE).await;
                return dropped();
            }
            Some(Fault::Unavailable | Fault::TooMany) => return answered(503).finish(),
            None => {}
        }
        if switches.delay_ms > 0 {
            self.clock.sleep(Duration::from_millis(switches.delay_ms)).await;
        }
        let (status, said) = self.told(request, now);
        self.state().journal.close(number, Some(status), false);
        answered(status).json(said)
    }

    fn told(&self, request: &HttpRequest, now: DateTime<Utc>) -> Answer {
        let header = |name: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let target = request.uri().path_and_query().map(actix_web::http::uri::PathAndQuery::as_str);
        let signed = Signed {
            batch: target.unwrap_or_default(),
            timestamp: header("telemetry-timestamp"),
            signature: header("telemetry-signature"),
            body: &[],
        };
        if !self.key.verifies(&signed, now) {
            return (401, json!({ "code": "signature" }));
        }
        let query = pairs(request.query_string());
        let organisation = query.get("organization_id").and_then(|text| text.parse().ok());
        let hour = query.get("hour").filter(|hour| hour.parse::<DateTime<Utc>>().is_ok());
        let (Some(organisation), Some(hour)) = (organisation, hour) else {
            return refused("query");
        };
        let Tally { count, sum } = self.state().store.tally(organisation, hour);
        (200, json!({ "count": count, "sum": format!("{sum:016x}") }))
    }

    fn keep(
        &self,
        state: &mut State,
        batch: &str,
        events: Vec<Value>,
        digests: Vec<u64>,
    ) -> Answer {
        let id = |event: &Value| event.get("id").and_then(Value::as_str).map(str::to_owned);
        let disliked =
            |event: &Value| id(event).is_some_and(|id| state.switches.refuse_unnamed.contains(&id));
        if events.iter().any(disliked) {
            let summary = &mut state.store.summary;
            summary.poisoned_batches = summary.poisoned_batches.saturating_add(1);
            return (422, json!({ "code": "told_to_refuse_something" }));
        }
        let poison: Vec<Value> = events
            .iter()
            .filter_map(|event| {
                let (reason, detail) = self.poison(&state.switches, event)?;
                Some(json!({ "id": event.get("id"), "reason": reason, "detail": detail }))
            })
            .collect();
        if !poison.is_empty() {
            let summary = &mut state.store.summary;
            summary.poisoned_batches = summary.poisoned_batches.saturating_add(1);
            return (422, json!({ "code": "events_refused", "events": poison }));
        }
        let organisation = |event: &Value| event.get("organization_id").cloned();
        let mut all = events.iter().map(organisation);
        let first = all.next();
        if all.any(|other| Some(other) != first) {
            return refused("organizations");
        }
        let came = events.len();
        match state.store.keep(batch, events, digests) {
            Ok(new) => {
                let again = came.saturating_sub(new);
                (202, json!({ "batch_id": batch, "accepted": new, "duplicates": again }))
            }
            Err(error) => (500, json!({ "code": "store", "detail": error.to_string() })),
        }
    }

    fn poison(&self, switches: &Switches, event: &Value) -> Option<(&'static str, String)> {
        if let Err(why) = self.schemas.judge(event) {
            return Some(("schema", why));
        }
        let is = |name: &str, told: &[String]| {
            let text = event.get(name).and_then(Value::as_str).unwrap_or_default();
            told.iter().any(|one| one == text)
        };
        if is("id", &switches.refuse_events) {
            return Some(("other", "told to refuse it".to_owned()));
        }
        let kinds = &switches.refuse_types;
        let unknown = is("type", kinds) || is("operation", kinds);
        unknown.then(|| ("unknown_type", "told not to know it".to_owned()))
    }
}

fn refused(what: &str) -> Answer {
    (400, json!({ "code": "malformed", "detail": what }))
}

/// What was compressed, within bounds.
fn decompressed(body: &[u8]) -> Option<String> {
    let mut text = String::new();
    let reader = zstd::Decoder::new(body).ok()?;
    let read = reader.take(MAX_BODY.saturating_add(1)).read_to_string(&mut text).ok()?;
    (u64::try_from(read).ok()? <= MAX_BODY).then_some(text)
}

/// The number that a line adds to a tally, as `fixtures/telemetry` says.
fn digest(line: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(line.as_bytes());
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_golden_batch_comes_to_its_published_sum() {
        let told: Value =
            serde_json::from_str(include_str!("../../../../fixtures/telemetry/tallies.json"))
                .unwrap();
        let golden = include_str!("../../../../fixtures/telemetry/rehab.v1.jsonl");
        let sum = golden.lines().map(digest).fold(0_u64, u64::wrapping_add);
        assert_eq!(told["rehab"]["sum"], format!("{sum:016x}"));
    }
}
