//! HTTP around the stand-in: the journal, the faults, and which of its three faces is asked.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::answer::{Answer, Call, Refusal};
use super::api::{self, authorise};
use super::delivery::Post;
use super::limits::Class;
use super::server::Shared;
use super::{control, page, webhooks};
use crate::faults::Fault;
use crate::journal::Direction;
use crate::listener::StandIn;
use crate::reply::{answered, dropped, pairs, slowly};

/// How long an unanswered request is held before its connection drops.
const SILENCE: Duration = Duration::from_secs(600);

impl StandIn for Shared {
    async fn answer(self: Arc<Self>, request: HttpRequest, body: Bytes) -> HttpResponse {
        let now = self.clock.now();
        self.state().settle(now);
        let path = request.path().to_owned();
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let call = Call { now, url: &self.url, query: pairs(request.query_string()), body: &body };
        let response = match segments.as_slice() {
            ["v1", rest @ ..] => self.api(&request, &call, rest).await,
            ["_sandbox", rest @ ..] => control::answer(&self, &request, &call, rest),
            [room] => page::answer(&self, &request, &call, room),
            _ => HttpResponse::NotFound().finish(),
        };
        self.changed.notify_one();
        response
    }
}

impl Shared {
    /// Writes a request down.
    pub(super) fn open(&self, request: &HttpRequest, call: &Call<'_>) -> u64 {
        let path = request.uri().to_string();
        let method = request.method().as_str();
        self.state().journal.open(call.now, Direction::In, method, &path, call.body)
    }

    /// Writes down how the request ended, and passes the answer on.
    pub(super) fn close(&self, number: u64, response: HttpResponse) -> HttpResponse {
        self.state().journal.close(number, Some(response.status().as_u16()), false);
        response
    }

    async fn api(
        self: &Arc<Self>,
        request: &HttpRequest,
        call: &Call<'_>,
        segments: &[&str],
    ) -> HttpResponse {
        let number = self.open(request, call);
        let (fault, pause) = {
            let mut state = self.state();
            state.journal.count(call.now);
            let pause = state.switches.faults.slow_body_ms;
            (state.switches.faults.strike(), Duration::from_millis(pause))
        };
        let answer = match fault {
            Some(Fault::Drop) => return dropped(),
            Some(Fault::Silence) => {
                self.clock.sleep(SILENCE).await;
                return dropped();
            }
            Some(Fault::Unavailable) => Err(Refusal::unavailable()),
            Some(Fault::TooMany) => Err(Refusal::rate_limited()),
            None => self.endpoint(request, call, segments).await,
        };
        let change = matches!(request.method().as_str(), "POST" | "DELETE");
        if change && answer.is_ok() {
            let mut state = self.state();
            if state.switches.faults.loses_answer() {
                state.journal.close(number, None, true);
                return dropped();
            }
        }
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status, refusal.body),
        };
        let mut response = answered(status);
        response.content_type("application/json");
        self.close(number, slowly(response, body.to_string().into(), pause, &self.clock))
    }

    async fn endpoint(
        self: &Arc<Self>,
        request: &HttpRequest,
        call: &Call<'_>,
        segments: &[&str],
    ) -> Answer {
        let method = request.method().as_str();
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        {
            let mut state = self.state();
            authorise(&state.account.api_key, header)?;
            let admitted = state.limits.admit(Class::of(method, segments), call.now);
            if !admitted && state.switches.rate_limits {
                return Err(Refusal::rate_limited());
            }
            if (method, segments) != ("POST", &["webhooks"]) {
                return api::answer(&mut state, call, method, segments);
            }
        }
        self.register_webhook(call).await
    }

    /// Daily asks the receiver before it registers it; nothing is locked meanwhile.
    async fn register_webhook(self: &Arc<Self>, call: &Call<'_>) -> Answer {
        let (webhook, test) = {
            let state = self.state();
            let webhook = webhooks::requested(&state, call)?;
            let body = json!({ "test": "test" }).to_string().into();
            let test = Post::new(&webhook, body, &state.switches, call.now);
            (webhook, test)
        };
        let status = test.send(self).await;
        webhooks::register(&mut self.state(), webhook, status)
    }
}
