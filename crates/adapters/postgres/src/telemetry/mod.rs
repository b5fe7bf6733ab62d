//! Telemetry: what waits to be sent, and the queue of those who send.

mod feed;
mod hours;
mod queue;

pub(crate) use feed::publish;
pub use hours::PgTelemetryHours;
pub use queue::PgTelemetryQueue;
