use restartix_kernel::PersonId;
use restartix_scheduling::engine::{LocalBlock, Window};
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::{Body, PageQuery, PathDate, PathId, PathTimeOff};
use crate::wire::{OverrideBody, OverrideView, PageView, TimeOffBody, TimeOffView};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Calendar);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "specialists.set_override",
                method: Verb::Put,
                path: "/v1/specialists/{id}/date-overrides/{date}",
                summary: "Give a date hours of its own, or none; specialists their own dates.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            set_override,
        ),
        Route::member(
            Declared {
                operation: "specialists.list_overrides",
                method: Verb::Get,
                path: "/v1/specialists/{id}/date-overrides",
                summary: "The dates that have hours of their own; specialists ask for theirs.",
                audit: AuditClass::Read(ResourceKind::Calendar),
                rate: RateClass::Read,
            },
            Roles::STAFF,
            overrides,
        ),
        Route::member(
            Declared {
                operation: "specialists.drop_override",
                method: Verb::Delete,
                path: "/v1/specialists/{id}/date-overrides/{date}",
                summary: "Let the weekly hours hold again on a date.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            drop_override,
        ),
        Route::member(
            Declared {
                operation: "specialists.list_time_off",
                method: Verb::Get,
                path: "/v1/specialists/{id}/time-off",
                summary: "When a specialist is away; specialists ask for themselves.",
                audit: AuditClass::Read(ResourceKind::Calendar),
                rate: RateClass::Read,
            },
            Roles::STAFF,
            time_off,
        ),
        Route::member(
            Declared {
                operation: "specialists.add_time_off",
                method: Verb::Post,
                path: "/v1/specialists/{id}/time-off",
                summary: "Say that a specialist is away; specialists for themselves.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            add_time_off,
        ),
        Route::member(
            Declared {
                operation: "specialists.drop_time_off",
                method: Verb::Delete,
                path: "/v1/specialists/{id}/time-off/{time_off_id}",
                summary: "Take time off back.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            drop_time_off,
        ),
    ]
}

async fn set_override(
    member: Member<'_>,
    (PathId(id), PathDate(date), Body(body)): (PathId<PersonId>, PathDate, Body<OverrideBody>),
) -> Result<Reply<OverrideView>, Problem> {
    let hours = Vec::<LocalBlock>::try_from(body)?;
    member.api.schedule.set_override(member.tenant, member.act, id, date, &hours).await?;
    Ok(Reply(OverrideView::new(id, date, &hours)))
}

async fn overrides(
    member: Member<'_>,
    (PathId(id), PageQuery(page)): (PathId<PersonId>, PageQuery),
) -> Result<Reply<PageView<OverrideView>>, Problem> {
    let found = member.api.schedule.overrides(member.tenant, id, &page).await?;
    Ok(Reply(found.into()))
}

async fn drop_override(
    member: Member<'_>,
    (PathId(id), PathDate(date)): (PathId<PersonId>, PathDate),
) -> Result<NoContent, Problem> {
    member.api.schedule.drop_override(member.tenant, member.act, id, date).await?;
    Ok(NoContent)
}

async fn time_off(
    member: Member<'_>,
    (PathId(id), PageQuery(page)): (PathId<PersonId>, PageQuery),
) -> Result<Reply<PageView<TimeOffView>>, Problem> {
    Ok(Reply(member.api.schedule.time_off(member.tenant, id, &page).await?.into()))
}

async fn add_time_off(
    member: Member<'_>,
    (PathId(id), Body(body)): (PathId<PersonId>, Body<TimeOffBody>),
) -> Result<Created<TimeOffView>, Problem> {
    let time = Window::try_from(body)?;
    let away = member.api.schedule.take_off(member.tenant, member.act, id, time).await?;
    Ok(Created(away.into()))
}

async fn drop_time_off(
    member: Member<'_>,
    (PathId(id), PathTimeOff(away)): (PathId<PersonId>, PathTimeOff),
) -> Result<NoContent, Problem> {
    member.api.schedule.drop_time_off(member.tenant, member.act, id, away).await?;
    Ok(NoContent)
}
