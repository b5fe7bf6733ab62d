//! The API over twins, in one process: its pipeline, its inputs, its contract.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod contract;
mod hostile_input;
mod pipeline;
mod support;
