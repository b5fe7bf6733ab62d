use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use restartix_kernel::{AppointmentId, PersonId, Secret};
use restartix_tenancy::{Region, Tenant};

use crate::{FootageId, Room, RoomName, Stay, Window};

/// What a room is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomTerms {
    /// When it is open.
    pub window: Window,
    /// How many may be in it at once: 2 to 200.
    pub max_participants: u16,
    /// Whether it may be recorded: its type allows it and its patient consented.
    pub recorded: bool,
    /// Where the call is carried; `None`: wherever the account says.
    pub region: Option<Region>,
}

/// What somebody in a room may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The specialist: may eject and record.
    Owner,
    /// The patient.
    Participant,
}

/// What a meeting token is to say. It names nobody: its claims are readable by its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTerms {
    /// For whom.
    pub person: PersonId,
    /// With which rights.
    pub grant: Grant,
}

/// A key to one room for one person.
#[derive(Debug)]
pub struct MeetingToken {
    /// The key.
    pub token: Secret,
    /// The room's own end: a token that ended earlier would throw a patient out mid-visit.
    pub expires_at: DateTime<Utc>,
}

/// Why the provider did not do what it was asked, by what the caller can do next.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Out of reach, overloaded or limiting us: try again later.
    #[error("the video provider is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It will not do this however often it is asked: our request, key or plan is wrong.
    #[error("the video provider refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A provider of video rooms.
///
/// Every call may be repeated: rooms are made, changed and deleted idempotently, because an answer
/// may be lost after the provider has acted.
#[async_trait]
pub trait VideoProvider: Send + Sync {
    /// Makes the private room of `appointment`, or adopts the one that is there already and brings
    /// it to `terms`.
    async fn create_room(
        &self,
        tenant: &Tenant,
        appointment: AppointmentId,
        terms: &RoomTerms,
    ) -> Result<Room, ProviderError>;

    /// Brings a room that was made to `terms`, by the name under which it was made; `None` when it is
    /// not there any more.
    async fn update_room(
        &self,
        tenant: &Tenant,
        room: &RoomName,
        terms: &RoomTerms,
    ) -> Result<Option<Room>, ProviderError>;

    /// Puts `people` out of a room, and keeps them out while the others go on. Who is not there is no
    /// error.
    async fn eject(
        &self,
        tenant: &Tenant,
        room: &RoomName,
        people: &[PersonId],
    ) -> Result<(), ProviderError>;

    /// Puts everybody out of a room and deletes it; a room that is not there is deleted already.
    async fn delete_room(&self, tenant: &Tenant, room: &RoomName) -> Result<(), ProviderError>;

    /// Deletes what an interrupted [`VideoProvider::create_room`] may have left for `appointment`
    /// without anybody keeping it. Where the provider chooses names, nothing is known of that: such
    /// a room lets nobody in and ends at its own time.
    async fn delete_unkept(
        &self,
        tenant: &Tenant,
        appointment: AppointmentId,
    ) -> Result<(), ProviderError>;

    /// A key to `room` alone, good until the room closes.
    async fn meeting_token(
        &self,
        tenant: &Tenant,
        room: &Room,
        terms: &TokenTerms,
    ) -> Result<MeetingToken, ProviderError>;

    /// Where a browser enters `room` with `token`: a secret, because it holds the token.
    fn entrance(&self, room: &Room, token: &MeetingToken) -> Secret;

    /// The origin that a page must be allowed to frame, as a Content-Security-Policy source
    /// expression (W3C CSP 3, section 2.3.1).
    fn frame_source(&self) -> &str;
}

/// What a provider has of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footage {
    /// What it calls it.
    pub id: FootageId,
    /// Whether it can be fetched; until then it is being made.
    pub finished: bool,
    /// How long it lasts, in seconds.
    pub seconds: u32,
}

/// The bytes of a recording on their way.
pub struct Reel {
    /// How many there are, where the provider says so: fewer or more end in an error.
    pub size: Option<u64>,
    /// They.
    pub parts: BoxStream<'static, Result<Bytes, io::Error>>,
}

/// A provider that records rooms. Every call may be repeated.
#[async_trait]
pub trait RecordingProvider: Send + Sync {
    /// Begins to record whoever is in `room`; when that is recorded already, nothing.
    async fn start_recording(&self, tenant: &Tenant, room: &RoomName) -> Result<(), ProviderError>;

    /// Ends what is recorded in `room`; when nothing is, nothing.
    async fn stop_recording(&self, tenant: &Tenant, room: &RoomName) -> Result<(), ProviderError>;

    /// What was recorded in `room`, and is still at the provider.
    async fn footage(
        &self,
        tenant: &Tenant,
        room: &RoomName,
    ) -> Result<Vec<Footage>, ProviderError>;

    /// The bytes of a recording; `None` when the provider has it no more.
    async fn fetch(
        &self,
        tenant: &Tenant,
        footage: &FootageId,
    ) -> Result<Option<Reel>, ProviderError>;

    /// Deletes a recording; one that is not there is deleted already.
    async fn delete_footage(
        &self,
        tenant: &Tenant,
        footage: &FootageId,
    ) -> Result<(), ProviderError>;
}

/// A room that stands at the provider, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingRoom {
    /// What it is called.
    pub name: RoomName,
    /// When it is open, as far as that is set.
    pub window: Option<Window>,
    /// Whether nobody enters without a key.
    pub private: bool,
    /// Since when it is there, where that is told.
    pub made_at: Option<DateTime<Utc>>,
    /// Whether its name is one that this platform gives: what else is in the account is let alone.
    pub ours: bool,
}

/// The provider's account as a whole, across organisations: for those who compare it with what is kept.
///
/// Names without an organisation: whose each is, the database knows.
#[async_trait]
pub trait VideoAccount: Send + Sync {
    /// Every room that stands.
    async fn standing(&self) -> Result<Vec<StandingRoom>, ProviderError>;

    /// Everybody who is in a room now.
    async fn present(&self) -> Result<Vec<(RoomName, Stay)>, ProviderError>;

    /// Deletes a room that is nobody's.
    async fn abandon(&self, room: &RoomName) -> Result<(), ProviderError>;
}
