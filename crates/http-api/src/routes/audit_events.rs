use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::{AuditQuery, PageQuery};
use crate::output::AuditPage;
use crate::wire::asked_for;
use crate::{AuditClass, Declared, Member, Problem, Roles, Route, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::member(
        Declared {
            operation: "audit_events.list",
            method: Verb::Get,
            path: "/v1/audit-events",
            summary: "Who did what, the latest first; as FHIR R4 AuditEvents with format=fhir.",
            audit: AuditClass::Read(ResourceKind::AuditEvent),
            rate: RateClass::Read,
        },
        Roles::ADMINS,
        list,
    )]
}

async fn list(
    member: Member<'_>,
    (AuditQuery { filter, format }, PageQuery(page)): (AuditQuery, PageQuery),
) -> Result<AuditPage, Problem> {
    let entries = member.api.records.audit(member.tenant, &filter, &page).await?;
    Ok(AuditPage { entries, format, again: asked_for(&filter, page.limit.get()) })
}
