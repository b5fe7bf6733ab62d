//! Files: announced, uploaded, looked at, handed out, signed, and gone again.

mod announce;
mod examine;
mod hand_out;
mod import;
mod keeper;
mod parts;
mod sign;

use std::sync::Arc;

use restartix_kernel::{FileId, Page, PageRequest};
use restartix_storage::{
    File, FileFilter, MalwareScanner, ObjectError, ObjectStore, Refusal, ScanUnavailable, Status,
};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Actor, Change, Role, Tenant, Version};

pub use announce::FileDraft;
pub use hand_out::Handed;
pub(crate) use import::Import;
pub use keeper::{DueFile, DueFiles, FileKeeper};
pub use sign::Signed;

use crate::{Desk, Failure, Happening, Work};

/// Takes files in, looks at them, and hands them out.
///
/// What is known of a file is in the database, its bytes are in a store that is never called within
/// a unit of work. Every step may be repeated: a server may be killed at any point, and
/// [`FileKeeper`] goes on from there.
#[derive(Clone)]
pub struct Filing {
    desk: Desk,
    store: Option<Arc<dyn ObjectStore>>,
    scanner: Arc<dyn MalwareScanner>,
}

impl Filing {
    /// The service over `desk`, a store and a scanner; without a store there are no files.
    pub fn new(
        desk: Desk,
        store: Option<Arc<dyn ObjectStore>>,
        scanner: Arc<dyn MalwareScanner>,
    ) -> Self {
        Self { desk, store, scanner }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// The files within the caller's reach.
    pub async fn list(
        &self,
        tenant: &Tenant,
        filter: &FileFilter,
        page: &PageRequest,
    ) -> Result<Page<File>, Failure> {
        let look =
            async |work: &mut dyn Work| Ok(work.files().list(tenant.reach(), filter, page).await?);
        self.desk.glance(tenant, look).await
    }

    /// One of the files within the caller's reach.
    pub async fn find(&self, tenant: &Tenant, id: FileId) -> Result<File, Failure> {
        self.desk.glance(tenant, async |work| find(work, tenant, id).await).await
    }

    /// Deletes a file: at once for everybody who asks, its bytes a moment later. For whoever
    /// announced it, and for administrators.
    pub async fn delete(&self, tenant: &Tenant, act: &Act, id: FileId) -> Result<(), Failure> {
        self.desk
            .change(tenant, async |work| {
                let file = find(work, tenant, id).await?;
                let may = is_admin(tenant) || is_uploader(tenant, &file);
                if !may {
                    return Err(Failure::Forbidden);
                }
                if file.legal_hold {
                    return Err(Failure::LegalHold);
                }
                let gone = file.deleted(self.desk.clock.now());
                self.bury(work, act, gone).await
            })
            .await
    }

    /// Puts a file under a legal hold, or ends one.
    pub async fn hold(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: FileId,
        seen: Option<Version>,
        legal_hold: bool,
    ) -> Result<File, Failure> {
        self.desk
            .change(tenant, async |work| {
                let file = find(work, tenant, id).await?;
                if seen.is_some_and(|seen| seen != file.version) {
                    return Err(Failure::Stale);
                }
                let held = file.held(legal_hold);
                made(work.files().hold(&held).await?)?;
                self.trace_file(work, act, &held).await?;
                Ok(held)
            })
            .await
    }

    /// Keeps a tombstone, and lets everybody know.
    pub(crate) async fn bury(
        &self,
        work: &mut dyn Work,
        act: &Act,
        gone: File,
    ) -> Result<(), Failure> {
        made(work.files().update(&gone).await?)?;
        let told = Happening::FileDeleted { file: gone.id, version: gone.version };
        self.desk.announce(work, told).await?;
        self.trace_file(work, act, &gone).await
    }

    async fn trace_file(&self, work: &mut dyn Work, act: &Act, file: &File) -> Result<(), Failure> {
        let resource = Resource::one(ResourceKind::File, file.id);
        self.desk.trace(work, act, resource, file.patient).await
    }

    pub(crate) fn store(&self) -> Result<&Arc<dyn ObjectStore>, Failure> {
        self.store.as_ref().ok_or_else(|| Failure::StorageUnavailable("no store is set".into()))
    }
}

/// A file within the caller's reach that is not deleted.
async fn find(work: &mut dyn Work, tenant: &Tenant, id: FileId) -> Result<File, Failure> {
    let found = work.files().find(tenant.reach(), id).await?;
    found.filter(|file| file.status != Status::Deleted).ok_or(Failure::NotFound)
}

/// Whether a conditional change was made; what was overtaken is to be looked at again.
pub(crate) fn made(change: Change) -> Result<(), Failure> {
    match change {
        Change::Made => Ok(()),
        Change::Stale => Err(Failure::Stale),
        Change::Absent => Err(Failure::NotFound),
    }
}

fn is_admin(tenant: &Tenant) -> bool {
    matches!(tenant.actor(), Actor::User { role: Role::Admin, .. })
}

fn is_uploader(tenant: &Tenant, file: &File) -> bool {
    file.uploader.is_some() && file.uploader == tenant.person()
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Unavailable(cause) => Self::StorageUnavailable(cause),
            ObjectError::Body(cause) => Self::BrokenBody(cause),
            ObjectError::OtherBytes(_) => Self::Content(Refusal::ChecksumMismatch),
            refused @ ObjectError::Refused(_) => Self::StorageUnavailable(Box::new(refused)),
        }
    }
}

impl From<ScanUnavailable> for Failure {
    fn from(error: ScanUnavailable) -> Self {
        Self::StorageUnavailable(Box::new(error))
    }
}
