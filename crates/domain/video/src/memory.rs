//! A video provider in memory, for tests and examples.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use restartix_kernel::{AppointmentId, ExposeSecret, PersonId, Secret};
use restartix_tenancy::Tenant;

use crate::{
    MeetingToken, ProviderError, Room, RoomName, RoomNaming, RoomTerms, TokenTerms, VideoProvider,
};

/// Rooms in memory, under their deterministic names; its tokens are plain texts.
#[derive(Debug, Default)]
pub struct MemoryProvider(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rooms: BTreeMap<String, Room>,
    down: bool,
}

impl MemoryProvider {
    /// The names of the rooms that are there.
    pub fn names(&self) -> Vec<String> {
        self.state().rooms.keys().cloned().collect()
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

    async fn eject(&self, _: &Tenant, _: &RoomName, _: &[PersonId]) -> Result<(), ProviderError> {
        self.up().map(drop)
    }

    async fn delete_room(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        self.up()?.rooms.remove(room.as_str());
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
