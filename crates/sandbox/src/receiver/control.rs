//! Control endpoints under `/_sandbox`: for tests, never for the product.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use restartix_kernel::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::endpoint::State;
use super::http::is_name;
use super::server::Shared;
use super::switches::Switches;
use crate::faults::patched;
use crate::reply::pairs;

/// Deliveries on a page, unless fewer are asked for.
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
        ("GET", ["endpoints"]) => Ok(json!({ "endpoints": state.summaries() })),
        ("PUT", ["endpoints", name, "secrets"]) if is_name(name) => tell(state, name, body),
        ("GET", ["endpoints", name, "switches"]) if is_name(name) => {
            shown(&state.endpoint(name).switches)
        }
        ("POST", ["endpoints", name, "switches"]) if is_name(name) => {
            let switches = &mut state.endpoint(name).switches;
            *switches = patch(switches, body)?;
            shown(switches)
        }
        ("GET", ["switches"]) => shown(&state.switches),
        ("POST", ["switches"]) => {
            let value: Value = parsed(body)?;
            patch(&state.switches, body)?;
            // The patch is good, so it is good for each endpoint.
            state.switch_all(|switches| {
                if let Ok(changed) = patched(switches, &value) {
                    *switches = changed;
                }
            });
            shown(&state.switches)
        }
        ("GET", ["deliveries"]) => deliveries(state, query),
        ("DELETE", ["deliveries"]) => {
            state.forget();
            Ok(json!({ "cleared": true }))
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    secrets: Vec<String>,
}

fn tell(state: &mut State, name: &str, body: &[u8]) -> Answer {
    let Secrets { secrets } = parsed(body)?;
    let secrets: Vec<Secret> = secrets.into_iter().map(Secret::from).collect();
    if !state.tell(name, &secrets) {
        return Err((400, "a secret must be whsec_ and base64".to_owned()));
    }
    Ok(json!({ "secrets": secrets.len() }))
}

/// One page of what came, and where the next one begins.
fn deliveries(state: &State, query: &BTreeMap<String, String>) -> Answer {
    let wanted = |key: &str, value: Option<&str>| {
        query.get(key).is_none_or(|wanted| Some(wanted.as_str()) == value)
    };
    let number = |key: &str, usual: u64| match query.get(key) {
        Some(text) => text.parse().map_err(|_| (400, format!("{key} must be a number"))),
        None => Ok(usual),
    };
    let after = number("after", 0)?;
    let limit = usize::try_from(number("limit", u64::MAX)?).unwrap_or(PAGE).min(PAGE);
    let found: Vec<_> = state
        .deliveries()
        .filter(|one| one.number > after)
        .filter(|one| wanted("endpoint", Some(&one.endpoint)))
        .filter(|one| wanted("type", one.kind.as_deref()))
        .filter(|one| wanted("id", Some(&one.id)))
        .take(limit)
        .collect();
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.number);
    Ok(json!({ "deliveries": found, "next_after": next }))
}

fn patch(switches: &Switches, body: &[u8]) -> Result<Switches, (u16, String)> {
    let changed = patched(switches, &parsed(body)?).map_err(|error| (400, error.to_string()))?;
    if (200..=599).contains(&changed.status) {
        Ok(changed)
    } else {
        Err((400, "status must be 200 to 599".to_owned()))
    }
}

fn shown(switches: &Switches) -> Answer {
    serde_json::to_value(switches).map_err(|error| (500, error.to_string()))
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(|error| (400, error.to_string()))
}
