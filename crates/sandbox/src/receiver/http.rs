//! HTTP around the receiver: the faults, and what is answered to a delivery.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};

use super::control;
use super::delivery::Delivery;
use super::server::Shared;
use super::switches::Switches;
use crate::faults::Fault;
use crate::journal::Direction;
use crate::listener::StandIn;
use crate::reply::{answered, dropped, slowly};

/// How long an unanswered request is held before its connection drops.
const SILENCE: Duration = Duration::from_secs(600);

/// The greatest body of an answer, in bytes.
const MAX_BODY: u32 = 16 << 20;

impl StandIn for Shared {
    async fn answer(self: Arc<Self>, request: HttpRequest, body: Bytes) -> HttpResponse {
        let path = request.path().to_owned();
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match segments.as_slice() {
            ["hooks", name] if request.method() == "POST" && is_name(name) => {
                self.receive(&request, name, body).await
            }
            ["hooks", _] => HttpResponse::MethodNotAllowed().finish(),
            ["_sandbox", rest @ ..] => control::answer(&self, &request, &body, rest),
            _ => HttpResponse::NotFound().finish(),
        }
    }
}

/// What an endpoint may be called.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

impl Shared {
    async fn receive(
        self: &Arc<Self>,
        request: &HttpRequest,
        name: &str,
        body: Bytes,
    ) -> HttpResponse {
        let now = self.clock.now();
        let (number, fault, switches) = self.open(request, name, &body, now);
        match fault {
            Some(Fault::Drop) => return dropped(),
            Some(Fault::Silence) => {
                self.clock.sleep(SILENCE).await;
                return dropped();
            }
            Some(fault @ (Fault::Unavailable | Fault::TooMany)) => {
                let status = if fault == Fault::TooMany { 429 } else { 503 };
                self.state().journal.close(number, Some(status), false);
                return self.respond(status, &switches);
            }
            None => {}
        }
        if switches.delay_ms > 0 {
            self.clock.sleep(Duration::from_millis(switches.delay_ms)).await;
        }
        let answer = self.take_down(request, name, body, now, number);
        self.announce();
        match answer {
            Some(status) => self.respond(status, &switches),
            None => dropped(),
        }
    }

    /// Writes the request into the journal and looks what befalls it.
    fn open(
        &self,
        request: &HttpRequest,
        name: &str,
        body: &Bytes,
        now: DateTime<Utc>,
    ) -> (u64, Option<Fault>, Switches) {
        let mut state = self.state();
        let path = request.uri().to_string();
        let number = state.journal.open(now, Direction::In, request.method().as_str(), &path, body);
        state.journal.count(now);
        let switches = &mut state.endpoint(name).switches;
        let fault = switches.faults.strike();
        (number, fault, switches.clone())
    }

    /// Judges the delivery and writes it down; the status to answer, or `None` to drop it.
    fn take_down(
        &self,
        request: &HttpRequest,
        name: &str,
        body: Bytes,
        now: DateTime<Utc>,
        number: u64,
    ) -> Option<u16> {
        let mut state = self.state();
        let mut delivery = Delivery::new(state.next_number(), now, name, request, body);
        state.judge(&mut delivery);
        let switches = &mut state.endpoint(name).switches;
        let status = verdict(&delivery, switches);
        let lost = (200..300).contains(&status) && switches.faults.loses_answer();
        let status = (!lost).then_some(status);
        state.keep(delivery, status);
        state.journal.close(number, status, lost);
        status
    }

    fn respond(self: &Arc<Self>, status: u16, switches: &Switches) -> HttpResponse {
        let mut response = answered(status);
        response.insert_header((CONTENT_TYPE, "text/plain"));
        if let Some(wait) =
            switches.retry_after.as_deref().filter(|_| !(200..300).contains(&status))
        {
            response.insert_header((RETRY_AFTER, wait));
        }
        if let Some(place) = &switches.location {
            response.insert_header((LOCATION, place.as_str()));
        }
        let length = usize::try_from(switches.body_bytes.min(MAX_BODY)).unwrap_or_default();
        let body = Bytes::from(vec![b'.'; length]);
        let pause = Duration::from_millis(switches.faults.slow_body_ms);
        slowly(response, body, pause, &self.clock)
    }
}

/// As a careful receiver answers: what is not by the sender is not taken.
fn verdict(delivery: &Delivery, switches: &Switches) -> u16 {
    match delivery.verified {
        Some(false) => 401,
        None if switches.strict => 401,
        _ if switches.refuse_verification
            && delivery.kind.as_deref() == Some("endpoint.verification") =>
        {
            404
        }
        _ => switches.status,
    }
}
