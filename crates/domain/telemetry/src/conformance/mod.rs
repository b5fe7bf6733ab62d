//! What every implementation of this crate's repositories must do; each function panics with the
//! rule that was broken.
//!
//! The suites each run within one unit of work of an organisation that holds what [`Case`] says, and
//! need not be committed.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

mod case;
mod events;
mod programs;

pub use case::Case;
pub use events::{rehab_events, rehab_events_are_unseen};
pub use programs::{programs, programs_are_unseen};
