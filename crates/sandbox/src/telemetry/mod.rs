//! The Telemetry service as the platform's wire format has it: `POST /v1/ingest`, append-only, on a
//! private address alone.
//!
//! It is written from `fixtures/telemetry` and from nothing else: it verifies signatures and schemas
//! by itself, keeps a batch whole or not at all, drops what comes twice, and answers 202 only after
//! what it got is on the disk. `GET /v1/tallies` says what it has of an hour. What it got is found again after a restart of the process, where it
//! has a store of its own.
//!
//! # Control endpoints
//! - `GET /_sandbox/events?organization_id=&kind=&type=&id=&after=&limit=`: what it got, oldest first,
//!   each with its batch; `after` is the number of the last one seen.
//! - `GET /_sandbox/summary`: counts of batches, events and duplicates.
//! - `GET|POST /_sandbox/switches`: see [`Switches`]; a POST changes only what it names.
//! - `GET|DELETE /_sandbox/journal`: every request, and how it was answered.

mod control;
mod http;
mod schema;
mod server;
mod signature;
mod store;
mod switches;

pub use server::{DEFAULT_KEY, Options, Telemetry};
pub use store::{Received, Summary};
pub use switches::Switches;
