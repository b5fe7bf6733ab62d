//! Video rooms at Daily.co: [`Daily`] implements the ports [`VideoProvider`], [`RecordingProvider`] and
//! [`VideoAccount`], [`Notices`] the port [`NoticeReader`].
//!
//! Knows nothing of appointments' rules, SQL or our own HTTP API. Facts are taken from the
//! vendor's pages (<https://docs.daily.co/reference/rest-api>).
//!
//! # How it behaves
//! - Requests are built strictly, answers are read leniently: Daily adds fields without notice.
//!   What protects a patient is checked in each answer: a room is private and ends when asked.
//! - Rooms are made idempotently under deterministic names ([`RoomNaming::Deterministic`](restartix_video::RoomNaming::Deterministic)). Daily
//!   has no idempotency key, so a repeat is recognised by its name and adopted.
//!   Under [`RoomNaming::ProviderAssigned`](restartix_video::RoomNaming::ProviderAssigned) (Daily's HIPAA mode forbids chosen names) nothing tells
//!   a repeat from a first request. There, a request is sent again only when Daily has certainly
//!   not acted on it, and the caller must keep the room it was given and not ask again. A room
//!   whose answer was lost is known to nobody, lets nobody in and ends at its own `exp`.
//! - One process never exceeds Daily's limits: 20 requests a second, 2 for room deletions
//!   and for lists of recordings, 1 for starts of recordings. Several
//!   processes share the account's limit and back off on 429.
//! - Each call is bounded in time, concurrency, attempts and bytes; after repeated failures calls
//!   fail at once for a while instead of waiting ([`Daily::health`] tells).
//! - Nothing it logs holds a key, a token or a URL. The API key signs tokens: it is as secret as
//!   every room.
//!
//! Less obvious dependencies: `ureq`, because Daily's calls are few and short and belong on
//! blocking threads, and it brings neither a second runtime nor HTTP/2; `rustls` by name, to hand
//! it *ring* explicitly instead of depending on a process-wide default; `hmac` and `sha2` rather
//! than a JWT library, because a meeting token is one HMAC over claims whose order and spelling
//! are Daily's.
//!
//! [`NoticeReader`]: restartix_video::NoticeReader
//! [`RecordingProvider`]: restartix_video::RecordingProvider
//! [`VideoAccount`]: restartix_video::VideoAccount
//! [`VideoProvider`]: restartix_video::VideoProvider

mod account;
mod breaker;
mod client;
mod config;
mod error;
mod lane;
mod notice;
mod provider;
mod recordings;
mod registration;
mod token;
mod transport;
mod wire;

pub use breaker::Health;
pub use config::{Config, ConfigError, Timeouts};
pub use error::CallError;
pub use notice::Notices;
pub use provider::Daily;
pub use registration::Registered;
