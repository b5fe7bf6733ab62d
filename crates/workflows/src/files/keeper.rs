//! Looks after files that nobody waits for.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_kernel::FileId;
use restartix_storage::{File, Status};
use restartix_telemetry::{Act, Operation};
use restartix_tenancy::{Change, ClaimSource, ClaimedRow, ClaimedRows, Reach, Tenant, Version};

use super::Filing;
use crate::{Failure, Round, Worker};

/// How files that are due are claimed.
#[derive(Clone, Copy, Debug)]
pub struct DueFiles {
    /// Files at most.
    pub limit: u16,
    /// The keeper's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub lease: TimeDelta,
}

/// A file that is due, as it was when it was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueFile {
    /// Which.
    pub id: FileId,
    /// Its version: one that has changed since is somebody else's affair.
    pub version: Version,
}

/// Goes on where a request left off, gives up what was never uploaded, retires what was kept long
/// enough, and takes the bytes of what is gone out of the store.
pub struct FileKeeper<Q> {
    filing: Filing,
    queue: ClaimedRows<Q>,
}

impl<Q: ClaimSource<Key = DueFiles, Row = DueFile>> FileKeeper<Q> {
    /// Files claimed at once: each may be read whole, one beside the other.
    const BATCH: u16 = 4;
    /// How long a claim lasts, and so how long after a failure it is tried again.
    const LEASE: TimeDelta = TimeDelta::seconds(40);

    /// A keeper over `queue`.
    pub fn new(filing: Filing, queue: Q) -> Self {
        Self { filing, queue: ClaimedRows::new(queue) }
    }

    async fn deal_with(&self, row: ClaimedRow<DueFile>) -> bool {
        self.queue
            .run(row, async |tenant, due| match self.look_after(tenant, due).await {
                Ok(()) => true,
                Err(failure) => {
                    let error: &dyn std::error::Error = &failure;
                    let organisation = tenant.organisation().get();
                    tracing::warn!(organisation, file = %due.id, error, "a file is not looked after");
                    false
                }
            })
            .await
    }

    async fn look_after(&self, tenant: &Tenant, due: DueFile) -> Result<(), Failure> {
        let find = async |work: &mut dyn crate::Work| {
            Ok(work.files().find(Reach::Organisation, due.id).await?)
        };
        let found = self.filing.desk.glance(tenant, find).await?;
        let Some(file) = found.filter(|file| file.version == due.version) else { return Ok(()) };
        match file.status {
            Status::Pending => self.give_up(tenant, "files.expire", file).await,
            Status::Available => self.give_up(tenant, "files.retire", file).await,
            Status::Scanning => {
                let verdict = self.filing.look_at(tenant, &file).await?;
                self.filing.judge(tenant, &act("files.examine"), file, verdict).await.map(drop)
            }
            Status::Infected | Status::Rejected | Status::Deleted => self.sweep(tenant, file).await,
        }
    }

    async fn give_up(
        &self,
        tenant: &Tenant,
        operation: &'static str,
        file: File,
    ) -> Result<(), Failure> {
        let gone = file.deleted(self.filing.desk.clock.now());
        let bury = async |work: &mut dyn crate::Work| {
            self.filing.bury(work, &act(operation), gone.clone()).await
        };
        match self.filing.desk.change(tenant, bury).await {
            // Somebody was faster.
            Err(Failure::Stale) => Ok(()),
            ended => ended,
        }
    }

    /// First the bytes, then the word that they are gone.
    async fn sweep(&self, tenant: &Tenant, file: File) -> Result<(), Failure> {
        self.filing.store()?.delete(&file.key(tenant)).await?;
        let swept = file.swept(self.filing.desk.clock.now());
        let keep = async |work: &mut dyn crate::Work| {
            if work.files().update(&swept).await? != Change::Made {
                return Ok(None);
            }
            self.filing.trace_file(work, &act("files.sweep"), &swept).await.map(Some)
        };
        self.filing.desk.change_if_any(tenant, keep).await.map(drop)
    }
}

const fn act(operation: &'static str) -> Act {
    Act { operation: Operation::new(operation), request: None }
}

#[async_trait(?Send)]
impl<Q: ClaimSource<Key = DueFiles, Row = DueFile>> Worker for FileKeeper<Q> {
    fn name(&self) -> &'static str {
        "files"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.filing.desk.clock.now();
        let due = DueFiles { limit: Self::BATCH, now, lease: Self::LEASE };
        let rows = self.queue.claim(&due).await?;
        let dealt = join_all(rows.into_iter().map(|row| self.deal_with(row))).await;
        let postponed = dealt.iter().filter(|done| !**done).count();
        Ok(Round { claimed: dealt.len(), postponed })
    }
}
