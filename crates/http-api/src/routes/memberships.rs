use restartix_kernel::MembershipId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Scope};
use restartix_workflows::NewMember;

use crate::input::{Body, IfMatch, PageQuery, PathId};
use crate::wire::{MemberBody, MemberPatchBody, MemberView, PageView};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::Membership);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Membership);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "memberships.list",
                method: Verb::Get,
                path: "/v1/memberships",
                summary: "Who is what to the organisation.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            list,
        )
        .for_clients(Scope::Memberships),
        Route::member(
            Declared {
                operation: "memberships.add",
                method: Verb::Post,
                path: "/v1/memberships",
                summary: "Make a person a member.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            add,
        ),
        Route::member(
            Declared {
                operation: "memberships.edit",
                method: Verb::Patch,
                path: "/v1/memberships/{id}",
                summary: "Change a member's role; never one's own.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            edit,
        ),
        Route::member(
            Declared {
                operation: "memberships.end",
                method: Verb::Delete,
                path: "/v1/memberships/{id}",
                summary: "End a membership, at once; never one's own.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            end,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    PageQuery(page): PageQuery,
) -> Result<Reply<PageView<MemberView>>, Problem> {
    let members = member.api.clinic.members(member.tenant, &page).await?;
    Ok(Reply(members.into()))
}

async fn add(
    member: Member<'_>,
    Body(body): Body<MemberBody>,
) -> Result<Created<MemberView>, Problem> {
    let new = NewMember::try_from(body)?;
    let enrolled = member.api.clinic.enrol(member.tenant, member.act, &new).await?;
    Ok(Created(enrolled.into()))
}

async fn edit(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<MembershipId>, IfMatch, Body<MemberPatchBody>),
) -> Result<Reply<MemberView>, Problem> {
    let Member { api, tenant, act } = member;
    let enrolled = api.clinic.set_role(tenant, act, id, body.role, seen).await?;
    Ok(Reply(enrolled.into()))
}

async fn end(member: Member<'_>, PathId(id): PathId<MembershipId>) -> Result<NoContent, Problem> {
    member.api.clinic.dismiss(member.tenant, member.act, id).await?;
    Ok(NoContent)
}
