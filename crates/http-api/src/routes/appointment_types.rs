use restartix_kernel::AppointmentTypeId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;
use restartix_workflows::TypeDraft;

use crate::input::{Body, IfMatch, PageQuery, PathId};
use crate::wire::{PageView, TypeBody, TypePatchBody, TypeView};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::AppointmentType);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::AppointmentType);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "appointment_types.list",
                method: Verb::Get,
                path: "/v1/appointment-types",
                summary: "The kinds of appointments on offer.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            list,
        ),
        Route::member(
            Declared {
                operation: "appointment_types.add",
                method: Verb::Post,
                path: "/v1/appointment-types",
                summary: "Offer a new kind of appointment.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            add,
        ),
        Route::member(
            Declared {
                operation: "appointment_types.get",
                method: Verb::Get,
                path: "/v1/appointment-types/{id}",
                summary: "A kind of appointment on offer.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            get,
        ),
        Route::member(
            Declared {
                operation: "appointment_types.edit",
                method: Verb::Patch,
                path: "/v1/appointment-types/{id}",
                summary: "Change a kind of appointment; those booked keep their terms.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            edit,
        ),
        Route::member(
            Declared {
                operation: "appointment_types.retire",
                method: Verb::Delete,
                path: "/v1/appointment-types/{id}",
                summary: "Take a kind of appointment off offer.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            retire,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    PageQuery(page): PageQuery,
) -> Result<Reply<PageView<TypeView>>, Problem> {
    let types = member.api.schedule.types(member.tenant, &page).await?;
    Ok(Reply(types.into()))
}

async fn add(member: Member<'_>, Body(body): Body<TypeBody>) -> Result<Created<TypeView>, Problem> {
    let draft = TypeDraft::try_from(body)?;
    let kind = member.api.schedule.add_type(member.tenant, member.act, draft).await?;
    Ok(Created(kind.into()))
}

async fn get(
    member: Member<'_>,
    PathId(id): PathId<AppointmentTypeId>,
) -> Result<Reply<TypeView>, Problem> {
    let kind = member.api.schedule.find_type(member.tenant, id).await?;
    Ok(Reply(kind.into()))
}

async fn edit(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (
        PathId<AppointmentTypeId>,
        IfMatch,
        Body<TypePatchBody>,
    ),
) -> Result<Reply<TypeView>, Problem> {
    let Member { api, tenant, act } = member;
    let patch = |draft| body.clone().apply(draft);
    let kind = api.schedule.edit_type(tenant, act, id, seen, patch).await?;
    Ok(Reply(kind.into()))
}

async fn retire(
    member: Member<'_>,
    PathId(id): PathId<AppointmentTypeId>,
) -> Result<NoContent, Problem> {
    member.api.schedule.retire_type(member.tenant, member.act, id).await?;
    Ok(NoContent)
}
