//! Who gets into a call, and how long they stay.

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::RandomExt;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rooms::{Meeting, Privacy, Room};
use super::state::State;
use super::tokens::{self, Claims};

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no such room.
    RoomNotFound,
    /// The room's `exp` has passed.
    RoomExpired,
    /// The room's `nbf` is still to come.
    RoomNotYetOpen,
    /// The room is private and there was no token.
    TokenRequired,
    /// The token is malformed, signed with another key, or lacks `iat`, `d` or `r`.
    TokenInvalid,
    /// The token's `d` is another domain.
    TokenOtherDomain,
    /// The token's `r` is another room.
    TokenOtherRoom,
    /// The token's `exp` has passed.
    TokenExpired,
    /// The token's `nbf` is still to come.
    TokenNotYetValid,
    /// The user was ejected with a ban and the meeting still goes on.
    Banned,
    /// `max_participants` are in.
    RoomFull,
}

impl Reason {
    /// For a person.
    pub(super) fn info(self) -> &'static str {
        match self {
            Self::RoomNotFound => "there is no such room",
            Self::RoomExpired => "the room has expired",
            Self::RoomNotYetOpen => "the room is not open yet",
            Self::TokenRequired => "the room is private and needs a token",
            Self::TokenInvalid => "the token is invalid",
            Self::TokenOtherDomain => "the token is for another domain",
            Self::TokenOtherRoom => "the token is for another room",
            Self::TokenExpired => "the token has expired",
            Self::TokenNotYetValid => "the token is not valid yet",
            Self::Banned => "the user may not come back",
            Self::RoomFull => "the room is full",
        }
    }
}

/// Somebody in a call. The participant's id is what the page and the API call the session.
#[derive(Clone, Debug)]
pub(super) struct Participant {
    pub(super) id: Uuid,
    pub(super) user_id: String,
    pub(super) user_name: Option<String>,
    pub(super) is_owner: bool,
    pub(super) joined_at: DateTime<Utc>,
    /// What the token says about the end; `None` leaves it to the room.
    eject_by_token: Option<i64>,
}

impl Participant {
    /// When this person is thrown out, Unix seconds. The token's word silences the room's.
    pub(super) fn eject_at(&self, room: &Room) -> Option<i64> {
        if self.eject_by_token.is_some() {
            return self.eject_by_token;
        }
        let at_end = room.whole("exp").filter(|_| room.flag("eject_at_room_exp"));
        let elapsed = room.whole("eject_after_elapsed");
        earlier(at_end, elapsed.map(|seconds| self.joined_at.timestamp().saturating_add(seconds)))
    }

