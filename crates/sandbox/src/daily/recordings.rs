//! Cloud recordings (<https://docs.daily.co/reference/rest-api/recordings>).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{ExposeSecret, Random, RandomExt};
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::answer::{Answer, Call, Refusal};
use super::join::stay;
use super::state::State;

/// One recording, running or finished.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) id: Uuid,
    pub(super) instance_id: Uuid,
    pub(super) room: String,
    pub(super) started: DateTime<Utc>,
    /// `None` while it runs.
    pub(super) ended: Option<DateTime<Utc>>,
    pub(super) max_participants: usize,
    pub(super) content: Vec<u8>,
}

impl Recording {
    /// Whole seconds; 0 while it runs.
    pub(super) fn duration(&self) -> i64 {
        self.ended.map_or(0, |ended| stay(self.started, ended))
    }

    pub(super) fn s3_key(&self, domain: &str) -> String {
        format!("{domain}/{}/{}", self.room, self.started.timestamp_millis())
    }

    fn show(&self, domain: &str) -> Value {
        json!({
            "id": self.id,
            "room_name": self.room,
            "start_ts": self.started.timestamp(),
            "status": if self.ended.is_some() { "finished" } else { "in-progress" },
            "max_participants": self.max_participants,
            "duration": self.duration(),
            "s3key": self.s3_key(domain),
            "tracks": [],
        })
    }
}

impl State {
    fn new_recording(&self, room: &str, now: DateTime<Utc>) -> Recording {
        Recording {
            id: self.random.uuid_v4(),
            instance_id: self.random.uuid_v4(),
            room: room.to_owned(),
            started: now,
            ended: None,
            max_participants: self.rooms.get(room).map_or(0, |room| room.participants.len()),
            content: Vec::new(),
        }
    }

    /// Begins to record a room, unless it is recorded already.
    pub(super) fn start_recording(&mut self, room: &str, now: DateTime<Utc>) {
        if self.recordings.iter().any(|known| known.room == room && known.ended.is_none()) {
            return;
        }
        let recording = self.new_recording(room, now);
        self.recording_started(&recording, now);
        self.recordings.push(recording);
    }

    /// Ends what runs in a room; each becomes ready at once.
    pub(super) fn finish_recordings(&mut self, room: &str, now: DateTime<Utc>) {
        let mut ready = Vec::new();
        for recording in &mut self.recordings {
            if recording.room == room && recording.ended.is_none() {
                recording.ended = Some(now);
                recording.content = made_up(&*self.random, SHORT_CONTENT);
                ready.push(recording.clone());
            }
        }
        for recording in ready {
            self.recording_ready(&recording, now);
        }
    }

