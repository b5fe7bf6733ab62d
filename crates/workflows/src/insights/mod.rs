//! What is told of what patients did, and what keeps it told.

mod dashboards;
mod keeper;

pub use dashboards::{Dashboards, Named, PatientSummary, Progress};
pub use keeper::InsightKeeper;
