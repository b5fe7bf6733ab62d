//! Telemetry: what waits to be sent, and the queue of those who send.

mod feed;
mod queue;

pub use queue::PgTelemetryQueue;
