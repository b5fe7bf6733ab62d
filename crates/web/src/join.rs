use maud::Markup;
use restartix_http_api::{
    Api, AuditClass, Declared, Document, Kind, Open, Problem, Reply, Route, StatusCode, Verb, View,
    header,
};
use restartix_kernel::{AppointmentId, ExposeSecret};
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Tenant};
use serde::Serialize;
use utoipa::ToSchema;

use crate::code::Code;
use crate::page;

/// The provider's address of the room, with a fresh token in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntranceView {
    url: String,
}

impl View for EntranceView {}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::open(
            Declared {
                operation: "visits.look",
                method: Verb::Get,
                path: "/join/{code}",
                summary: "The page that opens a video room.",
                audit: AuditClass::Exempt {
                    why: "shows two times to whoever holds the code; entering is recorded",
                },
                rate: RateClass::Read,
            },
            look,
        )
        .shown_as(refused),
        Route::open(
            Declared {
                operation: "visits.enter",
                method: Verb::Post,
                path: "/join/{code}",
                summary: "Enter the room: the provider's URL with a fresh token.",
                audit: AuditClass::Change(ResourceKind::VideoRoom),
                rate: RateClass::Token,
            },
            enter,
        ),
    ]
}

async fn look(open: Open<'_>, Code(code): Code) -> Result<Document, Problem> {
    let code = code.ok_or(Kind::NOT_FOUND)?;
    let visits = &open.api.visits;
    let room = visits.look(&code).await?;
    let shown = page::visit(&room, open.api.clock.now());
    Ok(guarded(html(StatusCode::OK, &shown), visits.frame_source()))
}

/// What whoever opened a link sees in place of a problem. It frames nothing.
fn refused(_: &Api, problem: &Problem) -> Document {
    let kind = problem.kind();
    let shown = if kind == Kind::NOT_FOUND { page::expired() } else { page::failed(kind) };
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    html(kind.status, &shown)
        .with(header::CONTENT_SECURITY_POLICY, policy)
        .with(header::CACHE_CONTROL, "no-store")
}

fn html(status: StatusCode, page: &Markup) -> Document {
    let document = Document::new("text/html; charset=utf-8", page.clone().into_string());
    Document { status, ..document }
}

async fn enter(open: Open<'_>, Code(code): Code) -> Result<Reply<EntranceView>, Problem> {
    let code = code.ok_or(Kind::NOT_FOUND)?;
    let visits = &open.api.visits;
    let enter = async |tenant: &Tenant, id: AppointmentId| {
        open.as_member(tenant, id, visits.enter(tenant, open.act, id)).await
    };
    let entrance = visits.with_code(&code, enter).await?;
    Ok(Reply(EntranceView { url: entrance.url.expose_secret().to_owned() }))
}

/// Lets the page load its own script and style, ask its own server, and frame the provider, which
/// may use camera and microphone there; nothing else.
fn guarded(document: Document, provider: &str) -> Document {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         frame-src {provider}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let allowed = format!("(self \"{provider}\")");
    let permissions = format!(
        "camera={allowed}, microphone={allowed}, display-capture={allowed}, geolocation=()"
    );
    document
        .with(header::CONTENT_SECURITY_POLICY, &policy)
        .with(header::PERMISSIONS_POLICY, &permissions)
        .with(header::CACHE_CONTROL, "no-store")
}
