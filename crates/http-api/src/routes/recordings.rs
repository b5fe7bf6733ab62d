use restartix_kernel::AppointmentId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::{PathId, PathRecording};
use crate::wire::{RecordingListView, RecordingView};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Recording);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "recordings.list",
                method: Verb::Get,
                path: "/v1/appointments/{id}/recordings",
                summary: "What was recorded of an appointment that you may see.",
                audit: AuditClass::Read(ResourceKind::Recording),
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            list,
        ),
        Route::member(
            Declared {
                operation: "recordings.request",
                method: Verb::Post,
                path: "/v1/appointments/{id}/recordings",
                summary: "Have the visit recorded that goes on, with its patient's consent.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            request,
        ),
        Route::member(
            Declared {
                operation: "recordings.delete",
                method: Verb::Delete,
                path: "/v1/appointments/{id}/recordings/{recording_id}",
                summary: "Delete a recording, and the file that it became.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            delete,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    PathId(id): PathId<AppointmentId>,
) -> Result<Reply<RecordingListView>, Problem> {
    Ok(Reply(member.api.recorder.list(member.tenant, id).await?.into()))
}

async fn request(
    member: Member<'_>,
    PathId(id): PathId<AppointmentId>,
) -> Result<Created<RecordingView>, Problem> {
    let recording = member.api.recorder.request(member.tenant, member.act, id).await?;
    Ok(Created(recording.into()))
}

async fn delete(
    member: Member<'_>,
    (PathId(id), PathRecording(recording)): (PathId<AppointmentId>, PathRecording),
) -> Result<NoContent, Problem> {
    member.api.recorder.delete(member.tenant, member.act, id, recording).await?;
    Ok(NoContent)
}
