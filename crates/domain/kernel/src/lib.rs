//! The few words that every domain shares: public ids, [`Clock`], [`Random`], [`Page`], [`Secret`].
//!
//! Knows no domain, no organisation, no runtime and no wire format beyond `serde`.
//!
//! Features, all for outer rooms only: `system` adds the operating system's clock (on tokio's
//! timer) and randomness; `conformance` adds a clock that moves when told and seeded randomness;
//! `mutants` adds the switch of the faults that proofs plant. Nothing that ships has the last two.

mod clock;
mod id;
#[cfg(feature = "mutants")]
pub mod mutants;
mod page;
mod random;
mod secret;
#[cfg(feature = "conformance")]
mod still;
mod store;
#[cfg(feature = "system")]
mod system;
mod words;

pub use clock::Clock;
pub use id::{
    ApiClientId, AppointmentId, AppointmentTypeId, ClosureId, EventId, ExerciseId, FileId, HoldId,
    IdError, MembershipId, PersonId, ProgramId, RecordingId, RequestId, SessionId, SignatureId,
    TimeOffId, UserId, WebhookDeliveryId, WebhookEndpointId, WebhookJobId,
};
pub use page::{Cursor, CursorError, Limit, Page, PageRequest};
pub use random::{Random, RandomExt};
pub use secret::{ExposeSecret, Secret};
#[cfg(feature = "conformance")]
pub use still::{ManualClock, SeededRandom};
pub use store::StoreError;
#[cfg(feature = "system")]
pub use system::{SystemClock, SystemRandom};
pub use words::UnknownWord;

/// The features of proofs that this build has: none in what ships.
pub const PROOFS: &[&str] = &[
    #[cfg(feature = "conformance")]
    "conformance",
    #[cfg(feature = "mutants")]
    "mutants",
];
