//! What every implementation of this crate's ports must do; each function panics with the rule that
//! was broken.
//!
//! The suites of repositories each run within one unit of work of an organisation that holds what [`Case`] says, and
//! need not be committed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

mod case;
mod events;
mod insights;
mod programs;
mod service;

pub use case::Case;
pub use events::{rehab_events, rehab_events_are_unseen};
pub use insights::{Callers, InsightsScene, insights};
pub use programs::{programs, programs_are_unseen};
pub use service::{
    FarSide, an_hour_is_counted_and_summed_up, an_outage_and_a_lost_answer_lose_and_double_nothing,
    batch, ids, keys, poison_is_named_and_the_rest_goes_on,
    what_is_refused_without_a_name_is_found_by_halves, what_is_sent_again_arrives_once,
};
