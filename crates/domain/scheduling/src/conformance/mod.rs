//! What every implementation of this crate's ports must do; each function panics with the rule
//! that was broken.
//!
//! [`holds`] runs over any [`Holds`](crate::Holds). The suites of the repositories each run within
//! one unit of work of an organisation that holds what [`Case`] says, and need not be committed.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

mod appointments;
mod calendars;
mod case;
mod exceptions;
pub mod holds;
mod seats;
mod types;

pub use appointments::{
    a_move_into_an_overlap_is_refused, an_overlap_is_refused, appointments, appointments_are_unseen,
};
pub use calendars::{calendars, calendars_are_unseen, the_diary_shows};
pub use case::Case;
#[doc(inline)]
pub use exceptions::Ports as ExceptionPorts;
pub use exceptions::{exceptions, exceptions_are_unseen};
pub use seats::seats;
pub use types::{appointment_types, appointment_types_are_unseen};
