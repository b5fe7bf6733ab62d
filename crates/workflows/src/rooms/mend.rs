use std::sync::Arc;

use restartix_kernel::AppointmentId;
use restartix_scheduling::{Appointment, Status};
use restartix_telemetry::{Act, Operation, Resource, ResourceKind};
use restartix_tenancy::{Reach, Tenant};
use restartix_video::{Room, RoomTerms, VideoProvider, Window};

use super::window;
use crate::{Desk, Failure, Happening, Work};

/// Participants at most: patient, specialist, and an interpreter, relative or student each.
const MAX_PARTICIPANTS: u16 = 8;

/// Brings the room of one appointment to what the appointment says, as both stand now. Every step may
/// be repeated.
#[derive(Clone)]
pub(super) struct Mender {
    pub(super) desk: Desk,
    pub(super) provider: Arc<dyn VideoProvider>,
    /// Whether it closes rooms too, which may take its time; who does not leaves a room that was called off to
    /// the event that says so.
    pub(super) closes: bool,
}

/// Whether the room that is kept is believed to stand at the provider as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// Nobody says otherwise.
    Kept,
    /// Somebody has looked, and it does not.
    Doubted,
}

/// An appointment and its room, as both stand now.
struct Seen {
    appointment: Appointment,
    room: Option<Room>,
    terms: RoomTerms,
}

impl Mender {
    pub(super) async fn bring_to(
        &self,
        tenant: &Tenant,
        id: AppointmentId,
        belief: Belief,
    ) -> Result<(), Failure> {
        let Seen { appointment, room, terms } = self.look(tenant, id).await?;
        let wanted = appointment.online
            && appointment.status.is_active()
            && self.desk.clock.now() < terms.window.closes_at;
        let called_off =
            self.closes && appointment.online && appointment.status == Status::Cancelled;
        match room {
            Some(room) if wanted => {
                let so = room.window == terms.window && room.recorded == terms.recorded;
                if belief == Belief::Kept && so {
                    return Ok(());
                }
                let kept = self.provider.update_room(tenant, &room.name, &terms).await?;
                let kept = match kept {
                    // Whoever named it then.
                    Some(kept) => Room { naming: room.naming, ..kept },
                    None => self.provider.create_room(tenant, id, &terms).await?,
                };
                self.keep(tenant, &appointment, &kept).await
            }
            None if wanted => {
                let made = self.provider.create_room(tenant, id, &terms).await?;
                self.keep(tenant, &appointment, &made).await
            }
            Some(room) if called_off => self.close(tenant, &appointment, &room).await,
            // A worker may have died between making the room and keeping it.
            None if called_off => Ok(self.provider.delete_unkept(tenant, id).await?),
            // What is over closes by itself at the room's own end; what was called off is for whoever closes.
            Some(_) | None => Ok(()),
        }
    }

    async fn look(&self, tenant: &Tenant, id: AppointmentId) -> Result<Seen, Failure> {
        self.desk
            .read(tenant, async |work| {
                let found = work.appointments().find(Reach::Organisation, id).await?;
                let appointment = found.ok_or(Failure::NotFound)?;
                let own = work.organisations().own().await?;
                let window: Window = window(&own, &appointment);
                let recorded = may_record(work, &appointment).await?;
                let (region, max_participants) = (own.video_region, MAX_PARTICIPANTS);
                let terms = RoomTerms { window, max_participants, recorded, region };
                Ok(Seen { room: work.rooms().find(id).await?, appointment, terms })
            })
            .await
    }

    async fn keep(
        &self,
        tenant: &Tenant,
        appointment: &Appointment,
        room: &Room,
    ) -> Result<(), Failure> {
        let act = Act { operation: Operation::new("video.open_room"), request: None };
        self.desk
            .change(tenant, async |work| {
                work.rooms().keep(appointment.id, room).await?;
                let (appointment_id, version) = (appointment.id, appointment.version);
                let ready = Happening::RoomReady { appointment: appointment_id, version };
                let resource = Resource::one(ResourceKind::VideoRoom, appointment.id);
                self.desk.conclude(work, ready, &act, resource, Some(appointment.patient)).await
            })
            .await
    }

    /// Out with both first: a deletion may have to wait for its turn.
    async fn close(
        &self,
        tenant: &Tenant,
        appointment: &Appointment,
        room: &Room,
    ) -> Result<(), Failure> {
        let both = [appointment.patient, appointment.specialist];
        self.provider.eject(tenant, &room.name, &both).await?;
        self.provider.delete_room(tenant, &room.name).await?;
        let act = Act { operation: Operation::new("video.close_room"), request: None };
        self.desk
            .change(tenant, async |work| {
                work.rooms().forget(appointment.id).await?;
                let resource = Resource::one(ResourceKind::VideoRoom, appointment.id);
                self.desk.trace(work, &act, resource, Some(appointment.patient)).await
            })
            .await
    }
}

/// Whether a visit may be recorded: its type allows it, and its patient consented.
pub(crate) async fn may_record(
    work: &mut dyn Work,
    appointment: &Appointment,
) -> Result<bool, Failure> {
    if !appointment.recording_consent {
        return Ok(false);
    }
    let kind = work.appointment_types().find(appointment.appointment_type).await?;
    Ok(kind.is_some_and(|kind| kind.recording))
}
