//! Who is in a call, and throwing people out of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Call, Refusal, iso};
use super::join::{Participant, stay};
use super::rooms::Room;
use super::state::State;

/// `GET /rooms/{name}/presence?limit=&userId=`.
pub(super) fn of_room(state: &State, call: &Call<'_>, name: &str) -> Answer {
    let room = state.live_room(name, call.now)?;
    let wanted = call.query.get("userId");
    let present: Vec<Value> = room
        .participants
        .iter()
        .filter(|present| wanted.is_none_or(|wanted| present.user_id == *wanted))
        .map(|present| show(room, present, call.now))
        .collect();
    let page: Vec<&Value> = present.iter().take(call.limit()?).collect();
    Ok(json!({ "total_count": present.len(), "data": page }))
}

/// `GET /presence`: every room with somebody in it.
pub(super) fn of_domain(state: &State, call: &Call<'_>) -> Value {
    let rooms = state.rooms.values().filter(|room| !room.participants.is_empty());
    let all: Map<String, Value> = rooms
        .map(|room| {
            let present = room.participants.iter().map(|present| show(room, present, call.now));
            (room.name.clone(), Value::Array(present.collect()))
        })
        .collect();
    Value::Object(all)
}

fn show(room: &Room, present: &Participant, now: DateTime<Utc>) -> Value {
    json!({
        "room": room.name,
        "id": present.id,
        "userId": present.user_id,
        "userName": present.user_name,
        "joinTime": iso(present.joined_at),
        "duration": stay(present.joined_at, now),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ejection {
    #[serde(default)]
    ids: Vec<Uuid>,
    #[serde(default)]
    user_ids: Vec<String>,
    #[serde(default)]
    ban: bool,
}

/// The greatest number of people in one call of `eject`, in each list.
const MAX_EJECTED: usize = 100;

/// `POST /rooms/{name}/eject`. People who are not there are no error. A ban keeps `user_ids` (and
/// not session ids) out while the meeting is active.
pub(super) fn eject(state: &mut State, call: &Call<'_>, name: &str) -> Answer {
    let request: Ejection = call.parse()?;
    if request.ids.len() > MAX_EJECTED || request.user_ids.len() > MAX_EJECTED {
        return Err(Refusal::invalid("at most 100 ids and 100 user_ids"));
    }
    let room = state.live_room_mut(name, call.now)?;
    let users: BTreeSet<&String> = request.user_ids.iter().collect();
    let ejected: Vec<Uuid> = room
        .participants
        .iter()
        .filter(|present| request.ids.contains(&present.id) || users.contains(&present.user_id))
        .map(|present| present.id)
        .collect();
    if request.ban && room.meeting.is_some() {
        room.banned.extend(request.user_ids);
    }
    for id in &ejected {
        state.depart(name, *id, call.now);
    }
    Ok(json!({ "ejectedIds": ejected }))
}
