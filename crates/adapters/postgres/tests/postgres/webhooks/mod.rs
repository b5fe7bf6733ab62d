//! The pipeline of webhooks in PostgreSQL: places, claims, leases, outcomes, what is kept.

#![expect(clippy::indexing_slicing, reason = "tests fail by panicking")]

mod health;
mod kept;
mod listed;
mod model;
mod places;
mod stage;
