//! Telemetry: what waits to be sent, and the queue of those who send.

mod feed;
mod hours;
mod queue;

pub use hours::PgTelemetryHours;
pub use queue::PgTelemetryQueue;
