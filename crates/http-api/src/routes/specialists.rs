use restartix_kernel::PersonId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::{Body, IfMatch, PageQuery, PathId};
use crate::wire::{HoursBody, PageView, SpecialistView};
use crate::{AuditClass, Declared, Member, Problem, Reply, Roles, Route, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "specialists.list",
                method: Verb::Get,
                path: "/v1/specialists",
                summary: "Who can be booked, and their hours.",
                audit: AuditClass::Read(ResourceKind::Calendar),
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            list,
        ),
        Route::member(
            Declared {
                operation: "specialists.get",
                method: Verb::Get,
                path: "/v1/specialists/{id}",
                summary: "Somebody who can be booked, and their hours.",
                audit: AuditClass::Read(ResourceKind::Calendar),
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            get,
        ),
        Route::member(
            Declared {
                operation: "specialists.set_hours",
                method: Verb::Put,
                path: "/v1/specialists/{id}/weekly-hours",
                summary: "Replace a specialist's hours; specialists their own.",
                audit: AuditClass::Change(ResourceKind::Calendar),
                rate: RateClass::Write,
            },
            Roles::STAFF,
            set_hours,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    PageQuery(page): PageQuery,
) -> Result<Reply<PageView<SpecialistView>>, Problem> {
    let specialists = member.api.schedule.specialists(member.tenant, &page).await?;
    Ok(Reply(specialists.into()))
}

async fn get(
    member: Member<'_>,
    PathId(id): PathId<PersonId>,
) -> Result<Reply<SpecialistView>, Problem> {
    Ok(Reply(member.api.schedule.specialist(member.tenant, id).await?.into()))
}

async fn set_hours(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<PersonId>, IfMatch, Body<HoursBody>),
) -> Result<Reply<SpecialistView>, Problem> {
    let Member { api, tenant, act } = member;
    let (zone, hours) = body.try_into()?;
    let specialist = api.schedule.set_hours(tenant, act, (id, seen), zone, &hours).await?;
    Ok(Reply(specialist.into()))
}
