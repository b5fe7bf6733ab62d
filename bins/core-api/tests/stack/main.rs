//! The whole stack, as it is shipped: the server as a process, real PostgreSQL, real Redis, the
//! stand-ins for Daily.co, S3 and the Telemetry service on real sockets; stopped, killed and lied to.

#![expect(clippy::indexing_slicing, reason = "tests fail by panicking, and JSON is indexed")]

mod audit;
mod booking;
mod browser;
mod calls;
mod client;
mod clients;
mod console;
mod crowds;
mod exceptions;
mod file_faults;
mod file_memory;
mod file_pages;
mod files;
mod hostile;
mod hostile_files;
mod insights;
mod kills;
mod once;
mod outage;
mod races;
mod rehab;
mod reminders;
mod seats;
mod soak;
mod support;
mod telemetry;
mod transitions;
mod trials;
mod upkeep;
mod verifiers;
mod video;
mod walls;
mod webhooks;
