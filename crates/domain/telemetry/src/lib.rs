//! Audit: who did what to what, with which outcome, in which organisation. Rehabilitation: what is
//! told of a patient's programme. Pseudonyms: who that is to others.
//!
//! Knows nothing of SQL, HTTP or the Telemetry service. Two ports, by when the trace is written:
//!
//! * [`AuditTrail`] belongs to one transaction: the trace of a change commits with the change.
//! * [`AuditLog`] stands alone: the trace of a read, a refusal or a failure, which has no
//!   transaction of its own, is durable before the answer leaves.
//!
//! # Rehabilitation
//! A [`Program`] is what the care team asks of a patient. Its plans are kept with the day from which
//! each took effect, its rests with their times, so that adherence can be told of any week.
//!
//! | event | who writes it | how |
//! |---|---|---|
//! | `program.assigned`, `.revised`, `.paused`, `.resumed`, `.ended` | a specialist for those they treat, an administrator for all | by doing it: [`Programs`] |
//! | `exercise.completed` | the patient, or a device that has their token, for themself | a [`ReportDraft`] |
//! | `outcome.recorded` | a specialist for those they treat, an administrator for all; it names its patient | a [`ReportDraft`] |
//!
//! A draft is judged by [`ReportDraft::judge`] and kept by [`RehabEvents`], once, however often it is
//! told.
//!
//! [`RehabEvent`] is closed: words, bounded numbers, ids and times, so that no text can leave with
//! it. [`PseudonymKeys`] makes of a person what the Telemetry service may know of them.
//!
//! Why these crates: `hmac` and `sha2` for the pseudonyms' HMAC-SHA-256, as in the webhooks.
//! Analytics events join this crate when they have content.

mod audit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod entry;
#[cfg(feature = "conformance")]
pub mod memory;
mod ports;
mod program;
mod pseudonym;
mod rehab;
mod report;

pub use audit::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};
pub use entry::{AuditActor, AuditEntry, AuditFilter};
pub use ports::{AuditLog, AuditTrail, AuditUnavailable};
pub use program::{
    Exercise, Exercises, ExercisesError, Pause, Plan, Prescription, Program, ProgramFilter,
    ProgramHistory, ProgramRefused, ProgramStatus, Programs, Revision,
};
pub use pseudonym::{KeyEpoch, Pseudonym, PseudonymKey, PseudonymKeys, Subject};
pub use rehab::{
    Effort, ExerciseCount, Instrument, OutOfRange, Pain, RehabEvent, RehabFact, Reps, Score,
    Seconds, Sets, Source, WeeklySessions,
};
pub use report::{RehabEvents, Rejection, Report, ReportDraft, ReportKind, Reported};
