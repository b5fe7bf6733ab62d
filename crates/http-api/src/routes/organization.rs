use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;
use restartix_workflows::OrganisationPatch;

use crate::input::{Body, IfMatch};
use crate::wire::{OrganizationPatchBody, OrganizationView};
use crate::{AuditClass, Declared, Member, Problem, Reply, Roles, Route, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "organization.get",
                method: Verb::Get,
                path: "/v1/organization",
                summary: "The organisation and its settings.",
                audit: AuditClass::Read(ResourceKind::Organisation),
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            get,
        ),
        Route::member(
            Declared {
                operation: "organization.edit",
                method: Verb::Patch,
                path: "/v1/organization",
                summary: "Change the organisation's settings.",
                audit: AuditClass::Change(ResourceKind::Organisation),
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            edit,
        ),
    ]
}

async fn get(member: Member<'_>, (): ()) -> Result<Reply<OrganizationView>, Problem> {
    let organisation = member.api.clinic.organisation(member.tenant).await?;
    Ok(Reply(organisation.into()))
}

async fn edit(
    member: Member<'_>,
    (IfMatch(seen), Body(body)): (IfMatch, Body<OrganizationPatchBody>),
) -> Result<Reply<OrganizationView>, Problem> {
    let Member { api, tenant, act } = member;
    let patch = OrganisationPatch::try_from(body)?;
    let organisation = api.clinic.edit_organisation(tenant, act, seen, &patch).await?;
    Ok(Reply(organisation.into()))
}
