use restartix_kernel::ApiClientId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;
use restartix_workflows::ClientDraft;

use crate::input::{Body, PathId, TokenRequest};
use crate::output::TokenAnswer;
use crate::wire::{ApiClientBody, ApiClientListView, ShownApiClientView};
use crate::{
    AuditClass, Created, Declared, Member, NoContent, Open, Problem, Reply, Roles, Route, Verb,
};

const READ: AuditClass = AuditClass::Read(ResourceKind::ApiClient);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::ApiClient);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "api_clients.list",
                method: Verb::Get,
                path: "/v1/api-clients",
                summary: "The organisation's own programs.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            list,
        ),
        Route::member(
            Declared {
                operation: "api_clients.create",
                method: Verb::Post,
                path: "/v1/api-clients",
                summary: "Add a program; its secret is shown once.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            create,
        ),
        Route::member(
            Declared {
                operation: "api_clients.revoke",
                method: Verb::Delete,
                path: "/v1/api-clients/{id}",
                summary: "Take it and its tokens their rights, at once.",
                audit: CHANGE,
                rate: RateClass::Administration,
            },
            Roles::ADMINS,
            revoke,
        ),
        Route::open(
            Declared {
                operation: "api_clients.token",
                method: Verb::Post,
                path: "/v1/oauth/token",
                summary: "A bearer token for a program: client credentials (RFC 6749, section 4.4).",
                audit: CHANGE,
                rate: RateClass::Token,
            },
            token,
        ),
    ]
}

async fn list(member: Member<'_>, (): ()) -> Result<Reply<ApiClientListView>, Problem> {
    Ok(Reply(member.api.clients.list(member.tenant).await?.into()))
}

async fn create(
    member: Member<'_>,
    Body(body): Body<ApiClientBody>,
) -> Result<Created<ShownApiClientView>, Problem> {
    let draft = ClientDraft::try_from(body)?;
    Ok(Created(member.api.clients.add(member.tenant, member.act, &draft).await?.into()))
}

async fn revoke(member: Member<'_>, PathId(id): PathId<ApiClientId>) -> Result<NoContent, Problem> {
    member.api.clients.revoke(member.tenant, member.act, id).await?;
    Ok(NoContent)
}

async fn token(open: Open<'_>, request: TokenRequest) -> Result<TokenAnswer, Problem> {
    let asked = match request {
        TokenRequest::Asked(asked) => asked,
        TokenRequest::Refused(error) => return Ok(TokenAnswer::Refused(error)),
    };
    let clients = &open.api.clients;
    let granted = clients
        .with_client(asked.id, async |tenant, known| {
            let grant = clients.grant(tenant, open.act, &known, &asked.secret, asked.scopes);
            open.as_member(tenant, known.id, grant).await
        })
        .await;
    TokenAnswer::of(granted, open.api.clock.now())
}
