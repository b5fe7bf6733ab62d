//! What happens in calls, as Daily tells it over webhooks
//! (<https://docs.daily.co/reference/rest-api/webhooks/events>). Times are Unix seconds.

use chrono::{DateTime, Utc};
use restartix_kernel::RandomExt;
use serde_json::{Value, json};

use super::join::{Participant, stay};
use super::recordings::Recording;
use super::rooms::Meeting;
use super::state::State;

/// Every type of event that a webhook may ask for.
pub(super) const EVENT_TYPES: &[&str] = &[
    "participant.joined",
    "participant.left",
    "meeting.started",
    "meeting.ended",
    "recording.started",
    "recording.ready-to-download",
    "recording.error",
];

impl State {
    pub(super) fn meeting_started(&mut self, room: &str, meeting: &Meeting, now: DateTime<Utc>) {
        let payload = json!({
            "start_ts": meeting.started.timestamp(),
            "meeting_id": meeting.id,
            "room": room,
        });
        self.emit("meeting.started", "mtg-strt", &payload, now);
    }

    pub(super) fn meeting_ended(&mut self, room: &str, meeting: &Meeting, now: DateTime<Utc>) {
        let payload = json!({
            "start_ts": meeting.started.timestamp(),
            "end_ts": now.timestamp(),
            "meeting_id": meeting.id,
            "room": room,
        });
        self.emit("meeting.ended", "mtg-end", &payload, now);
    }

    pub(super) fn participant_joined(
        &mut self,
        room: &str,
        participant: &Participant,
        eject_at: Option<i64>,
        now: DateTime<Utc>,
    ) {
        let mut payload = person(room, participant);
        insert(&mut payload, "will_eject_at", json!(eject_at));
        self.emit("participant.joined", "ptcpt-join", &payload, now);
    }

    pub(super) fn participant_left(
        &mut self,
        room: &str,
        participant: &Participant,
        now: DateTime<Utc>,
    ) {
        let mut payload = person(room, participant);
        insert(&mut payload, "duration", json!(stay(participant.joined_at, now)));
        self.emit("participant.left", "ptcpt-left", &payload, now);
    }

    /// This one names no room at all, as at Daily.
    pub(super) fn recording_started(&mut self, recording: &Recording, now: DateTime<Utc>) {
        let payload = json!({
            "action": "cloud-recording-started",
            "instance_id": recording.instance_id,
            "start_ts": recording.started.timestamp(),
        });
        self.emit("recording.started", "rec-strt", &payload, now);
    }

    pub(super) fn recording_ready(&mut self, recording: &Recording, now: DateTime<Utc>) {
        let payload = json!({
            "type": "cloud",
            "recording_id": recording.id,
            "room_name": recording.room,
            "start_ts": recording.started.timestamp(),
            "status": "finished",
            "max_participants": recording.max_participants,
            "duration": recording.duration(),
            "s3_key": recording.s3_key(&self.account.domain_name),
        });
        self.emit("recording.ready-to-download", "rec-rtd", &payload, now);
    }

    pub(super) fn recording_failed(
        &mut self,
        recording: &Recording,
        why: &str,
        now: DateTime<Utc>,
    ) {
        let payload = json!({
            "action": "cloud-recording-err",
            "error_msg": why,
            "instance_id": recording.instance_id,
            "room_name": recording.room,
            "timestamp": now.timestamp(),
        });
        self.emit("recording.error", "rec-err", &payload, now);
    }

    fn emit(&mut self, kind: &str, prefix: &str, payload: &Value, now: DateTime<Utc>) {
        if self.switches.drop_events {
            return;
        }
        let event = json!({
            "version": "1.0.0",
            "type": kind,
            "id": format!("{prefix}-{}", self.random.uuid_v4()),
            "payload": payload,
            "event_ts": now.timestamp(),
        });
        let body: std::sync::Arc<str> = event.to_string().into();
        for webhook in self.webhooks.iter().filter(|webhook| webhook.wants(kind)) {
            self.outbox.add(webhook.id, &body, now, &self.switches);
        }
    }
}

fn person(room: &str, participant: &Participant) -> Value {
    json!({
        "room": room,
        "user_id": participant.user_id,
        "user_name": participant.user_name,
        "session_id": participant.id,
        "joined_at": participant.joined_at.timestamp(),
        "owner": participant.is_owner,
    })
}

fn insert(payload: &mut Value, key: &str, value: Value) {
    if let Some(fields) = payload.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
