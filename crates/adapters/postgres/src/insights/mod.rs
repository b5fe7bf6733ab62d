//! Insights: what is computed of patients, from what, and what is told of it.

mod engine;
mod queue;
mod record;
mod rollups;
mod schema;

pub use engine::PgInsights;
pub use queue::PgStalePatients;
