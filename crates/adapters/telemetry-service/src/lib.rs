//! The sibling Telemetry service: [`TelemetryClient`] implements the port
//! [`restartix_telemetry::TelemetryService`].
//!
//! Knows nothing of what is told, of SQL or of our own HTTP API. The wire format around a batch is the
//! published one of `fixtures/telemetry`: JSON lines, zstd, a signature over what is sent, and the
//! batch's id as the idempotency key.
//!
//! # How it behaves
//! - It speaks to loopback and private addresses (RFC 1918, RFC 4193) and to no other. A configured
//!   address that is public is no configuration, [`TelemetryClient::vouch`] refuses a name that leads
//!   to one, and every connection judges again what its name leads to: each address of it, for one
//!   that is public spoils the rest. No redirect is followed and no proxy is asked.
//! - A call is made once: whoever sends decides when to send again, and the same batch may be.
//! - Each call is bounded in time and bytes, and what the service says is read leniently.
//! - Nothing that it logs or answers holds the key or a line of a batch.
//!
//! Less obvious dependencies: `ureq`, because batches are few and belong on blocking threads; `rustls`
//! by name, to hand it *ring* explicitly; `zstd`, the reference implementation.

mod client;
mod config;
mod error;
mod place;
mod transport;

pub use client::{Health, TelemetryClient};
pub use config::{Config, ConfigError, Timeouts};
pub use error::CallError;
pub use place::PublicAddress;
