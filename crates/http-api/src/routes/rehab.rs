use restartix_telemetry::{ReportDraft, ResourceKind};
use restartix_tenancy::RateClass;

use crate::input::Body;
use crate::wire::{ReceiptView, ReportBody};
use crate::{Accepted, AuditClass, Declared, Member, Problem, Roles, Route, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::member(
        Declared {
            operation: "rehab.report",
            method: Verb::Post,
            path: "/v1/rehab/events",
            summary: "Report exercises that you did (patients) or outcomes that you measured (staff).",
            audit: AuditClass::Change(ResourceKind::RehabEvent),
            rate: RateClass::Write,
        },
        Roles::EVERYBODY,
        report,
    )]
}

async fn report(
    member: Member<'_>,
    Body(body): Body<ReportBody>,
) -> Result<Accepted<ReceiptView>, Problem> {
    let drafts: Vec<ReportDraft> = body.try_into()?;
    Ok(Accepted(member.api.rehab.report(member.tenant, member.act, &drafts).await?.into()))
}
