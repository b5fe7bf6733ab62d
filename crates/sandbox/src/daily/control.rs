//! Control endpoints under `/_sandbox`: for tests, never for the product.

use std::sync::Arc;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answer, Call, Refusal};
use super::join::Participant;
use super::recordings::made_up;
use super::server::Shared;
use super::state::State;
use crate::faults::{patched, spend};
use crate::reply::{answered, broken_off, pairs};

/// The face for tests. Joins and leaves are written down, the rest is not.
pub(super) fn answer(
    shared: &Arc<Shared>,
    request: &HttpRequest,
    call: &Call<'_>,
    segments: &[&str],
) -> HttpResponse {
    let method = request.method().as_str();
    let number = matches!(segments, ["join" | "leave"] | ["download", _])
        .then(|| shared.open(request, call));
    let response = match (method, segments) {
        ("GET", ["download", id]) => download(&mut shared.state(), request, call, id),
        _ => json_answer(control(&mut shared.state(), call, method, segments)),
    };
    match number {
        Some(number) => shared.close(number, response),
        None => response,
    }
}

fn json_answer(answer: Answer) -> HttpResponse {
    match answer {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(refusal) => answered(refusal.status).json(refusal.body),
    }
}

fn control(state: &mut State, call: &Call<'_>, method: &str, segments: &[&str]) -> Answer {
    match (method, segments) {
        ("POST", ["join"]) => join(state, call),
        ("POST", ["leave"]) => leave(state, call),
        ("GET", ["switches"]) => switches(state),
        ("POST", ["switches"]) => {
            let patch = Value::Object(call.object()?);
            state.switches = patched(&state.switches, &patch)
                .map_err(|error| Refusal::invalid(error.to_string()))?;
            switches(state)
        }
        ("GET", ["rooms"]) => Ok(rooms(state, call)),
        ("POST", ["recordings"]) => recording(state, call),
        ("GET", ["journal"]) => {
            let entries: Vec<_> = state.journal.entries().collect();
            Ok(json!({ "entries": entries, "peak_per_second": state.journal.peak_per_second() }))
        }
        ("DELETE", ["journal"]) => {
            state.journal.clear();
            Ok(json!({ "cleared": true }))
        }
        _ => Err(Refusal::not_found("no such control endpoint")),
    }
}

fn switches(state: &State) -> Answer {
    serde_json::to_value(&state.switches)
        .map_err(|error| Refusal::new(500, "server-error", error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    room: Option<String>,
    token: Option<String>,
    /// The URL that a browser would open: `http://127.0.0.1:N/{room}?t=TOKEN`.
    url: Option<String>,
}

impl Join {
    /// The room and the token, from the URL when there is one.
    fn target(self) -> Result<(String, Option<String>), Refusal> {
        match (self.url, self.room) {
            (Some(url), None) => {
                let (path, query) = url.split_once('?').unwrap_or((&url, ""));
                let room = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                Ok((room.to_owned(), pairs(query).remove("t")))
            }
            (None, Some(room)) => Ok((room, self.token)),
            _ => Err(Refusal::invalid("either room or url is needed")),
        }
    }
}

fn join(state: &mut State, call: &Call<'_>) -> Answer {
    let (room, token) = call.parse::<Join>()?.target()?;
    match state.join(&room, token.as_deref(), call.now) {
        Ok(participant) => Ok(json!({
            "admitted": true,
            "room": room,
            "user_id": participant.user_id,
            "is_owner": participant.is_owner,
            "participant_id": participant.id,
        })),
        Err(reason) => {
            Err(Refusal { status: 403, body: json!({ "admitted": false, "reason": reason }) })
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leave {
    participant_id: Uuid,
}

fn leave(state: &mut State, call: &Call<'_>) -> Answer {
    let Leave { participant_id } = call.parse()?;
    let room = state.room_of(participant_id);
    let left = room.is_some_and(|room| state.depart(&room, participant_id, call.now));
    if left { Ok(json!({ "left": true })) } else { Err(Refusal::not_found("nobody left")) }
}

fn rooms(state: &State, call: &Call<'_>) -> Value {
    let shown = state.rooms.values().map(|room| {
        let mut shown = room.show(call.url);
        if let Some(fields) = shown.as_object_mut() {
            let inside = room.participants.iter().map(Participant::show).collect();
            fields.insert("participants".to_owned(), Value::Array(inside));
            fields.insert("banned".to_owned(), json!(room.banned));
            fields.insert("expired".to_owned(), json!(room.expired(call.now)));
        }
        shown
    });
    json!({ "rooms": shown.collect::<Vec<_>>() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRecording {
    room: String,
    /// Bytes of made-up content.
    length: Option<usize>,
    /// The content itself, base64.
    content: Option<String>,
    /// Seconds.
    duration: Option<u32>,
    /// The recording failed with this message.
    error: Option<String>,
}

/// The greatest made-up recording: 64 MiB.
const MAX_RECORDING: usize = 64 << 20;

fn recording(state: &mut State, call: &Call<'_>) -> Answer {
    let request: NewRecording = call.parse()?;
    if let Some(why) = request.error {
        state.failed_recording(&request.room, &why, call.now);
        return Ok(json!({ "failed": true }));
    }
    let content = match request.content {
        Some(text) => {
            STANDARD.decode(text).map_err(|_| Refusal::invalid("content must be base64"))?
        }
        None => {
            let length = request.length.unwrap_or(64 * 1024);
            if length > MAX_RECORDING {
                return Err(Refusal::invalid("length must be at most 64 MiB"));
            }
            made_up(&*state.random, length)
        }
    };
    let started = call.now - TimeDelta::seconds(i64::from(request.duration.unwrap_or(60)));
    Ok(state.finished_recording(&request.room, started, content, call.now))
}

/// What an access link leads to: no key, but a query that must come back byte for byte.
fn download(state: &mut State, request: &HttpRequest, call: &Call<'_>, id: &str) -> HttpResponse {
    let found = state.download(id, request.query_string(), call.now);
    let Some(content) = found.map(Bytes::copy_from_slice) else {
        return HttpResponse::Forbidden().body("the link is not valid");
    };
    if spend(&mut state.switches.cut_downloads) {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        return broken_off(length, content.slice(..content.len() / 2));
    }
    HttpResponse::Ok()
        .content_type("video/mp4")
        .insert_header((CONTENT_LENGTH, content.len()))
        .body(content)
}
