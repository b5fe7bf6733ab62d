use async_trait::async_trait;
use restartix_kernel::{Page, PageRequest, StoreError};
use restartix_tenancy::Tenant;

use crate::{AuditEntry, AuditEvent, AuditFilter};

/// The audit within one unit of work, and so within one organisation: the trace of a change
/// commits with the change or not at all.
#[async_trait]
pub trait AuditTrail: Send {
    /// Writes `event` as an act of the tenant for whom the unit of work was begun.
    async fn record(&mut self, event: AuditEvent) -> Result<(), StoreError>;

    /// Lines of the organisation, the latest first.
    async fn list(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError>;
}

/// The audit cannot be written now: whoever wanted to read must go without.
#[derive(Debug, thiserror::Error)]
#[error("the audit cannot be written now")]
pub struct AuditUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The audit of what has no transaction of its own: reads, refusals, failures.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Returns once `event`, an act of `tenant`, is durable.
    async fn append(&self, tenant: &Tenant, event: AuditEvent) -> Result<(), AuditUnavailable>;
}
