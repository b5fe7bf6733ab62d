use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use restartix_kernel::{AppointmentId, Clock, ExposeSecret, PersonId, Random, Secret};
use restartix_tenancy::{Region, Tenant};
use restartix_video::{
    Grant, MeetingToken, ProviderError, Room, RoomName, RoomNaming, RoomTerms, TokenTerms,
    VideoProvider,
};
use ureq::http::Method;

use crate::client::{Call, Class, Client, Repeat};
use crate::token::{Signer, recording_controls};
use crate::wire::{
    Ejection, MissingRoom, RoomAnswer, RoomRequest, TokenAnswer, TokenProperties, TokenRequest,
};
use crate::{CallError, Config, ConfigError, Health};

const CREATE_ROOM: &str = "create room";

/// One account at Daily.co.
pub struct Daily {
    pub(crate) client: Client,
    clock: Arc<dyn Clock>,
    signer: Option<Signer>,
    pub(crate) naming: RoomNaming,
    region: Option<Region>,
    frame_source: String,
}

/// What became of a name that Daily did not accept for a new room.
enum Found {
    /// A room has it.
    Room(RoomAnswer),
    /// A room that expired had it just now.
    Expired,
    /// No room has it: the request itself was refused.
    Nothing,
}

impl Daily {
    /// The account of `config`. Calls nobody; calls later need a tokio runtime around them.
    pub fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ConfigError> {
        let (base, frame_source) = config.checked()?;
        let signer = config.domain_id.map(|id| Signer::new(&config.api_key, id)).transpose()?;
        Ok(Self {
            client: Client::new(config, base, Arc::clone(&clock), random)?,
            clock,
            signer,
            naming: config.room_naming,
            region: config.region.clone(),
            frame_source,
        })
    }

    /// What the last calls told, without a call.
    pub fn health(&self) -> Health {
        self.client.health()
    }

    /// Asks Daily one small question (`GET /`), once, so that [`Daily::health`] is about now. For
    /// a caller in the background: its return is noticed even when nothing else is asked.
    pub async fn probe(&self) -> Result<(), ProviderError> {
        let call = Call::new("get domain", Method::GET, "/".to_owned());
        let answer = self.client.probe(&call).await?;
        Ok(call.accept(&answer)?)
    }

    /// Makes the room `name`, or finds it made: as often as this is repeated, one room.
    async fn make_or_adopt(
        &self,
        name: &RoomName,
        terms: &RoomTerms,
    ) -> Result<RoomAnswer, CallError> {
        let request = RoomRequest::new(Some(name), terms, self.region());
        let create = Call::post(CREATE_ROOM, "/rooms".to_owned(), &request)?;
        // A room can expire between two of these steps: then, once more, and not for ever.
        for _ in 0..2 {
            let answer = self.client.send(&create).await?;
            // The status of a name that is taken is that of any bad request, and `info` is prose.
            if answer.status != 400 {
                return create.read(&answer);
            }
            match self.find(name).await? {
                Found::Room(room) if room.agrees(terms) => return Ok(room),
                Found::Room(_) => {
                    if let Some(room) = self.bring_to_terms(name, terms).await? {
                        return Ok(room);
                    }
                }
                Found::Expired => {}
                Found::Nothing => break,
            }
        }
        Err(CallError::Status { operation: CREATE_ROOM, status: 400 })
    }

    /// Makes a room that Daily names.
    async fn make(&self, terms: &RoomTerms) -> Result<RoomAnswer, CallError> {
        let request = RoomRequest::new(None, terms, self.region());
        let create = Call::post(CREATE_ROOM, "/rooms".to_owned(), &request)?;
        // Nothing would tell a repeat from a first request.
        let create = Call { repeat: Repeat::OnlyUnsent, ..create };
        let answer = self.client.send(&create).await?;
        create.read(&answer)
    }

    async fn find(&self, name: &RoomName) -> Result<Found, CallError> {
        let call = Call::new("get room", Method::GET, room_path(name));
        let answer = self.client.send(&call).await?;
        if answer.status == 404 {
            let missing: MissingRoom = serde_json::from_slice(&answer.body).unwrap_or_default();
            let expired = missing.deleted == Some(true);
            return Ok(if expired { Found::Expired } else { Found::Nothing });
        }
        call.read(&answer).map(Found::Room)
    }

    /// Changes the room `name`; `None` when it is gone.
    async fn bring_to_terms(
        &self,
        name: &RoomName,
        terms: &RoomTerms,
    ) -> Result<Option<RoomAnswer>, CallError> {
        let request = RoomRequest::new(None, terms, self.region());
        let call = Call::post("update room", room_path(name), &request)?;
        let answer = self.client.send(&call).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        call.read(&answer).map(Some)
    }

