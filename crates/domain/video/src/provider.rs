use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, PersonId, Secret};
use restartix_tenancy::Tenant;

use crate::{Room, RoomName, Window};

/// What a room is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomTerms {
    /// When it is open.
    pub window: Window,
    /// How many may be in it at once: 2 to 200.
    pub max_participants: u16,
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

    /// Puts everybody out of a room and deletes it; a room that is not there is deleted already.
    async fn delete_room(&self, tenant: &Tenant, room: &RoomName) -> Result<(), ProviderError>;

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
