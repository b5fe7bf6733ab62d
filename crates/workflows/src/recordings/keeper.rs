use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_kernel::RecordingId;
use restartix_scheduling::Appointment;
use restartix_storage::Status as FileStatus;
use restartix_telemetry::{Act, Operation};
use restartix_tenancy::{Change, ClaimSource, ClaimedRow, ClaimedRows, Reach, Tenant, Version};
use restartix_video::{
    FootageId, ProviderError, Recording, RecordingProvider, RecordingState, RoomName, Window,
};

use super::{take_footage, trace};
use crate::files::Import;
use crate::rooms::window;
use crate::{Desk, Failure, Filing, Happening, Round, Work, Worker};

/// How recordings that are due are claimed.
#[derive(Clone, Copy, Debug)]
pub struct DueRecordings {
    /// Recordings at most.
    pub limit: u16,
    /// The keeper's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub lease: TimeDelta,
}

/// A recording that is due, as it was when it was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRecording {
    /// Which.
    pub id: RecordingId,
    /// Its version: one that has changed since is somebody else's affair.
    pub version: Version,
}

/// Carries recordings through their states: has the provider begin, finds out what no notice told,
/// imports what is ready, and deletes at the provider what is imported or unwanted.
///
/// The importing copy goes first and the provider's last: a worker may be killed at any point, and
/// nothing is lost.
pub struct RecordingKeeper<Q> {
    desk: Desk,
    files: Filing,
    queue: ClaimedRows<Q>,
    provider: Arc<dyn RecordingProvider>,
}

/// A recording that is due, and what it is of.
struct Due {
    recording: Recording,
    appointment: Appointment,
    window: Window,
    room: Option<RoomName>,
}

impl<Q: ClaimSource<Key = DueRecordings, Row = DueRecording>> RecordingKeeper<Q> {
    /// Recordings claimed at once: each may be read whole, one beside the other.
    const BATCH: u16 = 2;
    /// How long a claim lasts, and so how long after a failure it is tried again. An import that takes
    /// longer may meet another's: both write the same bytes to the same place.
    const LEASE: TimeDelta = TimeDelta::minutes(5);
    /// How long after its room has closed a recording is looked for that no notice told of.
    const UNTOLD: TimeDelta = TimeDelta::minutes(2);
    /// Until the provider is asked again to record a room in which nobody was.
    const NOBODY_YET: TimeDelta = TimeDelta::seconds(10);

    /// A keeper over `queue`, the files and the provider.
    pub fn new(desk: Desk, files: Filing, queue: Q, provider: Arc<dyn RecordingProvider>) -> Self {
        Self { desk, files, queue: ClaimedRows::new(queue), provider }
    }

    async fn deal_with(&self, row: ClaimedRow<DueRecording>) -> bool {
        self.queue
            .run(row, async |tenant, due| match self.look_after(tenant, due).await {
                // Somebody was faster.
                Ok(()) | Err(Failure::Stale) => true,
                Err(failure) => {
                    let error: &dyn std::error::Error = &failure;
                    let organisation = tenant.organisation().get();
                    tracing::warn!(organisation, recording = %due.id, error, "a recording waits");
                    false
                }
            })
            .await
    }

    async fn look_after(&self, tenant: &Tenant, due: DueRecording) -> Result<(), Failure> {
        let Some(due) = self.find(tenant, due).await? else { return Ok(()) };
        match due.recording.state {
            RecordingState::Requested => self.begin(tenant, due).await,
            RecordingState::Recording => self.look_for(tenant, due).await,
            RecordingState::Ready => self.import(tenant, due).await,
            RecordingState::Imported => self.let_go(tenant, due).await,
            RecordingState::Deleted => self.clear(tenant, due).await,
            RecordingState::Failed => {
                self.keep(tenant, &due, due.recording.clone().left(None)).await
            }
        }
    }

    async fn find(&self, tenant: &Tenant, due: DueRecording) -> Result<Option<Due>, Failure> {
        self.desk
            .read(tenant, async |work| {
                let found = work.recordings().find(due.id).await?;
                let Some(recording) = found.filter(|one| one.version == due.version) else {
                    return Ok(None);
                };
                let id = recording.appointment;
                let appointment = work.appointments().find(Reach::Organisation, id).await?;
                let appointment = appointment.ok_or(Failure::NotFound)?;
                let window = window(&work.organisations().own().await?, &appointment);
                let room = work.rooms().find(id).await?.map(|room| room.name);
                Ok(Some(Due { recording, appointment, window, room }))
            })
            .await
    }

    /// Has the provider begin. In a room in which nobody is, it does not: that is tried again until
    /// the room closes.
    async fn begin(&self, tenant: &Tenant, due: Due) -> Result<(), Failure> {
        let now = self.desk.clock.now();
        let Some(room) = due.room.as_ref().filter(|_| now < due.window.closes_at) else {
            return self.keep(tenant, &due, due.recording.clone().failed()).await;
        };
        let kept = match self.provider.start_recording(tenant, room).await {
            Ok(()) => due.recording.clone().begun(due.window.closes_at + Self::UNTOLD),
            Err(ProviderError::Refused(_)) => {
                due.recording.clone().left(Some(now + Self::NOBODY_YET))
            }
            Err(error) => return Err(error.into()),
        };
        self.keep(tenant, &due, kept).await
    }

