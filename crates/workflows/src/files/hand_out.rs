//! A file is handed out.

use std::io;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use restartix_kernel::FileId;
use restartix_storage::{Content, Examination, File, ObjectVersion, Parts, SignedRequest, Status};
use restartix_tenancy::Tenant;

use super::Filing;
use super::examine::read_through;
use crate::Failure;

/// How long a link is good for: long enough to follow it.
const LINK: Duration = Duration::from_secs(60);

/// A file on its way to whoever asked.
pub enum Handed {
    /// Where to get it, for a minute.
    Link(SignedRequest),
    /// Its bytes as they come, in constant memory: those of a kind whose address is given to nobody.
    /// They end with an error, before the last of them, unless they are those that were looked at.
    Bytes(Parts),
}

impl std::fmt::Debug for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(signed) => f.debug_tuple("Link").field(signed).finish(),
            Self::Bytes(_) => f.write_str("Bytes(..)"),
        }
    }
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

    /// The bytes that were looked at: what has changed in the store is not handed out whole.
    async fn fetch(
        &self,
        tenant: &Tenant,
        file: &File,
        version: &ObjectVersion,
    ) -> Result<Parts, Failure> {
        let content = self.store()?.read(&file.key(tenant), version).await?;
        let content = content.ok_or(Failure::MissingObject)?;
        if content.size != file.size {
            return Err(changed());
        }
        // What is wrong with the first part is said before anything else is.
        let mut parts = verified(file, content);
        let first = match parts.next().await {
            Some(Err(_)) => return Err(changed()),
            first => first,
        };
        Ok(Box::pin(stream::iter(first).chain(parts)))
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

fn changed() -> Failure {
    Failure::StorageUnavailable("the bytes are not the file's".into())
}

/// The parts of a file. Each is held back until the next one has come, and the last one until all of
/// them are seen to be the file's.
fn verified(file: &File, content: Content) -> Parts {
    let examination = Examination::new(file.content_type, &file.announced());
    let state = Some((content.parts, examination, None));
    Box::pin(stream::unfold(state, async |state| {
        let (mut parts, mut examination, mut held) = state?;
        loop {
            match parts.next().await {
                Some(Ok(part)) => {
                    examination.feed(&part);
                    if let Some(ready) = held.replace(part) {
                        return Some((Ok(ready), Some((parts, examination, held))));
                    }
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    return match examination.finish() {
                        Some(refusal) => Some((Err(io::Error::other(refusal.as_str())), None)),
                        None => held.map(|part| (Ok(part), None)),
                    };
                }
            }
        }
    }))
}

/// The version of a file that can be read.
pub(super) fn available(file: &File) -> Result<&ObjectVersion, Failure> {
    match (&file.object, file.status) {
        (Some(version), Status::Available) => Ok(version),
        _ => Err(Failure::FileNotAvailable),
    }
}
