use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::Slots;
use crate::wire::SlotsView;
use crate::{AuditClass, Declared, Member, Problem, Reply, Roles, Route, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::member(
        Declared {
            operation: "availability.search",
            method: Verb::Get,
            path: "/v1/availability",
            summary: "When somebody could be booked; at most 62 days at once.",
            audit: AuditClass::Read(ResourceKind::Calendar),
            rate: RateClass::Costly,
        },
        Roles::EVERYBODY,
        search,
    )]
}

async fn search(member: Member<'_>, Slots(query): Slots) -> Result<Reply<SlotsView>, Problem> {
    let offers = member.api.schedule.availability(member.tenant, &query).await?;
    Ok(Reply(offers.into()))
}
