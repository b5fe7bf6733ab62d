//! Audit: who did what to what, with which outcome, in which organisation. Rehabilitation: what is
//! told of a patient's programme. Pseudonyms: who that is to others.
//!
//! Knows nothing of SQL, HTTP or the Telemetry service. Two ports, by when the trace is written:
//!
//! * [`AuditTrail`] belongs to one transaction: the trace of a change commits with the change.
//! * [`AuditLog`] stands alone: the trace of a read, a refusal or a failure, which has no
//!   transaction of its own, is durable before the answer leaves.
//!
//! [`RehabEvent`] is closed: words, bounded numbers, ids and times, so that no text can leave with
//! it. [`PseudonymKeys`] makes of a person what the Telemetry service may know of them.
//!
//! Why these crates: `hmac` and `sha2` for the pseudonyms' HMAC-SHA-256, as in the webhooks.
//! Analytics events join this crate when they have content.

mod audit;
mod entry;
#[cfg(feature = "conformance")]
pub mod memory;
mod ports;
mod pseudonym;
mod rehab;

pub use audit::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};
pub use entry::{AuditActor, AuditEntry, AuditFilter};
pub use ports::{AuditLog, AuditTrail, AuditUnavailable};
pub use pseudonym::{KeyEpoch, Pseudonym, PseudonymKey, PseudonymKeys, Subject};
pub use rehab::{
    Effort, ExerciseCount, Instrument, OutOfRange, Pain, RehabEvent, RehabFact, Reps, Score,
    Seconds, Sets, Source, WeeklySessions,
};
