//! In-memory twins of the ports: for tests, examples, and teams that embed this crate.
//!
//! They pass the suites in [`conformance`](crate::conformance), as every adapter does.

mod appointments;
mod calendars;
mod clinic;
mod exceptions;
mod holds;
mod types;

pub use clinic::{MemoryClinic, MemoryUnit};
pub use holds::MemoryHolds;
