//! A file that the platform takes from somewhere else.

use futures_util::StreamExt as _;
use restartix_kernel::{AppointmentId, FileId, PersonId};
use restartix_storage::{ContentType, File, FileKind, FileName, Sha256, Status};
use restartix_telemetry::Act;
use restartix_tenancy::{Reach, Tenant, Version};
use restartix_video::Reel;
use sha2::{Digest as _, Sha256 as Hasher};

use super::{Filing, made};
use crate::{Failure, Work};

/// What the file is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Import {
    /// Under this id, at each try: a second copy of the bytes takes the place of the first.
    pub(crate) file: FileId,
    /// About whom.
    pub(crate) patient: PersonId,
    /// Of which visit.
    pub(crate) appointment: AppointmentId,
}

/// How bytes were found to be, while they passed.
struct Measured {
    size: u64,
    sha256: Sha256,
}

impl Filing {
    /// Copies a recording into a file, and answers where that stands; `None` when there is nothing to
    /// copy, or too much. May be repeated, and goes on where it was broken off.
    ///
    /// The source is read twice, in constant memory: the store takes only bytes whose hash it was told
    /// before. So a copy that differs from what was measured is refused by the store itself.
    pub(crate) async fn import(
        &self,
        tenant: &Tenant,
        act: &Act,
        import: Import,
        open: impl AsyncFn() -> Result<Option<Reel>, Failure>,
    ) -> Result<Option<Status>, Failure> {
        let look = async |work: &mut dyn Work| {
            Ok(work.files().find(Reach::Organisation, import.file).await?)
        };
        let file = match self.desk.glance(tenant, look).await? {
            Some(file) => file,
            None => {
                let Some(reel) = open().await? else { return Ok(None) };
                let Some(measured) = measure(reel).await? else { return Ok(None) };
                self.announce_import(tenant, act, import, measured).await?
            }
        };
        let file = match file.status {
            Status::Pending => {
                let Some(reel) = open().await? else { return Ok(None) };
                self.copy(tenant, act, file, reel).await?
            }
            _ => file,
        };
        if file.status != Status::Scanning {
            return Ok(Some(file.status));
        }
        let verdict = self.look_at(tenant, &file).await?;
        Ok(Some(self.judge(tenant, act, file, verdict).await?.status))
    }

    async fn announce_import(
        &self,
        tenant: &Tenant,
        act: &Act,
        import: Import,
        measured: Measured,
    ) -> Result<File, Failure> {
        let name = FileName::new("recording.mp4")
            .map_err(|_| Failure::Invalid { pointer: "/file_name", code: "invalid" })?;
        let now = self.desk.moment();
        let file = File {
            id: import.file,
            kind: FileKind::Recording,
            name,
            content_type: ContentType::Mp4,
            size: measured.size,
            sha256: measured.sha256,
            patient: Some(import.patient),
            appointment: Some(import.appointment),
            uploader: None,
            status: Status::Pending,
            refusal: None,
            object: None,
            upload: None,
            legal_hold: false,
            created_at: now,
            // Whoever imports looks after it; what is given up is given up long after.
            due_at: Some(now + chrono::TimeDelta::days(2)),
            version: Version::FIRST,
        };
        self.desk
            .change(tenant, async |work| {
                work.files().add(&file).await?;
                self.trace_file(work, act, &file).await
            })
            .await?;
        Ok(file)
    }

    /// Puts the bytes into the store, and says which version of them is to be looked at.
    async fn copy(
        &self,
        tenant: &Tenant,
        act: &Act,
        file: File,
        reel: Reel,
    ) -> Result<File, Failure> {
        let key = file.key(tenant);
        let version = self.store()?.put(&key, &file.announced(), reel.parts).await?;
        let until = self.desk.clock.now() + chrono::TimeDelta::minutes(10);
        let scanning = file.scanning(version, until);
        self.desk
            .change(tenant, async |work| {
                made(work.files().update(&scanning).await?)?;
                self.trace_file(work, act, &scanning).await
            })
            .await?;
        Ok(scanning)
    }
}

/// Reads every byte once. `None` for none at all, and for more than a recording may have. Bytes that
/// are not as many as was said are an outage: the source broke off.
async fn measure(reel: Reel) -> Result<Option<Measured>, Failure> {
    let (mut size, mut hasher) = (0_u64, Hasher::new());
    let mut parts = reel.parts;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| Failure::StorageUnavailable(Box::new(error)))?;
        size = size.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if size > FileKind::Recording.largest() {
            return Ok(None);
        }
        hasher.update(&part);
    }
    drop(parts);
    if reel.size.is_some_and(|told| told != size) {
        return Err(Failure::StorageUnavailable("a recording broke off".into()));
    }
    let sha256 = Sha256::from_bytes(hasher.finalize().into());
    Ok((size > 0).then_some(Measured { size, sha256 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn reel(size: Option<u64>, parts: &[&'static [u8]]) -> Reel {
        let parts: Vec<_> = parts.iter().map(|part| Ok((*part).into())).collect();
        Reel { size, parts: Box::pin(stream::iter(parts)) }
    }

    #[test]
    fn bytes_are_counted_and_hashed_as_they_pass() {
        let measured = |reel| futures_executor::block_on(measure(reel));
        let abc = measured(reel(Some(3), &[b"a", b"bc"])).unwrap().unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((abc.size, abc.sha256.to_string()), (3, known.to_owned()));
        assert!(measured(reel(None, &[b"a"])).unwrap().is_some());
        assert!(measured(reel(None, &[])).unwrap().is_none(), "nothing");
        assert!(measured(reel(Some(4), &[b"abc"])).is_err(), "broken off");
    }
}
