//! Control endpoints under `/_sandbox`: for tests, never for the product.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};

use super::seen::{Object, Unfinished};
use super::state::State;
use crate::faults::patched;
use crate::reply::answered;

/// An answer, or why there is none: a status and a word on it.
type Answer = Result<Value, (u16, String)>;

/// The face for tests. Its requests are not written down.
pub(super) fn answer(
    state: &mut State,
    request: &HttpRequest,
    body: &[u8],
    segments: &[&str],
) -> HttpResponse {
    match control(state, request.method().as_str(), body, segments) {
        Ok(body) => HttpResponse::Ok().json(body),
        Err((status, why)) => answered(status).json(json!({ "error": why })),
    }
}

fn control(state: &mut State, method: &str, body: &[u8], segments: &[&str]) -> Answer {
    match (method, segments) {
        ("GET", ["switches"]) => shown(&state.switches),
        ("POST", ["switches"]) => {
            let patch = serde_json::from_slice(body).map_err(|error| refused(&error))?;
            let changed = patched(&state.switches, &patch);
            state.switches = changed.map_err(|error| refused(&error))?;
            shown(&state.switches)
        }
        ("GET", ["buckets"]) => Ok(json!({ "buckets": state.buckets.keys().collect::<Vec<_>>() })),
        ("GET", ["buckets", bucket, "objects"]) => {
            Ok(json!({ "objects": Object::all(state, bucket) }))
        }
        ("GET", ["buckets", bucket, "uploads"]) => {
            Ok(json!({ "uploads": Unfinished::all(state, bucket) }))
        }
        ("GET", ["journal"]) => {
            Ok(json!({ "entries": state.journal.entries().collect::<Vec<_>>() }))
        }
        ("DELETE", ["journal"]) => {
            state.journal.clear();
            Ok(json!({ "cleared": true }))
        }
        _ => Err((404, "no such control endpoint".to_owned())),
    }
}

fn shown(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| (500, error.to_string()))
}

fn refused(error: &impl ToString) -> (u16, String) {
    (400, error.to_string())
}
