//! A file is handed out.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use restartix_kernel::FileId;
use restartix_storage::{File, ObjectVersion, SignedRequest, Status};
use restartix_tenancy::Tenant;

use super::Filing;
use super::examine::read_through;
use crate::Failure;

/// How long a link is good for: long enough to follow it.
const LINK: Duration = Duration::from_secs(60);

/// A file on its way to whoever asked.
#[derive(Debug)]
pub enum Handed {
    /// Where to get it, for a minute.
    Link(SignedRequest),
    /// Its bytes, all of them: those of a kind whose address is given to nobody.
    Bytes(Bytes),
}

impl Filing {
    /// Hands out a file within the caller's reach. Whoever answers keeps the trace of it first.
    pub async fn hand_out(&self, tenant: &Tenant, id: FileId) -> Result<(File, Handed), Failure> {
        let file = self.find(tenant, id).await?;
        let version = available(&file)?;
        let handed = if file.kind.is_proxied() {
            Handed::Bytes(self.fetch(tenant, &file, version).await?)
        } else {
            let key = file.key(tenant);
            let signed = self.store()?.sign_get(&key, version, &file.presentation(), LINK).await?;
            Handed::Link(signed)
        };
        Ok((file, handed))
    }

    /// The bytes that were looked at, or none: what has changed in the store is not handed out.
    async fn fetch(
        &self,
        tenant: &Tenant,
        file: &File,
        version: &ObjectVersion,
    ) -> Result<Bytes, Failure> {
        let content = self.store()?.read(&file.key(tenant), version).await?;
        let content = content.ok_or(Failure::MissingObject)?;
        let mut bytes = BytesMut::new();
        let keep = async |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok(())
        };
        match read_through(file, content, keep).await? {
            None => Ok(bytes.freeze()),
            Some(_) => Err(Failure::StorageUnavailable("the bytes are not the file's".into())),
        }
    }

    /// Whether the store still has the bytes that were looked at.
    pub(super) async fn is_whole(&self, tenant: &Tenant, file: &File) -> Result<bool, Failure> {
        let version = available(file)?;
        let Some(content) = self.store()?.read(&file.key(tenant), version).await? else {
            return Ok(false);
        };
        Ok(read_through(file, content, async |_| Ok(())).await?.is_none())
    }
}

/// The version of a file that can be read.
pub(super) fn available(file: &File) -> Result<&ObjectVersion, Failure> {
    match (&file.object, file.status) {
        (Some(version), Status::Available) => Ok(version),
        _ => Err(Failure::FileNotAvailable),
    }
}
