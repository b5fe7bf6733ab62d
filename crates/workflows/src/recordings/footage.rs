//! What the provider says it has, put to the recording that it is.

use restartix_kernel::{AppointmentId, FileId, RecordingId};
use restartix_scheduling::Appointment;
use restartix_telemetry::Act;
use restartix_tenancy::Reach;
use restartix_video::{Footage, Recording, RecordingState, recording_of};

use super::trace;
use crate::rooms::may_record;
use crate::{Desk, Failure, Work};

/// Takes footage that is ready to the recording that waits for it. What was begun in the room itself
/// is one of its own. `None` when it was known.
///
/// Footage of a visit that must not be recorded, or whose recording was called off, is not taken in:
/// it goes at the provider.
pub(crate) async fn take_footage(
    desk: &Desk,
    work: &mut dyn Work,
    act: &Act,
    id: AppointmentId,
    footage: &Footage,
) -> Result<Option<()>, Failure> {
    let appointment = locked(work, id).await?;
    let known = work.recordings().of(id).await?;
    let now = desk.moment();
    let (found, is_new) = match recording_of(&known, &footage.id) {
        Some(found) if found.footage.is_some() => return Ok(None),
        Some(found) => (found.clone(), false),
        None => {
            let fresh = RecordingId::fresh(&*desk.clock, &*desk.random);
            (Recording::requested(fresh, id, None, now), true)
        }
    };
    let wanted = found.state != RecordingState::Deleted && may_record(work, &appointment).await?;
    let taken = if wanted {
        let file = FileId::fresh(&*desk.clock, &*desk.random);
        found.ready(footage.id.clone(), footage.seconds, file, now)
    } else {
        found.unwanted(footage.id.clone(), now)
    };
    if is_new {
        work.recordings().add(&taken).await?;
    } else {
        crate::files::made(work.recordings().update(&taken).await?)?;
    }
    trace(desk, work, act, &appointment, taken.id).await?;
    Ok(Some(()))
}

/// Ends the recording that is being made of a visit. `None` when none is.
pub(crate) async fn fail_footage(
    desk: &Desk,
    work: &mut dyn Work,
    act: &Act,
    id: AppointmentId,
) -> Result<Option<()>, Failure> {
    let appointment = locked(work, id).await?;
    let known = work.recordings().of(id).await?;
    let Some(running) = known.into_iter().find(Recording::is_running) else { return Ok(None) };
    let failed = running.failed();
    crate::files::made(work.recordings().update(&failed).await?)?;
    trace(desk, work, act, &appointment, failed.id).await?;
    Ok(Some(()))
}

async fn locked(work: &mut dyn Work, id: AppointmentId) -> Result<Appointment, Failure> {
    work.appointments().lock(Reach::Organisation, id).await?.ok_or(Failure::NotFound)
}