    /// A recording of `room` that is ready now, made from nothing.
    pub(super) fn finished_recording(
        &mut self,
        room: &str,
        started: DateTime<Utc>,
        content: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Value {
        let recording =
            Recording { ended: Some(now), content, ..self.new_recording(room, started) };
        self.recording_ready(&recording, now);
        let shown = recording.show(&self.account.domain_name);
        self.recordings.push(recording);
        shown
    }

    /// A recording of `room` that fails now; it leaves nothing behind but the event.
    pub(super) fn failed_recording(&mut self, room: &str, why: &str, now: DateTime<Utc>) {
        let recording = self.new_recording(room, now);
        self.recording_failed(&recording, why, now);
    }

    fn recording(&self, id: &str) -> Result<&Recording, Refusal> {
        let found = self.recordings.iter().find(|recording| recording.id.to_string() == id);
        found.ok_or_else(|| Refusal::not_found("recording not found"))
    }

    /// The bytes behind a link, when its query is exactly as it was given out and not too old.
    pub(super) fn download(&self, id: &str, query: &str, now: DateTime<Utc>) -> Option<&[u8]> {
        let expires = query.strip_prefix("Expires=")?.split('&').next()?.parse().ok()?;
        let genuine = self.link_query(id, expires);
        if !bool::from(genuine.as_bytes().ct_eq(query.as_bytes())) || now.timestamp() >= expires {
            return None;
        }
        self.recording(id).ok().map(|recording| recording.content.as_slice())
    }

    /// `Expires=...&Signature=...`, with characters that a careless client re-encodes.
    fn link_query(&self, id: &str, expires: i64) -> String {
        let key = self.account.api_key.expose_secret().as_bytes();
        // A key of any length is a key of HMAC, so the empty answer is never given.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
        mac.update(format!("recording {id} {expires}").as_bytes());
        let signature = URL_SAFE.encode(mac.finalize().into_bytes()).replace('=', "%3D");
        format!("Expires={expires}&Signature=%2F{signature}%2B")
    }
}

/// Bytes of a recording that no test asked to be longer.
const SHORT_CONTENT: usize = 64 * 1024;

/// Noise that begins as MPEG-4 does (ISO 14496-12: a box `ftyp`).
pub(super) fn made_up(random: &dyn Random, length: usize) -> Vec<u8> {
    let mut content = vec![0; length];
    random.fill(&mut content);
    let beginning = *b"\0\0\0\x18ftypisom\0\0\x02\0isommp42";
    for (byte, told) in content.iter_mut().zip(beginning) {
        *byte = told;
    }
    content
}

/// `POST /rooms/{name}/recordings/start`: only in a room with somebody in it.
pub(super) fn start(state: &mut State, call: &Call<'_>, name: &str) -> Answer {
    call.object()?;
    if state.live_room(name, call.now)?.meeting.is_none() {
        return Err(Refusal::invalid("nobody is in the room"));
    }
    state.start_recording(name, call.now);
    Ok(json!({}))
}

/// `POST /rooms/{name}/recordings/stop`.
pub(super) fn stop(state: &mut State, call: &Call<'_>, name: &str) -> Answer {
    call.object()?;
    state.live_room(name, call.now)?;
    state.finish_recordings(name, call.now);
    Ok(json!({}))
}

/// `GET /recordings?room_name=&limit=&starting_after=&ending_before=`, newest first.
pub(super) fn list(state: &State, call: &Call<'_>) -> Answer {
    let room = call.query.get("room_name");
    let mut found: Vec<&Recording> = state
        .recordings
        .iter()
        .filter(|recording| room.is_none_or(|room| recording.room == *room))
        .collect();
    found.sort_by_key(|recording| (std::cmp::Reverse(recording.started), recording.id));
    let show = |recording: &&Recording| recording.show(&state.account.domain_name);
    call.page(&found, |recording| recording.id.to_string(), show)
}

/// `GET /recordings/{id}`.
pub(super) fn get(state: &State, id: &str) -> Answer {
    state.recording(id).map(|recording| recording.show(&state.account.domain_name))
}

/// `DELETE /recordings/{id}`.
pub(super) fn delete(state: &mut State, id: &str) -> Answer {
    let id = state.recording(id)?.id;
    state.recordings.retain(|recording| recording.id != id);
    Ok(json!({ "deleted": true, "id": id }))
}

/// `GET /recordings/{id}/access-link?valid_for_secs=`: an hour unless told, at most twelve.
pub(super) fn access_link(state: &State, call: &Call<'_>, id: &str) -> Answer {
    if state.recording(id)?.ended.is_none() {
        return Err(Refusal::invalid("the recording is not finished"));
    }
    let seconds = match call.query.get("valid_for_secs") {
        None => Some(3600),
        Some(given) => given.parse().ok().filter(|seconds| (1..=43_200).contains(seconds)),
    };
    let seconds: i64 =
        seconds.ok_or_else(|| Refusal::invalid("valid_for_secs must be between 1 and 43200"))?;
    let expires = call.now.timestamp().saturating_add(seconds);
    let link = format!("{}/_sandbox/download/{id}?{}", call.url, state.link_query(id, expires));
    Ok(json!({ "download_link": link, "expires": expires }))
}
