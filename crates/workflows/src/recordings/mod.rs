//! Recordings: asked for, made at the provider, imported as files, gone at the provider.

mod footage;
mod keeper;

use restartix_kernel::{AppointmentId, RecordingId};
use restartix_scheduling::Appointment;
use restartix_storage::Status as FileStatus;
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{Actor, Reach, Role, Tenant};
use restartix_video::{
    AdmissionRefused, Recording, RecordingRefused, RecordingState, VisitState, admit,
};

use crate::rooms::window;
use crate::transitions::lock;
use crate::visits::visit_state;
use crate::{Desk, Failure, Filing, Happening, Seen, Work};

pub(crate) use footage::{fail_footage, take_footage};
pub use keeper::{DueRecording, DueRecordings, RecordingKeeper};

/// Asks for recordings, shows them and has them deleted. What follows is [`RecordingKeeper`]'s: the
/// provider is not called while somebody waits.
#[derive(Clone)]
pub struct Recorder {
    desk: Desk,
    files: Filing,
}

impl Recorder {
    /// The service over `desk`, and the files that recordings become.
    pub const fn new(desk: Desk, files: Filing) -> Self {
        Self { desk, files }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone(), files: self.files.at(desk) }
    }

    /// What was recorded of an appointment within the caller's reach.
    pub async fn list(
        &self,
        tenant: &Tenant,
        id: AppointmentId,
    ) -> Result<Vec<Recording>, Failure> {
        self.desk
            .read(tenant, async |work| {
                work.appointments().find(tenant.reach(), id).await?.ok_or(Failure::NotFound)?;
                Ok(work.recordings().of(id).await?)
            })
            .await
    }

    /// Has the visit recorded that goes on: for its specialist and for administrators, where its type
    /// allows it, its patient consented, and its room is open.
    pub async fn request(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentId,
    ) -> Result<Recording, Failure> {
        // Nothing is recorded that nobody could keep.
        self.files.store()?;
        self.desk
            .change(tenant, async |work| {
                // Of two who ask, one must see the other's.
                let found = work.appointments().lock(tenant.reach(), id).await?;
                let appointment = found.ok_or(Failure::NotFound)?;
                authorised(tenant, &appointment)?;
                self.check(work, &appointment).await?;
                let now = self.desk.moment();
                let recording = Recording::requested(
                    RecordingId::fresh(&*self.desk.clock, &*self.desk.random),
                    id,
                    tenant.person(),
                    now,
                );
                work.recordings().add(&recording).await?;
                trace(&self.desk, work, act, &appointment, recording.id).await?;
                Ok(recording)
            })
            .await
    }

    async fn check(&self, work: &mut dyn Work, appointment: &Appointment) -> Result<(), Failure> {
        if !appointment.online {
            return Err(Failure::InPerson);
        }
        offered(work, appointment).await?;
        if !appointment.recording_consent {
            return Err(RecordingRefused::NoConsent.into());
        }
        let window = window(&work.organisations().own().await?, appointment);
        let room = work.rooms().find(appointment.id).await?;
        let state: VisitState = visit_state(appointment.status);
        admit(state, window, room.as_ref(), self.desk.clock.now())?;
        if work.recordings().of(appointment.id).await?.iter().any(Recording::is_running) {
            return Err(RecordingRefused::Running.into());
        }
        Ok(())
    }

    /// Keeps whether the patient consents to a recording, until the visit is over. Where a consent goes,
    /// what is being recorded ends, and goes too.
    pub async fn consent(
        &self,
        tenant: &Tenant,
        act: &Act,
        seen: Seen,
        given: bool,
    ) -> Result<Appointment, Failure> {
        self.desk
            .change(tenant, async |work| {
                let found = lock(work, tenant, seen).await?;
                match visit_state(found.status) {
                    VisitState::Open => {}
                    VisitState::Cancelled => return Err(AdmissionRefused::Cancelled.into()),
                    VisitState::Over => return Err(AdmissionRefused::TooLate.into()),
                }
                let changed = found.recording_consent != given;
                let appointment = if changed { found.with_consent(given) } else { found };
                if changed {
                    self.keep_consent(work, act, &appointment).await?;
                }
                let resource = Resource::one(ResourceKind::Appointment, appointment.id);
                self.desk.trace(work, act, resource, Some(appointment.patient)).await?;
                Ok(appointment)
            })
            .await
    }

    async fn keep_consent(
        &self,
        work: &mut dyn Work,
        act: &Act,
        appointment: &Appointment,
    ) -> Result<(), Failure> {
        if appointment.recording_consent {
            offered(work, appointment).await?;
        } else {
            for one in work.recordings().of(appointment.id).await? {
                if one.is_running() {
                    let gone = one.deleted(self.desk.moment());
                    crate::files::made(work.recordings().update(&gone).await?)?;
                    trace(&self.desk, work, act, appointment, gone.id).await?;
                }
            }
        }
        work.appointments().set_consent(appointment).await?;
        // The room at the provider follows.
        let (appointment, version) = (appointment.id, appointment.version);
        let told = Happening::RecordingConsentChanged { appointment, version };
        self.desk.announce(work, told).await
    }

    /// Deletes a recording: the file that it became, and what the provider has of it a moment later.
    pub async fn delete(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentId,
        recording: RecordingId,
    ) -> Result<(), Failure> {
        self.desk
            .change(tenant, async |work| {
                let found = work.appointments().lock(tenant.reach(), id).await?;
                let appointment = found.ok_or(Failure::NotFound)?;
                authorised(tenant, &appointment)?;
                let found = work.recordings().find(recording).await?;
                let known = found
                    .filter(|one| one.appointment == id && one.state != RecordingState::Deleted)
                    .ok_or(Failure::NotFound)?;
                self.delete_file(work, act, &known).await?;
                let gone = known.deleted(self.desk.moment());
                crate::files::made(work.recordings().update(&gone).await?)?;
                trace(&self.desk, work, act, &appointment, gone.id).await
            })
            .await
    }

    async fn delete_file(
        &self,
        work: &mut dyn Work,
        act: &Act,
        recording: &Recording,
    ) -> Result<(), Failure> {
        let Some(file) = recording.file else { return Ok(()) };
        match work.files().find(Reach::Organisation, file).await? {
            Some(file) if file.status == FileStatus::Deleted => Ok(()),
            Some(file) if file.legal_hold => Err(Failure::LegalHold),
            Some(file) => self.files.bury(work, act, file.deleted(self.desk.clock.now())).await,
            None => Ok(()),
        }
    }
}

/// Whether appointments of this type are recorded at all.
async fn offered(work: &mut dyn Work, appointment: &Appointment) -> Result<(), Failure> {
    let kind = work.appointment_types().find(appointment.appointment_type).await?;
    let offered = kind.is_some_and(|kind| kind.recording);
    if offered { Ok(()) } else { Err(RecordingRefused::NotOffered.into()) }
}

/// Only whoever treats, and who administers, may have a visit recorded or its recording deleted.
fn authorised(tenant: &Tenant, appointment: &Appointment) -> Result<(), Failure> {
    match tenant.actor() {
        Actor::User { role: Role::Admin, .. } => Ok(()),
        Actor::User { person, .. } if person == appointment.specialist => Ok(()),
        Actor::User { .. } | Actor::Client { .. } | Actor::System => Err(Failure::NotAParticipant),
    }
}

async fn trace(
    desk: &Desk,
    work: &mut dyn Work,
    act: &Act,
    appointment: &Appointment,
    recording: RecordingId,
) -> Result<(), Failure> {
    let resource = Resource::one(ResourceKind::Recording, recording);
    desk.trace(work, act, resource, Some(appointment.patient)).await
}
