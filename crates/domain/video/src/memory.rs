//! A video provider in memory, for tests and examples.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::stream;
use restartix_kernel::{AppointmentId, ExposeSecret, PersonId, Secret};
use restartix_tenancy::Tenant;
use uuid::Uuid;

use crate::{
    Footage, FootageId, MeetingToken, ProviderError, RecordingProvider, Reel, Room, RoomName,
    RoomNaming, RoomTerms, StandingRoom, Stay, StayId, TokenTerms, VideoAccount, VideoProvider,
};

/// Rooms in memory, under their deterministic names, with who is in them and what is recorded there; its
/// tokens are plain texts, and every recording has the same bytes.
#[derive(Debug, Default)]
pub struct MemoryProvider(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rooms: BTreeMap<String, Room>,
    present: Vec<(RoomName, Stay)>,
    footage: Vec<(RoomName, Footage)>,
    /// What was ever counted: stays and recordings.
    count: u32,
    down: bool,
}

/// The bytes of every recording.
const REEL: &[u8] = b"\0\0\0\x18ftypmp42";

impl State {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    fn close(&mut self, room: &RoomName) {
        self.rooms.remove(room.as_str());
        self.present.retain(|(name, _)| name != room);
    }

    /// What is recorded in `room` now.
    fn running(&mut self, room: &RoomName) -> Option<&mut Footage> {
        let here = self.footage.iter_mut().filter(|(name, _)| name == room);
        here.map(|(_, footage)| footage).find(|footage| !footage.finished)
    }
}

impl MemoryProvider {
    /// The names of the rooms that are there.
    pub fn names(&self) -> Vec<String> {
        self.state().rooms.keys().cloned().collect()
    }

    /// Lets `person` into `room` at `now`.
    pub fn enter(&self, room: &RoomName, person: PersonId, now: DateTime<Utc>) {
        let mut state = self.state();
        let id = StayId(Uuid::from_u128(state.next().into()));
        state.present.push((room.clone(), Stay { id, person, joined_at: now, left_at: None }));
    }

    /// From now on every call fails, or none.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, ProviderError> {
        let state = self.state();
        if state.down {
            return Err(ProviderError::Unavailable("told to be down".into()));
        }
        Ok(state)
    }
}

#[async_trait]
impl VideoProvider for MemoryProvider {
    async fn create_room(
        &self,
        tenant: &Tenant,
        appointment: AppointmentId,
        terms: &RoomTerms,
    ) -> Result<Room, ProviderError> {
        let name = RoomName::deterministic(tenant.organisation(), appointment);
        let url = format!("https://video.example/{}", name.as_str());
        let room = Room {
            name,
            naming: RoomNaming::Deterministic,
            url,
            window: terms.window,
            recorded: terms.recorded,
        };
        self.up()?.rooms.insert(room.name.as_str().to_owned(), room.clone());
        Ok(room)
    }

    async fn update_room(
        &self,
        _: &Tenant,
        room: &RoomName,
        terms: &RoomTerms,
    ) -> Result<Option<Room>, ProviderError> {
        Ok(self.up()?.rooms.get_mut(room.as_str()).map(|room| {
            room.window = terms.window;
            room.recorded = terms.recorded;
            room.clone()
        }))
    }

    async fn eject(
        &self,
        _: &Tenant,
        room: &RoomName,
        people: &[PersonId],
    ) -> Result<(), ProviderError> {
        let out = |name: &RoomName, stay: &Stay| name == room && people.contains(&stay.person);
        self.up()?.present.retain(|(name, stay)| !out(name, stay));
        Ok(())
    }

    async fn delete_room(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        self.up()?.close(room);
        Ok(())
    }

    async fn delete_unkept(
        &self,
        tenant: &Tenant,
        appointment: AppointmentId,
    ) -> Result<(), ProviderError> {
        let name = RoomName::deterministic(tenant.organisation(), appointment);
        self.delete_room(tenant, &name).await
    }

    async fn meeting_token(
        &self,
        _: &Tenant,
        room: &Room,
        terms: &TokenTerms,
    ) -> Result<MeetingToken, ProviderError> {
        drop(self.up()?);
        let token = format!("memory.{}.{}", room.name.as_str(), terms.person);
        Ok(MeetingToken { token: token.into(), expires_at: room.window.closes_at })
    }

    fn entrance(&self, room: &Room, token: &MeetingToken) -> Secret {
        format!("{}?t={}", room.url, token.token.expose_secret()).into()
    }

    fn frame_source(&self) -> &'static str {
        "https://video.example"
    }
}

#[async_trait]
impl RecordingProvider for MemoryProvider {
    async fn start_recording(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        let mut state = self.up()?;
        if !state.present.iter().any(|(name, _)| name == room) {
            return Err(ProviderError::Refused("nobody is there".into()));
        }
        if state.running(room).is_none() {
            let id = FootageId::new(&format!("footage-{}", state.next()));
            let id = id.map_err(|error| ProviderError::Refused(error.into()))?;
            state.footage.push((room.clone(), Footage { id, finished: false, seconds: 0 }));
        }
        Ok(())
    }

    async fn stop_recording(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        if let Some(running) = self.up()?.running(room) {
            running.finished = true;
        }
        Ok(())
    }

    async fn footage(&self, _: &Tenant, room: &RoomName) -> Result<Vec<Footage>, ProviderError> {
        let state = self.up()?;
        let here = state.footage.iter().filter(|(name, _)| name == room);
        Ok(here.map(|(_, footage)| footage.clone()).collect())
    }

    async fn fetch(&self, _: &Tenant, footage: &FootageId) -> Result<Option<Reel>, ProviderError> {
        let known = self.up()?.footage.iter().any(|(_, one)| one.id == *footage && one.finished);
        let parts = || stream::iter([Ok(Bytes::from_static(REEL))]).boxed();
        Ok(known.then(|| Reel { size: u64::try_from(REEL.len()).ok(), parts: parts() }))
    }

    async fn delete_footage(&self, _: &Tenant, footage: &FootageId) -> Result<(), ProviderError> {
        self.up()?.footage.retain(|(_, one)| one.id != *footage);
        Ok(())
    }
}

#[async_trait]
impl VideoAccount for MemoryProvider {
    async fn standing(&self) -> Result<Vec<StandingRoom>, ProviderError> {
        let shown = |room: &Room| StandingRoom {
            name: room.name.clone(),
            window: Some(room.window),
            private: true,
            made_at: None,
            ours: room.name.is_platforms(),
        };
        Ok(self.up()?.rooms.values().map(shown).collect())
    }

    async fn present(&self) -> Result<Vec<(RoomName, Stay)>, ProviderError> {
        Ok(self.up()?.present.clone())
    }

    async fn abandon(&self, room: &RoomName) -> Result<(), ProviderError> {
        self.up()?.close(room);
        Ok(())
    }
}
