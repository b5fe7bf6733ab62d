//! What is learned of who is in a room, and what follows from it.

use restartix_kernel::AppointmentId;
use restartix_scheduling::{Appointment, Status};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::Reach;
use restartix_video::{Attendance, Learned, NoticeId, Part, Stay};

use crate::{Desk, Failure, Happening, Work};

/// Writes a stay down, once. `None` when there was nothing to learn.
///
/// The appointment is locked first: of two who come together, one must see the other.
pub(super) async fn learn(
    desk: &Desk,
    work: &mut dyn Work,
    act: &Act,
    id: AppointmentId,
    notice: Option<&NoticeId>,
    stay: &Stay,
) -> Result<Option<()>, Failure> {
    if let Some(notice) = notice
        && !work.presence().remember(notice, desk.clock.now()).await?
    {
        return Ok(None);
    }
    let found = work.appointments().lock(Reach::Organisation, id).await?;
    let appointment = found.ok_or(Failure::NotFound)?;
    let Some(part) = part(&appointment, stay) else { return Ok(None) };
    let learned = work.presence().learn(id, stay).await?;
    if learned == Learned::default() {
        return Ok(None);
    }
    let (version, person) = (appointment.version, stay.person);
    if learned.joined {
        let joined = Happening::ParticipantJoined { appointment: id, version, part, person };
        desk.announce(work, joined).await?;
        begin(desk, work, &appointment).await?;
    }
    if let Some(seconds) = stay.seconds().filter(|_| learned.left) {
        let left = Happening::ParticipantLeft { appointment: id, version, part, person, seconds };
        desk.announce(work, left).await?;
    }
    let resource = Resource::one(ResourceKind::VideoRoom, id);
    desk.trace(work, act, resource, Some(appointment.patient)).await?;
    Ok(Some(()))
}

/// Once both have come, the appointment is under way, where its organisation lets presence say so.
async fn begin(desk: &Desk, work: &mut dyn Work, appointment: &Appointment) -> Result<(), Failure> {
    if appointment.status != Status::Confirmed
        || !work.organisations().own().await?.policies.start_on_arrival
    {
        return Ok(());
    }
    let stays = work.presence().stays(appointment.id).await?;
    if !Attendance::of(&stays, |stay| part(appointment, stay)).is_complete() {
        return Ok(());
    }
    let begun = appointment.transition(Status::InProgress)?;
    work.appointments().set_status(&begun).await?;
    let (id, version) = (begun.id, begun.version);
    desk.announce(work, Happening::AppointmentStarted { appointment: id, version }).await
}

/// In what part the one who stays is in the appointment's room; only patient and specialist have keys
/// to it.
pub(crate) fn part(appointment: &Appointment, stay: &Stay) -> Option<Part> {
    if stay.person == appointment.specialist {
        Some(Part::Specialist)
    } else if stay.person == appointment.patient {
        Some(Part::Patient)
    } else {
        None
    }
}