    pub(super) fn show(&self) -> Value {
        json!({
            "participant_id": self.id,
            "user_id": self.user_id,
            "user_name": self.user_name,
            "is_owner": self.is_owner,
            "joined_at": self.joined_at.timestamp(),
        })
    }
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl State {
    /// Lets somebody in, or says why not. The first one in starts the meeting.
    pub(super) fn join(
        &mut self,
        name: &str,
        token: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Participant, Reason> {
        let room = self.rooms.get(name).ok_or(Reason::RoomNotFound)?;
        let claims = token.map(|token| tokens::check(self, token)).transpose()?;
        admissible(room, claims.as_ref(), now)?;
        let participant = self.participant(claims.as_ref(), now);
        let unique = room.flag("enforce_unique_user_ids");
        if room.banned.contains(&participant.user_id) {
            return Err(Reason::Banned);
        }
        // Daily lets the newcomer in and throws the twin out, whose seat is then free.
        let twins: Vec<Uuid> = room
            .participants
            .iter()
            .filter(|present| unique && present.user_id == participant.user_id)
            .map(|present| present.id)
            .collect();
        if room.participants.len().saturating_sub(twins.len()) >= room.seats() {
            return Err(Reason::RoomFull);
        }
        self.seat(name, &participant, now);
        for twin in twins {
            self.depart(name, twin, now);
        }
        if claims.is_some_and(|claims| claims.flag("sr")) {
            self.start_recording(name, now);
        }
        Ok(participant)
    }

    fn participant(&self, claims: Option<&Claims>, now: DateTime<Utc>) -> Participant {
        let id = self.random.uuid_v4();
        let text = |claim| claims.and_then(|claims| claims.text(claim)).map(str::to_owned);
        let eject_by_token = claims.filter(|claims| claims.ejects()).and_then(|claims| {
            let elapsed = claims.whole("eje");
            earlier(
                claims.whole("exp").filter(|_| claims.flag("ejt")),
                elapsed.map(|seconds| now.timestamp().saturating_add(seconds)),
            )
        });
        Participant {
            id,
            user_id: text("ud").unwrap_or_else(|| id.to_string()),
            user_name: text("u"),
            is_owner: claims.is_some_and(|claims| claims.flag("o")),
            joined_at: now,
            eject_by_token,
        }
    }

    fn seat(&mut self, name: &str, participant: &Participant, now: DateTime<Utc>) {
        let new_meeting = Meeting { id: self.random.uuid_v4(), started: now };
        let Some(room) = self.rooms.get_mut(name) else { return };
        let first = room.meeting.is_none();
        let meeting = room.meeting.get_or_insert(new_meeting).clone();
        let eject_at = participant.eject_at(room);
        room.participants.push(participant.clone());
        if first {
            self.meeting_started(name, &meeting, now);
        }
        self.participant_joined(name, participant, eject_at, now);
    }

    /// Takes somebody out of a room; the last one out ends the meeting. False when not there.
    pub(super) fn depart(&mut self, name: &str, id: Uuid, now: DateTime<Utc>) -> bool {
        let Some(room) = self.rooms.get_mut(name) else { return false };
        let Some(at) = room.participants.iter().position(|present| present.id == id) else {
            return false;
        };
        let gone = room.participants.remove(at);
        let over = if room.participants.is_empty() { room.meeting.take() } else { None };
        if over.is_some() {
            // Bans are remembered while the meeting is active, and no longer.
            room.banned.clear();
        }
        self.participant_left(name, &gone, now);
        if let Some(meeting) = over {
            self.meeting_ended(name, &meeting, now);
            self.finish_recordings(name, now);
        }
        true
    }

    /// The room of a participant.
    pub(super) fn room_of(&self, id: Uuid) -> Option<String> {
        self.rooms
            .values()
            .find(|room| room.participants.iter().any(|present| present.id == id))
            .map(|room| room.name.clone())
    }

    /// Takes everybody out, if the room is there at all.
    pub(super) fn empty_room(&mut self, name: &str, now: DateTime<Utc>) {
        let inside: Vec<Uuid> = self
            .rooms
            .get(name)
            .map(|room| room.participants.iter().map(|present| present.id).collect())
            .unwrap_or_default();
        for id in inside {
            self.depart(name, id, now);
        }
    }

    /// Throws out everybody whose time is over. They leave at the instant that was due, also when
    /// the clock has jumped past it.
    pub(super) fn settle(&mut self, now: DateTime<Utc>) {
        let mut due: Vec<(i64, String, Uuid)> = Vec::new();
        for room in self.rooms.values() {
            for present in &room.participants {
                let at = present.eject_at(room).filter(|at| *at <= now.timestamp());
                due.extend(at.map(|at| (at, room.name.clone(), present.id)));
            }
        }
        due.sort();
        for (at, name, id) in due {
            self.depart(&name, id, DateTime::from_timestamp(at, 0).unwrap_or(now).min(now));
        }
    }

    /// The next instant at which [`State::settle`] has something to do.
    pub(super) fn next_ejection(&self) -> Option<DateTime<Utc>> {
        self.rooms
            .values()
            .flat_map(|room| room.participants.iter().filter_map(|p| p.eject_at(room)))
            .min()
            .and_then(|at| DateTime::from_timestamp(at, 0))
    }
}

/// The rules that need neither the seats nor the bans.
fn admissible(room: &Room, claims: Option<&Claims>, now: DateTime<Utc>) -> Result<(), Reason> {
    if room.expired(now) {
        return Err(Reason::RoomExpired);
    }
    if let Some(claims) = claims {
        if claims.text("r").is_some_and(|only| only != room.name) {
            return Err(Reason::TokenOtherRoom);
        }
        claims.check_times(now)?;
    } else if room.privacy == Privacy::Private {
        return Err(Reason::TokenRequired);
    }
    if room.whole("nbf").is_some_and(|nbf| now.timestamp() < nbf) {
        return Err(Reason::RoomNotYetOpen);
    }
    Ok(())
}

/// How long somebody was in, in whole seconds.
pub(super) fn stay(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).max(TimeDelta::zero()).num_seconds()
}
