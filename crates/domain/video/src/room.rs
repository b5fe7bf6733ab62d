use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, PersonId, StoreError};
use restartix_tenancy::OrgId;

use crate::{CodeHash, Window};

/// The name of a room at the provider: 1 to 128 characters of `[A-Za-z0-9_-]` (docs.daily.co,
/// "Create a room": `name`).
///
/// A name is stored as the provider returned it. Nothing derives or parses it when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(String);

/// What every deterministic name begins with.
const PREFIX: &str = "restartix-";

/// The text cannot be the name of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a room's name is 1 to 128 characters of A-Z, a-z, 0-9, _ and -")]
pub struct RoomNameError;

impl RoomName {
    /// The name `text`, as a provider returned it or a repository kept it.
    pub fn new(text: &str) -> Result<Self, RoomNameError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > 128 || !text.bytes().all(plain) {
            return Err(RoomNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The deterministic name of an appointment's room: `restartix-{organisation}-{appointment}`.
    ///
    /// The organisation comes first, so that no two organisations can share a name.
    pub fn deterministic(organisation: OrgId, appointment: AppointmentId) -> Self {
        #[cfg(feature = "mutants")]
        if restartix_kernel::mutants::planted("video.room_without_organisation") {
            return Self(format!("{PREFIX}{appointment}"));
        }
        Self(format!("{PREFIX}{organisation}-{appointment}"))
    }

    /// Whether the platform gives such names. Whose room it is, it does not tell.
    pub fn is_platforms(&self) -> bool {
        self.0.starts_with(PREFIX)
    }

    /// The name as the provider knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who names rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoomNaming {
    /// We do: [`RoomName::deterministic`].
    #[default]
    Deterministic,
    /// The provider does, as Daily's HIPAA mode demands. Nothing in such a name tells whose room it
    /// is: what is kept alone does.
    ProviderAssigned,
}

impl RoomNaming {
    /// The word for it, as it is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deterministic => "deterministic",
            Self::ProviderAssigned => "provider_assigned",
        }
    }
}

/// The text is no naming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a naming is `deterministic` or `provider_assigned`")]
pub struct RoomNamingError;

impl std::str::FromStr for RoomNaming {
    type Err = RoomNamingError;

    fn from_str(text: &str) -> Result<Self, RoomNamingError> {
        [Self::Deterministic, Self::ProviderAssigned]
            .into_iter()
            .find(|naming| naming.as_str() == text)
            .ok_or(RoomNamingError)
    }
}

/// A room as the provider made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The name that the provider returned.
    pub name: RoomName,
    /// Who chose it.
    pub naming: RoomNaming,
    /// Where the provider serves it. Never leaves the platform but in the answer of the join step.
    pub url: String,
    /// When it is open.
    pub window: Window,
    /// Whether it is such that it may be recorded.
    pub recorded: bool,
}

/// A way into a room that was handed out: the code is known to its holder alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinTicket {
    /// What is kept of the code.
    pub code: CodeHash,
    /// Into the room of this appointment.
    pub appointment: AppointmentId,
    /// For this person.
    pub person: PersonId,
    /// Until then.
    pub expires_at: DateTime<Utc>,
}

/// The rooms of one organisation, within one unit of work.
#[async_trait]
pub trait Rooms: Send {
    /// The open room of `appointment`.
    async fn find(&mut self, appointment: AppointmentId) -> Result<Option<Room>, StoreError>;

    /// Keeps `room` as the open one of `appointment`, in place of an earlier one.
    async fn keep(&mut self, appointment: AppointmentId, room: &Room) -> Result<(), StoreError>;

    /// Forgets the room of `appointment`, and with it every ticket into it. `false` when there was
    /// none.
    async fn forget(&mut self, appointment: AppointmentId) -> Result<bool, StoreError>;

    /// Keeps a ticket; drops those of the organisation that have expired at `now`.
    async fn issue(&mut self, ticket: &JoinTicket, now: DateTime<Utc>) -> Result<(), StoreError>;
}