    /// Finds out what became of a recording of which no notice came.
    async fn look_for(&self, tenant: &Tenant, due: Due) -> Result<(), Failure> {
        let footage = match &due.room {
            Some(room) => self.provider.footage(tenant, room).await?,
            None => Vec::new(),
        };
        for one in footage.iter().filter(|one| one.finished) {
            let id = due.appointment.id;
            let take = async |work: &mut dyn Work| {
                take_footage(&self.desk, work, &act("recordings.find"), id, one).await
            };
            self.desk.change_if_any(tenant, take).await?;
        }
        let Some(due) = self.find(tenant, DueRecording::of(&due.recording)).await? else {
            return Ok(());
        };
        if self.desk.clock.now() < due.window.closes_at + Recording::PATIENCE {
            // The end of the lease is the next look.
            return Ok(());
        }
        self.keep(tenant, &due, due.recording.clone().failed()).await
    }

    /// Copies what the provider has into a file. What is not the kind of file that is kept, or is not
    /// there any more, fails for good.
    async fn import(&self, tenant: &Tenant, due: Due) -> Result<(), Failure> {
        let (Some(footage), Some(file)) = (&due.recording.footage, due.recording.file) else {
            return self.keep(tenant, &due, due.recording.clone().failed()).await;
        };
        let Appointment { id, patient, .. } = due.appointment;
        let import = Import { file, patient, appointment: id };
        let open = async || Ok(self.provider.fetch(tenant, footage).await?);
        let status = self.files.import(tenant, &act("recordings.import"), import, open).await?;
        if status != Some(FileStatus::Available) {
            tracing::warn!(recording = %due.recording.id, ?status, "a recording cannot be imported");
            return self.keep(tenant, &due, due.recording.clone().failed()).await;
        }
        let imported = due.recording.clone().imported(self.desk.moment());
        let (appointment, version) = (id, due.appointment.version);
        self.desk
            .change(tenant, async |work| {
                crate::files::made(work.recordings().update(&imported).await?)?;
                let told = Happening::RecordingAvailable { appointment, version };
                self.desk.announce(work, told).await?;
                let act = act("recordings.import");
                trace(&self.desk, work, &act, &due.appointment, imported.id).await
            })
            .await
    }

    /// Deletes at the provider what is imported.
    async fn let_go(&self, tenant: &Tenant, due: Due) -> Result<(), Failure> {
        self.delete_footage(tenant, due.recording.footage.as_ref()).await?;
        self.keep(tenant, &due, due.recording.clone().left(None)).await
    }

    /// Deletes at the provider what nobody wants. What is still being made is ended, and deleted when
    /// it is known by name: by a notice, or here.
    async fn clear(&self, tenant: &Tenant, due: Due) -> Result<(), Failure> {
        if due.recording.footage.is_some() {
            return self.let_go(tenant, due).await;
        }
        let Some(room) = &due.room else {
            return self.keep(tenant, &due, due.recording.clone().left(None)).await;
        };
        self.provider.stop_recording(tenant, room).await?;
        let id = due.appointment.id;
        for one in self.provider.footage(tenant, room).await?.iter().filter(|one| one.finished) {
            let take = async |work: &mut dyn Work| {
                take_footage(&self.desk, work, &act("recordings.find"), id, one).await
            };
            self.desk.change_if_any(tenant, take).await?;
        }
        match self.find(tenant, DueRecording::of(&due.recording)).await? {
            // It has a name now, and is due.
            None => Ok(()),
            // A notice may still come; until the room has closed somebody looks.
            Some(due) => {
                let now = self.desk.clock.now();
                let again = (now < due.window.closes_at + Self::UNTOLD).then(|| now + Self::LEASE);
                self.keep(tenant, &due, due.recording.clone().left(again)).await
            }
        }
    }

    async fn delete_footage(
        &self,
        tenant: &Tenant,
        footage: Option<&FootageId>,
    ) -> Result<(), Failure> {
        match footage {
            Some(footage) => Ok(self.provider.delete_footage(tenant, footage).await?),
            None => Ok(()),
        }
    }

    /// Keeps where a recording stands now, with its line.
    async fn keep(&self, tenant: &Tenant, due: &Due, moved: Recording) -> Result<(), Failure> {
        let keep = async |work: &mut dyn Work| {
            if work.recordings().update(&moved).await? != Change::Made {
                return Ok(None);
            }
            let act = act("recordings.keep");
            trace(&self.desk, work, &act, &due.appointment, moved.id).await.map(Some)
        };
        self.desk.change_if_any(tenant, keep).await.map(drop)
    }
}

impl DueRecording {
    const fn of(recording: &Recording) -> Self {
        Self { id: recording.id, version: recording.version }
    }
}

const fn act(operation: &'static str) -> Act {
    Act { operation: Operation::new(operation), request: None }
}

#[async_trait(?Send)]
impl<Q: ClaimSource<Key = DueRecordings, Row = DueRecording>> Worker for RecordingKeeper<Q> {
    fn name(&self) -> &'static str {
        "recordings"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        let due = DueRecordings { limit: Self::BATCH, now, lease: Self::LEASE };
        let rows = self.queue.claim(&due).await?;
        let dealt = join_all(rows.into_iter().map(|row| self.deal_with(row))).await;
        let postponed = dealt.iter().filter(|done| !**done).count();
        Ok(Round { claimed: dealt.len(), postponed })
    }
}
