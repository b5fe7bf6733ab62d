use restartix_kernel::{WebhookEndpointId, WebhookJobId};
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;
use restartix_workflows::{EndpointDraft, EndpointPatch, Grace, ReplayFrom};

use crate::input::{Body, IfMatch, PathId};
use crate::wire::{
    EndpointBody, EndpointListView, EndpointPatchBody, EndpointView, JobView, ReplayBody,
    RotateBody, ShownEndpointView,
};
use crate::{AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::WebhookEndpoint);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::WebhookEndpoint);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "webhook_endpoints.list",
                method: Verb::Get,
                path: "/v1/webhook-endpoints",
                summary: "Where the organisation's own systems listen.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            list,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.create",
                method: Verb::Post,
                path: "/v1/webhook-endpoints",
                summary: "Add an endpoint. It must answer before it is told anything; its secret is shown once.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            create,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.read",
                method: Verb::Get,
                path: "/v1/webhook-endpoints/{id}",
                summary: "One endpoint.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            read,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.edit",
                method: Verb::Patch,
                path: "/v1/webhook-endpoints/{id}",
                summary: "Change where it is, or what it hears of. A new place must answer first.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            edit,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.remove",
                method: Verb::Delete,
                path: "/v1/webhook-endpoints/{id}",
                summary: "Forget it, with all that was on its way there.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            remove,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.verify",
                method: Verb::Post,
                path: "/v1/webhook-endpoints/{id}/verify",
                summary: "Ask it once more whether anybody is there.",
                audit: CHANGE,
                rate: RateClass::Outbound,
            },
            Roles::ADMINS,
            verify,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.enable",
                method: Verb::Post,
                path: "/v1/webhook-endpoints/{id}/enable",
                summary: "Let it hear again, as soon as it answers.",
                audit: CHANGE,
                rate: RateClass::Outbound,
            },
            Roles::ADMINS,
            enable,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.disable",
                method: Verb::Post,
                path: "/v1/webhook-endpoints/{id}/disable",
                summary: "Let it hear nothing any more.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            disable,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.test",
                method: Verb::Post,
                path: "/v1/webhook-endpoints/{id}/test",
                summary: "Send it a test.",
                audit: CHANGE,
                rate: RateClass::Outbound,
            },
            Roles::ADMINS,
            test,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.rotate_secret",
                method: Verb::Post,
                path: "/v1/webhook-endpoints/{id}/rotate-secret",
                summary: "A new secret, shown once; the old one signs as well for a while.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            rotate,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.replay",
                method: Verb::Post,
                path: "/v1/webhook-endpoints/{id}/replay",
                summary: "Tell it everything once more that it subscribes to, from a place or a time on.",
                audit: CHANGE,
                rate: RateClass::Costly,
            },
            Roles::ADMINS,
            replay,
        ),
        Route::member(
            Declared {
                operation: "webhook_endpoints.replay_progress",
                method: Verb::Get,
                path: "/v1/webhook-jobs/{id}",
                summary: "How far a replay is.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            job,
        ),
    ]
}

async fn list(member: Member<'_>, (): ()) -> Result<Reply<EndpointListView>, Problem> {
    Ok(Reply(member.api.webhooks.endpoints(member.tenant).await?.into()))
}

async fn create(
    member: Member<'_>,
    Body(body): Body<EndpointBody>,
) -> Result<Created<ShownEndpointView>, Problem> {
    let draft = EndpointDraft::try_from(body)?;
    Ok(Created(member.api.webhooks.add(member.tenant, member.act, &draft).await?.into()))
}

async fn read(
    member: Member<'_>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<Reply<EndpointView>, Problem> {
    Ok(Reply(member.api.webhooks.endpoint(member.tenant, id).await?.into()))
}

async fn edit(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (
        PathId<WebhookEndpointId>,
        IfMatch,
        Body<EndpointPatchBody>,
    ),
) -> Result<Reply<EndpointView>, Problem> {
    let patch = EndpointPatch::try_from(body)?;
    let Member { api, tenant, act } = member;
    Ok(Reply(api.webhooks.edit(tenant, act, id, seen, &patch).await?.into()))
}

async fn remove(
    member: Member<'_>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<NoContent, Problem> {
    member.api.webhooks.remove(member.tenant, member.act, id).await?;
    Ok(NoContent)
}

async fn verify(
    member: Member<'_>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<Reply<EndpointView>, Problem> {
    Ok(Reply(member.api.webhooks.verify(member.tenant, member.act, id).await?.into()))
}

async fn enable(
    member: Member<'_>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<Reply<EndpointView>, Problem> {
    Ok(Reply(member.api.webhooks.enable(member.tenant, member.act, id).await?.into()))
}

async fn disable(
    member: Member<'_>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<Reply<EndpointView>, Problem> {
    Ok(Reply(member.api.webhooks.disable(member.tenant, member.act, id).await?.into()))
}

async fn test(
    member: Member<'_>,
    PathId(id): PathId<WebhookEndpointId>,
) -> Result<Reply<EndpointView>, Problem> {
    Ok(Reply(member.api.webhooks.test(member.tenant, member.act, id).await?.into()))
}

async fn rotate(
    member: Member<'_>,
    (PathId(id), Body(body)): (PathId<WebhookEndpointId>, Body<RotateBody>),
) -> Result<Reply<ShownEndpointView>, Problem> {
    let grace = Grace::try_from(body)?;
    Ok(Reply(member.api.webhooks.rotate(member.tenant, member.act, id, grace).await?.into()))
}

async fn replay(
    member: Member<'_>,
    (PathId(id), Body(body)): (PathId<WebhookEndpointId>, Body<ReplayBody>),
) -> Result<Created<JobView>, Problem> {
    let from = ReplayFrom::try_from(body)?;
    Ok(Created(member.api.webhooks.replay(member.tenant, member.act, id, from).await?.into()))
}

async fn job(
    member: Member<'_>,
    PathId(id): PathId<WebhookJobId>,
) -> Result<Reply<JobView>, Problem> {
    Ok(Reply(member.api.webhooks.job(member.tenant, id).await?.into()))
}
