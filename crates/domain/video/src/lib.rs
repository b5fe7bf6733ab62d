//! Video rooms: what the platform needs from a video provider, and who may join when.
//!
//! Knows nothing of HTTP, SQL or Daily.co. A provider implements [`VideoProvider`]; the rooms it
//! made are kept behind [`Rooms`]; [`Window`] says when a room is open and [`admit`] who may enter.
//! What a provider tells of its own accord comes through a [`NoticeReader`], and who was there is kept
//! behind [`Presence`].

mod admission;
mod code;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod memory;
mod notice;
mod presence;
mod provider;
mod room;

pub use admission::{Admission, AdmissionRefused, VisitState, Window, WindowPolicy, admit};
pub use code::{CodeHash, JoinCode, JoinCodeError};
pub use notice::{Notice, NoticeId, NoticeIdError, NoticeReader, NoticeRefused, RoomNews};
pub use presence::{Learned, Part, Presence, Stay, StayId};
pub use provider::{Grant, MeetingToken, ProviderError, RoomTerms, TokenTerms, VideoProvider};
pub use room::{JoinTicket, Room, RoomName, RoomNameError, Rooms};
