//! Audit: who did what to what, with which outcome, in which organisation.
//!
//! Knows nothing of SQL, HTTP or the Telemetry service. Two ports, by when the trace is written:
//!
//! * [`AuditTrail`] belongs to one transaction: the trace of a change commits with the change.
//! * [`AuditLog`] stands alone: the trace of a read, a refusal or a failure, which has no
//!   transaction of its own, is durable before the answer leaves.
//!
//! Analytics, rehab events and pseudonyms join this crate when they have content.

mod audit;
mod entry;
#[cfg(feature = "conformance")]
pub mod memory;
mod ports;

pub use audit::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};
pub use entry::{AuditActor, AuditEntry, AuditFilter};
pub use ports::{AuditLog, AuditTrail, AuditUnavailable};
