//! The ports in memory, for tests and examples.

mod audit;
mod insights;
mod rehab;
mod service;

pub use audit::MemoryAuditLog;
pub use insights::MemoryInsights;
pub use rehab::{MemoryRehab, MemoryRehabUnit};
pub use service::MemoryTelemetryService;
