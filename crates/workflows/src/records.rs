use restartix_kernel::{Page, PageRequest};
use restartix_telemetry::{AuditEntry, AuditFilter, export_entry, export_head};
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

    /// The part of an export behind the place `after`: the lines up to the next signed head, and that
    /// head; `None` when nothing more is sealed.
    pub async fn export(&self, tenant: &Tenant, after: u64) -> Result<Option<ExportPart>, Failure> {
        let look = async |work: &mut dyn Work| {
            let Some(signed) = work.seals().heads(after, 1).await?.pop() else { return Ok(None) };
            let to = signed.head.seq;
            let sealed = work.seals().sealed(after, to).await?;
            let lines = sealed.iter().map(|entry| export_entry(tenant, entry));
            Ok(Some(ExportPart { to, lines: lines.chain([export_head(&signed)]).collect() }))
        };
        self.desk.read(tenant, look).await
    }
}

/// A part of an export of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPart {
    /// The place of its last line.
    pub to: u64,
    /// Its lines, without their ends.
    pub lines: Vec<String>,
}
