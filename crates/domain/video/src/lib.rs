//! Video rooms: what the platform needs from a video provider, and who may join when.
//!
//! Knows nothing of HTTP, SQL or Daily.co. A provider implements [`VideoProvider`]; the rooms it
//! made are kept behind [`Rooms`]; [`Window`] says when a room is open and [`admit`] who may enter.
//! What a provider tells of its own accord comes through a [`NoticeReader`], and who was there is kept
//! behind [`Presence`]. What is recorded, by a [`RecordingProvider`] and with the patient's consent, is
//! kept behind [`Recordings`] until it is a file of the organisation's. A [`VideoAccount`] shows what
//! stands at the provider, for those who compare.

mod admission;
mod attendance;
mod code;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod memory;
mod notice;
mod presence;
mod provider;
mod recording;
mod room;

pub use admission::{Admission, AdmissionRefused, VisitState, Window, WindowPolicy, admit};
pub use attendance::Attendance;
pub use code::{CodeHash, JoinCode, JoinCodeError};
pub use notice::{
    Notice, NoticeId, NoticeIdError, NoticeReader, NoticeRefused, RoomFact, RoomNews,
};
pub use presence::{Learned, Part, Presence, Stay, StayId};
pub use provider::{
    Footage, Grant, MeetingToken, ProviderError, RecordingProvider, Reel, RoomTerms, StandingRoom,
    TokenTerms, VideoAccount, VideoProvider,
};
pub use recording::{
    FootageId, FootageIdError, Recording, RecordingRefused, RecordingState, Recordings,
    recording_of,
};
pub use room::{JoinTicket, Room, RoomName, RoomNameError, RoomNaming, RoomNamingError, Rooms};
