use restartix_kernel::HoldId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::{Body, PathId};
use crate::wire::{HoldBody, HoldView};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Hold);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "holds.acquire",
                method: Verb::Post,
                path: "/v1/holds",
                summary: "Keep a slot for ten minutes; the same slot again is the same hold.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            acquire,
        )
        .repeatable(),
        Route::member(
            Declared {
                operation: "holds.renew",
                method: Verb::Post,
                path: "/v1/holds/{id}/renew",
                summary: "Keep it for another ten minutes; twice at most.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            renew,
        ),
        Route::member(
            Declared {
                operation: "holds.release",
                method: Verb::Delete,
                path: "/v1/holds/{id}",
                summary: "Let it go.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            release,
        ),
    ]
}

async fn acquire(
    member: Member<'_>,
    Body(body): Body<HoldBody>,
) -> Result<Created<HoldView>, Problem> {
    let hold = member.api.bookings.hold(member.tenant, member.act, body.into()).await?;
    Ok(Created(hold.into()))
}

async fn renew(member: Member<'_>, PathId(id): PathId<HoldId>) -> Result<Reply<HoldView>, Problem> {
    let hold = member.api.bookings.renew(member.tenant, member.act, id).await?;
    Ok(Reply(hold.into()))
}

async fn release(member: Member<'_>, PathId(id): PathId<HoldId>) -> Result<NoContent, Problem> {
    member.api.bookings.release(member.tenant, member.act, id).await?;
    Ok(NoContent)
}
