//! The one pass over a file's bytes that says what it is.

use std::pin::pin;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use restartix_kernel::FileId;
use restartix_storage::{Content, Examination, File, Refusal, Scanned, Status, Verdict};
use restartix_telemetry::Act;
use restartix_tenancy::{Change, Reach, Tenant};

use super::Filing;
use crate::{Failure, Happening, Work};

/// How long a client waits for the verdict; what takes longer goes on without them.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long whoever looks first is left alone: a little longer than the client waits.
const FIRST_LOOK: TimeDelta = TimeDelta::seconds(15);

impl Filing {
    /// Looks at what was uploaded. What takes longer than ten seconds, or cannot be looked at now,
    /// is answered as `scanning` and goes on by itself. May be repeated.
    pub async fn complete(&self, tenant: &Tenant, act: &Act, id: FileId) -> Result<File, Failure> {
        let file = self.own(tenant, id).await?;
        if file.status != Status::Pending {
            self.desk.change(tenant, async |work| self.trace_file(work, act, &file).await).await?;
            return Ok(file);
        }
        let key = file.key(tenant);
        if let Some(upload) = &file.upload {
            // Parts that do not make the file yet are no object, and it is said that there is none.
            self.store()?.join_parts(&key, upload, file.size).await?;
        }
        let found = self.store()?.head(&key, None).await?;
        let version = found.ok_or(Failure::MissingObject)?.version;
        let scanning = file.scanning(version, self.desk.clock.now() + FIRST_LOOK);
        let begun = self
            .desk
            .change(tenant, async |work| {
                let change = work.files().update(&scanning).await?;
                self.trace_file(work, act, &scanning).await?;
                Ok(change)
            })
            .await?;
        if begun != Change::Made {
            // Somebody else said so in the same moment, and looks.
            return self.own(tenant, id).await;
        }
        match self.look_for_a_while(tenant, &scanning).await {
            Some(verdict) => self.judge(tenant, act, scanning, verdict).await,
            None => Ok(scanning),
        }
    }

    /// `None`: not within the time that a client waits, or not now.
    async fn look_for_a_while(&self, tenant: &Tenant, file: &File) -> Option<Verdict> {
        let look = pin!(self.look_at(tenant, file));
        match select(look, self.desk.clock.sleep(PATIENCE)).await {
            Either::Left((Ok(verdict), _)) => Some(verdict),
            Either::Left((Err(failure), _)) => {
                let error: &dyn std::error::Error = &failure;
                tracing::warn!(file = %file.id, error, "a file cannot be looked at yet");
                None
            }
            Either::Right(_) => None,
        }
    }

    /// Reads every byte once.
    pub(super) async fn look_at(&self, tenant: &Tenant, file: &File) -> Result<Verdict, Failure> {
        let (key, store) = (file.key(tenant), self.store()?);
        let Some(version) = &file.object else { return Err(Failure::MissingObject) };
        let Some(facts) = store.head(&key, Some(version)).await? else {
            return Ok(Verdict::Refused(Refusal::SizeMismatch));
        };
        if !facts.encrypted {
            return Ok(Verdict::Refused(Refusal::NotEncrypted));
        }
        if facts.size != file.size {
            return Ok(Verdict::Refused(Refusal::SizeMismatch));
        }
        let Some(content) = store.read(&key, version).await? else {
            return Ok(Verdict::Refused(Refusal::SizeMismatch));
        };
        let mut scan = self.scanner.begin().await?;
        let refusal = read_through(file, content, async |part| Ok(scan.feed(part).await?)).await?;
        Ok(match (scan.finish().await?, refusal) {
            (Scanned::Infected, _) => Verdict::Infected,
            (Scanned::Clean, Some(refusal)) => Verdict::Refused(refusal),
            (Scanned::Clean, None) => Verdict::Good,
        })
    }

    /// Keeps the verdict, with its event and its line, in one unit of work. Whoever comes second
    /// finds it judged.
    pub(super) async fn judge(
        &self,
        tenant: &Tenant,
        act: &Act,
        file: File,
        verdict: Verdict,
    ) -> Result<File, Failure> {
        let id = file.id;
        let judged = file.judged(verdict, self.desk.clock.now());
        let kept = self
            .desk
            .change_if_any(tenant, async |work| {
                if work.files().update(&judged).await? != Change::Made {
                    return Ok(None);
                }
                self.desk.announce(work, told(&judged)).await?;
                self.trace_file(work, act, &judged).await?;
                Ok(Some(()))
            })
            .await?;
        if kept.is_some() {
            return Ok(judged);
        }
        let look = async |work: &mut dyn Work| {
            work.files().find(Reach::Organisation, id).await?.ok_or(Failure::NotFound)
        };
        self.desk.glance(tenant, look).await
    }
}

/// Reads every byte once, lets `each` have the parts, and answers why they are not the file's.
pub(super) async fn read_through(
    file: &File,
    content: Content,
    mut each: impl AsyncFnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Option<Refusal>, Failure> {
    let mut examination = Examination::new(file.content_type, &file.announced());
    let mut parts = content.parts;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| Failure::StorageUnavailable(Box::new(error)))?;
        examination.feed(&part);
        each(&part).await?;
    }
    Ok(examination.finish())
}

/// What others hear of a file that was judged.
const fn told(file: &File) -> Happening {
    let (version, kind, refusal) = (file.version, file.kind, file.refusal);
    let file_id = file.id;
    match (file.status, refusal) {
        (Status::Infected, _) => Happening::FileInfected { file: file_id, version },
        (_, Some(refusal)) => Happening::FileRejected { file: file_id, version, refusal },
        (_, None) => Happening::FileAvailable { file: file_id, version, kind },
    }
}
