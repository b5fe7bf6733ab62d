//! What adherence is, by golden vectors, and that nothing suppressed can be had by subtraction.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod golden;
mod subtraction;
