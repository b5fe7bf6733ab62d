//! Telemetry: what the Telemetry service is told of what happened, and the worker that carries it
//! there.

mod forwarder;
mod told;

pub use forwarder::TelemetryForwarder;
pub(crate) use told::fact;
