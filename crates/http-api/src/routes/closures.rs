use restartix_kernel::ClosureId;
use restartix_scheduling::engine::LocalDates;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::{Body, PageQuery, PathId};
use crate::wire::{ClosureBody, ClosureView, PageView};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Calendar);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "closures.list",
                method: Verb::Get,
                path: "/v1/closures",
                summary: "When the whole organisation is closed.",
                audit: AuditClass::Read(ResourceKind::Calendar),
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            list,
        ),
        Route::member(
            Declared {
                operation: "closures.add",
                method: Verb::Post,
                path: "/v1/closures",
                summary: "Close the whole organisation for some days.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            add,
        ),
        Route::member(
            Declared {
                operation: "closures.remove",
                method: Verb::Delete,
                path: "/v1/closures/{id}",
                summary: "Take a closure back.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            remove,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    PageQuery(page): PageQuery,
) -> Result<Reply<PageView<ClosureView>>, Problem> {
    Ok(Reply(member.api.schedule.closures(member.tenant, &page).await?.into()))
}

async fn add(
    member: Member<'_>,
    Body(body): Body<ClosureBody>,
) -> Result<Created<ClosureView>, Problem> {
    let dates = LocalDates::try_from(body)?;
    Ok(Created(member.api.schedule.close(member.tenant, member.act, dates).await?.into()))
}

async fn remove(member: Member<'_>, PathId(id): PathId<ClosureId>) -> Result<NoContent, Problem> {
    member.api.schedule.reopen(member.tenant, member.act, id).await?;
    Ok(NoContent)
}
