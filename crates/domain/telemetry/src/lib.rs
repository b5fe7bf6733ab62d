//! Audit: who did what to what, with which outcome, in which organisation. Rehabilitation: what is
//! told of a patient's programme. Pseudonyms: who that is to others.
//!
//! Knows nothing of SQL, HTTP or the Telemetry service's own API. Two ports of the audit, by when
//! the trace is written:
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
//! | `outcome.recorded` | a specialist for those they treat, an administrator for all; it names its patient, and its score is one of its [`Instrument`] | a [`ReportDraft`] |
//!
//! A draft is judged by [`ReportDraft::judge`] and kept by [`RehabEvents`], once, however often it is
//! told.
//!
//! # What leaves
//! Three ports. [`TelemetryFeed`] belongs to one transaction too: a [`Fact`] waits
//! from the moment in which its change commits. [`ForwardQueue`] freezes what waits into batches.
//! [`TelemetryService`] is where they go: nothing is lost, and what comes twice counts once.
//!
//! [`Fact`] and [`RehabEvent`] are closed: words, bounded numbers, ids and times, so that no text
//! can leave with them. [`PseudonymKeys`] makes of a person what the Telemetry service may know of
//! them. [`Line::encode`] is the wire format; `fixtures/telemetry` publishes it.
//!
//! # What is sealed
//! After a line has committed, a sealer gives it its place in its organisation's sequence and in a chain
//! of hashes, and signs how far that goes: [`SealQueue`], [`Unsealed::seal`]. An export shows it all, and
//! [`ExportVerifier`] finds what was changed since, with nothing but the public key. Both sides compare
//! what they have by the hour: [`Tally`], [`ReconcileQueue`].
//!
//! Why these crates: `hmac` and `sha2` for the pseudonyms' HMAC-SHA-256, as in the webhooks;
//! `ed25519-dalek` for the signed heads: pure Rust, maintained, and what `jsonwebtoken` verifies with.

mod audit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod entry;
mod export;
mod fact;
mod forward;
mod hex;
pub mod insights;
#[cfg(feature = "conformance")]
pub mod memory;
#[cfg(feature = "mutants")]
mod mutants;
mod ports;
mod program;
mod pseudonym;
mod rehab;
mod report;
mod seal;
mod service;
mod tally;
mod wire;

pub use audit::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};
pub use entry::{AuditActor, AuditEntry, AuditFilter, Ending};
pub use export::{Broken, ExportVerifier, Flaw, Verified, export_begin, export_entry, export_head};
pub use fact::{AnalyticsFact, Attendee, EventKind, Fact, Party, Publication, Whom};
pub use forward::{
    Alarm, Backlog, BacklogGauge, ForwardClaim, ForwardQueue, ForwardVerdict, Forwarded,
    FrozenBatch, TelemetryFeed,
};
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
pub use seal::{
    AuditSeals, Head, KeyName, LineDigest, NoPublicKey, PublicKey, SealClaim, SealKey, SealQueue,
    Sealed, SealedEntry, SignedHead, Unsealed,
};
pub use service::{PoisonReason, Poisoned, SendError, TelemetryService};
pub use tally::{Comparison, DueHour, Hour, HourClaim, ReconcileQueue, Tally};
pub use wire::{
    Batch, BatchId, Kept, Line, MAX_EVENTS, MAX_LINE, Malformed, Told, WIRE_VERSION, sealed_line,
};
