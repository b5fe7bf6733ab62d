use restartix_kernel::ProgramId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Scope};
use restartix_workflows::{ProgramDraft, ProgramPatch};

use crate::input::{Body, IfMatch, PathId, ProgramsQuery};
use crate::wire::{PageView, ProgramBody, ProgramPatchBody, ProgramView};
use crate::{AuditClass, Created, Declared, Member, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::Program);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Program);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "programs.list",
                method: Verb::Get,
                path: "/v1/programs",
                summary: "The programmes that you may see.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            list,
        )
        .for_clients(Scope::Programs),
        Route::member(
            Declared {
                operation: "programs.assign",
                method: Verb::Post,
                path: "/v1/programs",
                summary: "Give a patient whom you may see a programme.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            assign,
        ),
        Route::member(
            Declared {
                operation: "programs.get",
                method: Verb::Get,
                path: "/v1/programs/{id}",
                summary: "A programme that you may see.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            get,
        )
        .for_clients(Scope::Programs),
        Route::member(
            Declared {
                operation: "programs.revise",
                method: Verb::Patch,
                path: "/v1/programs/{id}",
                summary: "Change what it asks for from today on; what it asked for before is kept.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            revise,
        ),
        Route::member(
            Declared {
                operation: "programs.pause",
                method: Verb::Post,
                path: "/v1/programs/{id}/pause",
                summary: "Let it rest.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            pause,
        ),
        Route::member(
            Declared {
                operation: "programs.resume",
                method: Verb::Post,
                path: "/v1/programs/{id}/resume",
                summary: "Let it go on.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            resume,
        ),
        Route::member(
            Declared {
                operation: "programs.end",
                method: Verb::Post,
                path: "/v1/programs/{id}/end",
                summary: "End it, for good.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            end,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    ProgramsQuery(filter, page): ProgramsQuery,
) -> Result<Reply<PageView<ProgramView>>, Problem> {
    Ok(Reply(member.api.rehab.programs(member.tenant, &filter, &page).await?.into()))
}

async fn assign(
    member: Member<'_>,
    Body(body): Body<ProgramBody>,
) -> Result<Created<ProgramView>, Problem> {
    let draft = ProgramDraft::try_from(body)?;
    Ok(Created(member.api.rehab.assign(member.tenant, member.act, &draft).await?.into()))
}

async fn get(
    member: Member<'_>,
    PathId(id): PathId<ProgramId>,
) -> Result<Reply<ProgramView>, Problem> {
    Ok(Reply(member.api.rehab.program(member.tenant, id).await?.into()))
}

async fn revise(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<ProgramId>, IfMatch, Body<ProgramPatchBody>),
) -> Result<Reply<ProgramView>, Problem> {
    let patch = ProgramPatch::try_from(body)?;
    let Member { api, tenant, act } = member;
    Ok(Reply(api.rehab.revise(tenant, act, id, seen, &patch).await?.into()))
}

async fn pause(
    member: Member<'_>,
    PathId(id): PathId<ProgramId>,
) -> Result<Reply<ProgramView>, Problem> {
    Ok(Reply(member.api.rehab.pause(member.tenant, member.act, id).await?.into()))
}

async fn resume(
    member: Member<'_>,
    PathId(id): PathId<ProgramId>,
) -> Result<Reply<ProgramView>, Problem> {
    Ok(Reply(member.api.rehab.resume(member.tenant, member.act, id).await?.into()))
}

async fn end(
    member: Member<'_>,
    PathId(id): PathId<ProgramId>,
) -> Result<Reply<ProgramView>, Problem> {
    Ok(Reply(member.api.rehab.end(member.tenant, member.act, id).await?.into()))
}
