//! Control endpoints under `/_sandbox`: for tests, never for the product.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::server::{Shared, State};
use crate::faults::patched;
use crate::reply::pairs;

/// Events on a page at most.
const PAGE: usize = 1000;

/// An answer, or why there is none: a status and a word on it.
type Answer = Result<Value, (u16, String)>;

/// The face for tests.
pub(super) fn answer(
    shared: &Shared,
    request: &HttpRequest,
    body: &[u8],
    segments: &[&str],
) -> HttpResponse {
    let method = request.method().as_str();
    let query = pairs(request.query_string());
    match control(&mut shared.state(), method, segments, &query, body) {
        Ok(body) => HttpResponse::Ok().json(body),
        Err((status, why)) => crate::reply::answered(status).json(json!({ "error": why })),
    }
}

fn control(
    state: &mut State,
    method: &str,
    segments: &[&str],
    query: &BTreeMap<String, String>,
    body: &[u8],
) -> Answer {
    match (method, segments) {
        ("GET", ["events"]) => events(state, query),
        ("GET", ["summary"]) => Ok(json!(state.store.summary)),
        ("GET", ["switches"]) => Ok(json!(state.switches)),
        ("POST", ["switches"]) => {
            let patch = serde_json::from_slice(body).map_err(|error| (400, error.to_string()))?;
            let changed = patched(&state.switches, &patch);
            state.switches = changed.map_err(|error| (400, error.to_string()))?;
            Ok(json!(state.switches))
        }
        ("GET", ["journal"]) => {
            let entries: Vec<_> = state.journal.entries().collect();
            Ok(json!({ "entries": entries, "peak_per_second": state.journal.peak_per_second() }))
        }
        ("DELETE", ["journal"]) => {
            state.journal.clear();
            Ok(json!({ "cleared": true }))
        }
        _ => Err((404, "no such control endpoint".to_owned())),
    }
}

fn events(state: &State, query: &BTreeMap<String, String>) -> Answer {
    let number = |key: &str, usual: u64| match query.get(key) {
        Some(text) => text.parse().map_err(|_| (400, format!("{key} must be a number"))),
        None => Ok(usual),
    };
    let wanted = |event: &Value, key: &str| match (query.get(key), event.get(key)) {
        (None, _) => true,
        (Some(text), Some(Value::String(found))) => text == found,
        (Some(text), Some(found)) => text.parse().is_ok_and(|wanted: Value| wanted == *found),
        (Some(_), None) => false,
    };
    let after = number("after", 0)?;
    let limit = usize::try_from(number("limit", u64::MAX)?).unwrap_or(PAGE).min(PAGE);
    let found: Vec<_> = state
        .store
        .events()
        .filter(|one| one.number > after)
        .filter(|one| {
            ["organization_id", "kind", "type", "id"].iter().all(|key| wanted(&one.event, key))
        })
        .take(limit)
        .collect();
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.number);
    Ok(json!({ "events": found, "next_after": next }))
}