    pub(crate) async fn delete(&self, room: &RoomName) -> Result<(), CallError> {
        let call = Call::new("delete room", Method::DELETE, room_path(room));
        let call = call.within(Class::RoomDeletion);
        let answer = self.client.send(&call).await?;
        call.accept_or_missing(&answer)
    }

    async fn fetch_token(&self, room: &Room, terms: &TokenTerms) -> Result<Secret, CallError> {
        let request = TokenRequest {
            properties: TokenProperties {
                room_name: room.name.as_str(),
                user_id: &terms.person.to_string(),
                is_owner: terms.grant == Grant::Owner,
                nbf: room.window.opens_at.timestamp(),
                exp: room.window.closes_at.timestamp(),
                eject_at_token_exp: true,
                enable_recording_ui: recording_controls(terms.grant),
            },
        };
        let call = Call::post("create token", "/meeting-tokens".to_owned(), &request)?;
        let answer = self.client.send(&call).await?;
        call.read::<TokenAnswer>(&answer).map(|answer| answer.token.into())
    }

    const fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }
}

#[async_trait]
impl VideoProvider for Daily {
    async fn create_room(
        &self,
        tenant: &Tenant,
        appointment: AppointmentId,
        terms: &RoomTerms,
    ) -> Result<Room, ProviderError> {
        let room = match self.naming {
            RoomNaming::Deterministic => {
                let name = RoomName::deterministic(tenant.organisation(), appointment);
                self.make_or_adopt(&name, terms).await?
            }
            RoomNaming::ProviderAssigned => self.make(terms).await?,
        };
        Ok(made(room, self.naming, terms)?)
    }

    async fn update_room(
        &self,
        _: &Tenant,
        room: &RoomName,
        terms: &RoomTerms,
    ) -> Result<Option<Room>, ProviderError> {
        let updated = self.bring_to_terms(room, terms).await?;
        Ok(updated.map(|room| made(room, self.naming, terms)).transpose()?)
    }

    async fn eject(
        &self,
        _: &Tenant,
        room: &RoomName,
        people: &[PersonId],
    ) -> Result<(), ProviderError> {
        let user_ids = people.iter().map(ToString::to_string).collect();
        let path = format!("{}/eject", room_path(room));
        let call = Call::post("eject", path, &Ejection { user_ids, ban: true })?;
        let answer = self.client.send(&call).await?;
        Ok(call.accept_or_missing(&answer)?)
    }

    /// Daily's deletion ends the meeting that goes on in the room. A 404 is no error, whether the
    /// room was never there, was deleted before, or expired.
    async fn delete_room(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        Ok(self.delete(room).await?)
    }

    async fn delete_unkept(
        &self,
        tenant: &Tenant,
        appointment: AppointmentId,
    ) -> Result<(), ProviderError> {
        match self.naming {
            RoomNaming::Deterministic => {
                let name = RoomName::deterministic(tenant.organisation(), appointment);
                Ok(self.delete(&name).await?)
            }
            RoomNaming::ProviderAssigned => Ok(()),
        }
    }

    async fn meeting_token(
        &self,
        _: &Tenant,
        room: &Room,
        terms: &TokenTerms,
    ) -> Result<MeetingToken, ProviderError> {
        let token = match &self.signer {
            Some(signer) => signer.token(room, terms, self.clock.now())?,
            None => self.fetch_token(room, terms).await?,
        };
        Ok(MeetingToken { token, expires_at: room.window.closes_at })
    }

    fn entrance(&self, room: &Room, token: &MeetingToken) -> Secret {
        format!("{}?t={}", room.url, token.token.expose_secret()).into()
    }

    fn frame_source(&self) -> &str {
        &self.frame_source
    }
}

impl fmt::Debug for Daily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daily")
            .field("naming", &self.naming)
            .field("frame_source", &self.frame_source)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// The room of an answer, when it is what was asked for.
fn made(room: RoomAnswer, naming: RoomNaming, terms: &RoomTerms) -> Result<Room, CallError> {
    if !room.is_safe(terms) {
        return Err(CallError::Terms);
    }
    let (name, url) = room.place()?;
    Ok(Room { name, naming, url, window: terms.window, recorded: terms.recorded })
}

/// The path of a room. A [`RoomName`] holds nothing that a URL would have to escape.
pub(crate) fn room_path(name: &RoomName) -> String {
    format!("/rooms/{}", name.as_str())
}
