//! Telemetry: what the Telemetry service is told of what happened, the worker that carries it there,
//! the one that compares what arrived, and the one that seals the audit.

mod forwarder;
mod reconciler;
mod sealer;
mod told;

pub use forwarder::TelemetryForwarder;
pub use reconciler::TelemetryReconciler;
pub use sealer::AuditSealer;
pub(crate) use told::fact;
