use restartix_kernel::{Page, PageRequest};
use restartix_telemetry::{AuditEntry, AuditFilter};
use restartix_tenancy::Tenant;

use crate::{Desk, Failure, Work};

/// What is kept of what was done.
#[derive(Clone)]
pub struct Records {
    desk: Desk,
}

impl Records {
    /// The service over `desk`.
    pub const fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone() }
    }

    /// Lines of the audit, the latest first.
    pub async fn audit(
        &self,
        tenant: &Tenant,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, Failure> {
        let look = async |work: &mut dyn Work| Ok(work.audit().list(filter, page).await?);
        self.desk.glance(tenant, look).await
    }
}
