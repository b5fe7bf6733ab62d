//! Rooms: made once per name, found, changed, deleted, gone when they expire.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use restartix_kernel::{Random, RandomExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Call, Refusal, iso};
use super::join::Participant;
use super::properties::{MAX_PARTICIPANTS, merge};
use super::state::State;

/// Who gets in without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Privacy {
    /// Anyone who knows the URL. The default, also at Daily: a trap.
    #[default]
    Public,
    /// Nobody.
    Private,
}

/// The time from the first join to the last leave.
#[derive(Clone, Debug)]
pub(super) struct Meeting {
    pub(super) id: Uuid,
    pub(super) started: DateTime<Utc>,
}

/// A room, alive or expired.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) privacy: Privacy,
    pub(super) created_at: DateTime<Utc>,
    /// What differs from the defaults.
    pub(super) config: Map<String, Value>,
    pub(super) meeting: Option<Meeting>,
    pub(super) participants: Vec<Participant>,
    /// User ids that may not come back while the meeting lasts.
    pub(super) banned: BTreeSet<String>,
}

impl Room {
    pub(super) fn flag(&self, name: &str) -> bool {
        self.config.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A whole number of the configuration: Unix seconds, seconds or a count.
    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.config.get(name).and_then(Value::as_i64)
    }

    pub(super) fn seats(&self) -> usize {
        self.whole("max_participants")
            .and_then(|most| usize::try_from(most).ok())
            .or_else(|| usize::try_from(MAX_PARTICIPANTS).ok())
            .unwrap_or(usize::MAX)
    }

    /// From its `exp` on a room is gone for everyone but those inside.
    pub(super) fn expired(&self, now: DateTime<Utc>) -> bool {
        self.whole("exp").is_some_and(|exp| now.timestamp() >= exp)
    }

    pub(super) fn show(&self, url: &str) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "api_created": true,
            "privacy": self.privacy,
            "url": format!("{url}/{}", self.name),
            "created_at": iso(self.created_at),
            "config": self.config,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: Option<String>,
    privacy: Option<Privacy>,
    properties: Option<Map<String, Value>>,
}

/// `POST /rooms`. The whole state is locked, so of any number of equal requests one makes it.
pub(super) fn create(state: &mut State, call: &Call<'_>) -> Answer {
    let request: Request = call.parse()?;
    let name = match request.name {
        Some(_) if state.switches.hipaa => {
            return Err(Refusal::invalid("room names cannot be chosen for HIPAA domains"));
        }
        Some(name) => checked_name(name)?,
        None => assigned_name(&*state.random),
    };
    let mut config = Map::new();
    merge(&mut config, request.properties.unwrap_or_default())?;
    if state.rooms.get(&name).is_some_and(|room| !room.expired(call.now)) {
        return Err(Refusal::invalid(format!("a room named {name} already exists")));
    }
    state.empty_room(&name, call.now);
    let room = Room {
        id: state.random.uuid_v4(),
        name: name.clone(),
        privacy: request.privacy.unwrap_or_default(),
        created_at: call.now,
        config,
        meeting: None,
        participants: Vec::new(),
        banned: BTreeSet::new(),
    };
    let shown = room.show(call.url);
    state.rooms.insert(name, room);
    Ok(shown)
}

/// `GET /rooms/{name}`.
pub(super) fn get(state: &State, call: &Call<'_>, name: &str) -> Answer {
    state.live_room(name, call.now).map(|room| room.show(call.url))
}

/// `POST /rooms/{name}`: only what is named changes.
pub(super) fn update(state: &mut State, call: &Call<'_>, name: &str) -> Answer {
    let request: Request = call.parse()?;
    if request.name.is_some() {
        return Err(Refusal::invalid("unknown parameter 'name'"));
    }
    let room = state.live_room_mut(name, call.now)?;
    merge(&mut room.config, request.properties.unwrap_or_default())?;
    room.privacy = request.privacy.unwrap_or(room.privacy);
    Ok(room.show(call.url))
}

/// `DELETE /rooms/{name}`. A room that had expired answers 404 with `deleted: true`, once.
pub(super) fn delete(state: &mut State, call: &Call<'_>, name: &str) -> Answer {
    let expired = state.rooms.get(name).map(|room| room.expired(call.now));
    state.empty_room(name, call.now);
    state.rooms.remove(name);
    match expired {
        Some(false) => Ok(json!({ "deleted": true, "name": name })),
        Some(true) => {
            let mut refusal = missing(name);
            if let Some(fields) = refusal.body.as_object_mut() {
                fields.insert("deleted".to_owned(), json!(true));
                fields.insert("name".to_owned(), json!(name));
            }
            Err(refusal)
        }
        None => Err(missing(name)),
    }
}

/// `GET /rooms`: newest first, expired ones left out.
pub(super) fn list(state: &State, call: &Call<'_>) -> Answer {
    let mut rooms: Vec<&Room> = state.rooms.values().filter(|r| !r.expired(call.now)).collect();
    rooms.sort_by_key(|room| (std::cmp::Reverse(room.created_at), room.id));
    call.page(&rooms, |room| room.id.to_string(), |room| room.show(call.url))
}

/// The 404 of a room that is not there.
pub(super) fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("room {name} not found"))
}

fn checked_name(name: String) -> Result<String, Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(Refusal::invalid("name may contain only A-Z, a-z, 0-9, '-' and '_'"));
    }
    if name.len() > MAX_NAME {
        return Err(Refusal::invalid("name is too long"));
    }
    Ok(name)
}

/// Characters of a room's name.
const MAX_NAME: usize = 128;

/// A name of 20 characters as Daily assigns them, such as `w2pp2cf4kltgFACPKXmX`.
fn assigned_name(random: &dyn Random) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = || {
        let at = usize::try_from(random.below(62)).unwrap_or_default();
        LETTERS.get(at).map_or('A', |letter| char::from(*letter))
    };
    std::iter::repeat_with(letter).take(20).collect()
}
