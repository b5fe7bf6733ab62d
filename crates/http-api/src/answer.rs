//! The one place that makes an HTTP response: status, headers, log line, counters.

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use restartix_kernel::RequestId;
use restartix_telemetry::{Act, Operation};

use crate::output::Payload;
use crate::{Api, Document, Kind, Output as _, Problem, Refusal, Rendered, network};

/// What is told of a request, in the answer and in the log.
pub(crate) struct Told {
    pub(crate) operation: Operation,
    pub(crate) request: RequestId,
    pub(crate) started: DateTime<Utc>,
    /// What a person is shown in place of a problem.
    pub(crate) refusal: Option<Refusal>,
}

/// What the API's own answers may do in a browser: nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

pub(crate) fn answer(
    api: &Api,
    request: &HttpRequest,
    told: &Told,
    done: Result<Rendered, Problem>,
) -> HttpResponse {
    if let Err(problem) = &done {
        log_problem(&Act { operation: told.operation, request: Some(told.request) }, problem);
    }
    let mut response = match done {
        Ok(rendered) => rendered_response(rendered),
        Err(problem) => refused(api, told, &problem),
    };
    protect(api, response.headers_mut());
    share(api, request, response.headers_mut());
    put(response.headers_mut(), HeaderName::from_static("x-request-id"), told.request);
    trace(api, request, told, response.status());
    response
}

/// What is rendered, as it goes out.
pub(crate) fn rendered_response(rendered: Rendered) -> HttpResponse {
    let Rendered { status, headers, body, .. } = rendered;
    let mut response = match body {
        Payload::Whole(body) => HttpResponse::build(status).body(body),
        Payload::Stream(size, parts) => {
            HttpResponse::build(status).body(SizedStream::new(size, parts))
        }
    };
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    response
}

/// A page where a person asked, a problem where a program did.
fn refused(api: &Api, told: &Told, problem: &Problem) -> HttpResponse {
    let status = problem.kind().status;
    let page = told.refusal.map(|refusal| Document { status, ..refusal(api, problem) });
    let page = page.and_then(|page| page.render().ok());
    let Some(page) = page else { return problem_response(problem, told.request) };
    let mut response = rendered_response(page);
    if let Some(seconds) = problem.retry_seconds() {
        put(response.headers_mut(), header::RETRY_AFTER, seconds);
    }
    response
}

fn problem_response(problem: &Problem, request: RequestId) -> HttpResponse {
    let kind = problem.kind();
    let body = problem.body(&request.to_string());
    let mut response =
        HttpResponse::build(kind.status).content_type("application/problem+json").body(body);
    if kind == Kind::UNAUTHENTICATED {
        let challenge = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = problem.retry_seconds() {
        put(response.headers_mut(), header::RETRY_AFTER, seconds);
    }
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: impl std::fmt::Display) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        headers.insert(name, value);
    }
}

/// Headers that keep browsers and caches from doing more than they should; what the handler set
/// itself stays.
fn protect(api: &Api, headers: &mut HeaderMap) {
    let mut unless_set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(header::CONTENT_SECURITY_POLICY, API_POLICY);
    unless_set(header::REFERRER_POLICY, "no-referrer");
    unless_set(header::CACHE_CONTROL, "no-store");
    if api.config.public_url.starts_with("https://") {
        unless_set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}

/// Lets the pages of configured origins read the answer (Fetch standard, CORS protocol). Tokens
/// travel in a header that a page sets itself, so no credentials of the browser are allowed.
fn share(api: &Api, request: &HttpRequest, headers: &mut HeaderMap) -> bool {
    if api.config.cors_origins.is_empty() {
        return false;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.headers().get(header::ORIGIN) else { return false };
    let known = api.config.cors_origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    if known {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed =
            HeaderValue::from_static("etag, idempotency-replayed, retry-after, x-request-id");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    known
}

/// Answers a browser that asks what a page of another origin may do.
pub(crate) fn preflight(
    api: &Api,
    request: &HttpRequest,
    told: &Told,
    methods: &[Method],
) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    protect(api, headers);
    if share(api, request, headers) {
        let asked =
            HeaderValue::from_static("authorization, content-type, if-match, idempotency-key");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Some(methods) = list(methods) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
    }
    put(headers, HeaderName::from_static("x-request-id"), told.request);
    trace(api, request, told, response.status());
    response
}

/// Methods as a header lists them; `None` for none.
pub(crate) fn list(methods: &[Method]) -> Option<HeaderValue> {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    if names.is_empty() { None } else { HeaderValue::from_str(&names.join(", ")).ok() }
}

fn log_problem(act: &Act, problem: &Problem) {
    let (code, causes) = (problem.kind().code, problem.causes());
    let (operation, request) = (act.operation, act.request.map(|id| id.to_string()));
    let request = request.unwrap_or_default();
    if problem.kind().status.is_server_error() {
        tracing::error!(?operation, %request, code, causes, "failed");
    } else {
        tracing::debug!(?operation, %request, code, causes, "refused");
    }
}

/// The access line and the counters. Neither path nor query: they hold ids and join codes.
fn trace(api: &Api, request: &HttpRequest, told: &Told, status: StatusCode) {
    let took = (api.clock.now() - told.started).to_std().unwrap_or_default();
    let client = network::client(request, &api.config.trusted_proxies);
    let client = client.map(|address| address.to_string()).unwrap_or_default();
    let Told { operation, request, .. } = told;
    let status = status.as_u16();
    let ms = took.as_millis();
    tracing::info!(?operation, %request, status, %ms, client, "answered");

    let operation = operation.as_str();
    let class = match status {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    metrics::counter!("http_requests_total", "operation" => operation, "status" => class)
        .increment(1);
    metrics::histogram!("http_request_duration_seconds", "operation" => operation)
        .record(took.as_secs_f64());
    if status == StatusCode::UNAUTHORIZED.as_u16() {
        metrics::counter!("http_unauthenticated_total", "operation" => operation).increment(1);
    }
}
