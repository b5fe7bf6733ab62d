use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use restartix_tenancy::{Actor, OrgId, Tenant};

use crate::{AuditEvent, AuditLog, AuditUnavailable};

/// Keeps what was appended; can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryAuditLog {
    lines: Mutex<Vec<(OrgId, Actor, AuditEvent)>>,
    broken: std::sync::atomic::AtomicBool,
}

impl MemoryAuditLog {
    /// What was appended, in order, with organisation and actor.
    pub fn lines(&self) -> Vec<(OrgId, Actor, AuditEvent)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on every append fails, or none.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, std::sync::atomic::Ordering::SeqCst);
    }
}

#[async_trait]
impl AuditLog for MemoryAuditLog {
    async fn append(&self, tenant: &Tenant, event: AuditEvent) -> Result<(), AuditUnavailable> {
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(AuditUnavailable("told to fail".into()));
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((tenant.organisation(), tenant.actor(), event));
        Ok(())
    }
}
