//! HTTP around the stand-in: the journal, the faults, browsers' preflights, and the way to s3s and
//! back.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use http::request::Parts;
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use s3s::S3Result;

use super::arrival::{Arrival, how};
use super::control;
use super::cors::{Wish, granted, names};
use super::fault::refusal;
use super::journal::Asked;
use super::reply::Reply;
use super::server::Front;
use crate::faults::{Fault, spend};
use crate::listener::StandIn;
use crate::reply::dropped;

/// How long an unanswered request is held before its connection drops.
const SILENCE: Duration = Duration::from_secs(600);

impl StandIn for Front {
    /// The largest file in one piece, which S3 itself would take; recordings come in parts.
    const MAX_BODY: usize = 512 << 20;

    async fn answer(self: Arc<Self>, request: HttpRequest, body: Bytes) -> HttpResponse {
        self.shared.state().settle(self.shared.now());
        let path = request.path().to_owned();
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let ["_sandbox", rest @ ..] = segments.as_slice() {
            return control::answer(&mut self.shared.state(), &request, &body, rest);
        }
        let parts = match translated(&request) {
            Ok(parts) => parts,
            Err(error) => return Reply::refused(error).send(&self.shared.clock, Duration::ZERO),
        };
        self.ask(parts, body).await
    }
}

impl Front {
    async fn ask(&self, parts: Parts, body: Bytes) -> HttpResponse {
        let (bucket, key) = place(&parts);
        let number = self.open(&parts, &bucket, key.clone(), body.len());
        let (fault, pause) = {
            let mut state = self.shared.state();
            let pause = Duration::from_millis(state.switches.faults.slow_body_ms);
            let is_counted = !(key.is_empty() && parts.method == http::Method::HEAD);
            let is_over = state.switches.healthy_for.as_mut().is_some_and(|left| {
                let over = *left == 0;
                *left = if is_counted { left.saturating_sub(1) } else { *left };
                over
            });
            let trips = number % 2 == 1 && parts.method != http::Method::PUT;
            let stumbles = state.switches.stumbles && trips;
            let fault =
                is_over.then_some(Fault::Drop).or_else(|| stumbles.then_some(Fault::Unavailable));
            (fault.or_else(|| state.switches.faults.strike()), pause)
        };
        let is_change = matches!(parts.method.as_str(), "PUT" | "POST" | "DELETE");
        let is_head = parts.method == http::Method::HEAD;
        let is_read = parts.method == http::Method::GET;
        let origin = header(&parts, "origin").map(str::to_owned);
        let method = parts.method.to_string();
        let mut reply = match fault {
            Some(Fault::Drop) => return dropped(),
            Some(Fault::Silence) => {
                self.shared.clock.sleep(SILENCE).await;
                return dropped();
            }
            Some(Fault::Unavailable) => {
                Reply::refused(refusal(503, "ServiceUnavailable", "Service is unable to handle it"))
            }
            Some(Fault::TooMany) => {
                Reply::refused(refusal(429, "SlowDown", "Please reduce your request rate."))
            }
            None if parts.method == http::Method::OPTIONS => self.preflight(&parts, &bucket),
            None => self.obey(number, parts, body).await,
        };
        let mut state = self.shared.state();
        if let Some(origin) = &origin {
            let rules = state.buckets.get(&bucket).map(|bucket| &bucket.settings.cors);
            let wish = Wish { origin, method: &method, headers: Vec::new() };
            reply.add(rules.and_then(|rules| granted(rules, &wish)).unwrap_or_default());
        }
        reply.add(vec![("x-amz-request-id", format!("{number:016X}"))]);
        reply.is_head = is_head;
        if is_change && reply.status < 300 && state.switches.faults.loses_answer() {
            state.journal.note(number, |asked| asked.answer_lost = true);
            return dropped();
        }
        reply.is_strange = spend(&mut state.switches.strange_headers);
        if spend(&mut state.switches.redirect) {
            reply.redirect();
        }
        let has_object = is_read && reply.status < 300 && !reply.body.is_empty();
        reply.is_cut = has_object && spend(&mut state.switches.cut_bodies);
        state.journal.note(number, |asked| asked.status = Some(reply.status));
        drop(state);
        reply.send(&self.shared.clock, pause)
    }

    /// Writes a request down.
    fn open(&self, parts: &Parts, bucket: &str, key: String, length: usize) -> u64 {
        let asked = Asked {
            number: 0,
            at: self.shared.now(),
            method: parts.method.to_string(),
            operation: None,
            bucket: bucket.to_owned(),
            key,
            signed: how(parts),
            length,
            status: None,
            answer_lost: false,
        };
        self.shared.state().journal.open(asked)
    }

    /// Through the gate, to s3s and back.
    async fn obey(&self, number: u64, parts: Parts, body: Bytes) -> Reply {
        let arrival = match Arrival::read(&parts, &body, &self.shared.region, self.shared.now()) {
            Ok(arrival) => Arc::new(arrival),
            Err(error) => return Reply::refused(error),
        };
        let mut request = http::Request::from_parts(parts, s3s::Body::from(body));
        request.extensions_mut().insert(Arc::clone(&arrival));
        let answered = self.service.call(request).await;
        let operation = arrival.operation.get().cloned();
        self.shared.state().journal.note(number, |asked| asked.operation = operation);
        let Ok(answered) = answered else {
            return Reply::refused(refusal(500, "InternalError", "s3s gave no answer"));
        };
        let (head, body) = answered.into_parts();
        match body.collect().await {
            Ok(body) => Reply::new(&head, body.to_bytes()),
            Err(_) => Reply::refused(refusal(500, "InternalError", "the answer broke off")),
        }
    }

    /// What a browser asks before it asks.
    fn preflight(&self, parts: &Parts, bucket: &str) -> Reply {
        let forbidden = || {
            let why = "CORSResponse: This CORS request is not allowed.";
            Reply::refused(refusal(403, "AccessForbidden", why))
        };
        let origin = header(parts, "origin");
        let method = header(parts, "access-control-request-method");
        let (Some(origin), Some(method)) = (origin, method) else {
            let why = "Insufficient information. Origin request header needed.";
            return Reply::refused(refusal(400, "BadRequest", why));
        };
        let list = header(parts, "access-control-request-headers").unwrap_or_default();
        let state = self.shared.state();
        let rules = state.buckets.get(bucket).map(|bucket| bucket.settings.cors.as_slice());
        let wish = Wish { origin, method, headers: names(list) };
        let Some(headers) = granted(rules.unwrap_or_default(), &wish) else { return forbidden() };
        let mut reply = Reply::empty(200);
        reply.add(headers);
        reply
    }
}

/// The bucket and the key that a path names.
fn place(parts: &Parts) -> (String, String) {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (bucket.to_owned(), key.to_owned())
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// Actix's request in the words of s3s: another version of the same crate.
fn translated(request: &HttpRequest) -> S3Result<Parts> {
    let wrong = |_| refusal(400, "InvalidRequest", "The request cannot be read");
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut built = http::Request::builder().method(request.method().as_str()).uri(target);
    for (name, value) in request.headers() {
        built = built.header(name.as_str(), value.as_bytes());
    }
    let (parts, ()) = built.body(()).map_err(wrong)?.into_parts();
    Ok(parts)
}
