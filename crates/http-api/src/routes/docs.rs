use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header;
use restartix_tenancy::RateClass;
use utoipa_swagger_ui::{Config, serve};

use crate::input::PathText;
use crate::{AuditClass, Declared, Document, Kind, Open, Problem, Route, Verb};

/// The page runs its own scripts and asks this server alone; its styles are partly inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Vec<Route> {
    let get = |operation, path, summary| Declared {
        operation,
        method: Verb::Get,
        path,
        summary,
        audit: AuditClass::Exempt { why: "the contract is public" },
        rate: RateClass::Read,
    };
    vec![
        Route::open(get("docs.contract", "/openapi.json", "This document."), contract),
        Route::open(get("docs.enter", "/docs", "To the page that shows this document."), enter),
        Route::open(get("docs.page", "/docs/", "The page that shows this document."), page),
        Route::open(get("docs.asset", "/docs/{name}", "A part of that page."), asset),
    ]
}

async fn contract(open: Open<'_>, (): ()) -> Result<Document, Problem> {
    #[cfg(not(feature = "mutants"))]
    let document = open.table.document();
    #[cfg(feature = "mutants")]
    let document = crate::mutants::contract(open.table);
    let document = document.to_json();
    let document = document.map_err(|error| Problem::from(Kind::INTERNAL).because(error))?;
    Ok(Document::new("application/json", document))
}

async fn enter(_: Open<'_>, (): ()) -> Result<Document, Problem> {
    let moved = Document::new("text/plain", "").with(header::LOCATION, "/docs/");
    Ok(Document { status: StatusCode::PERMANENT_REDIRECT, ..moved })
}

async fn page(_: Open<'_>, (): ()) -> Result<Document, Problem> {
    file("index.html")
}

async fn asset(_: Open<'_>, PathText(name): PathText) -> Result<Document, Problem> {
    file(&name)
}

fn file(name: &str) -> Result<Document, Problem> {
    // The validator badge would ask a server outside.
    let config = Config::from("/openapi.json").validator_url("none");
    let found = serve(name, Arc::new(config));
    let found = found.map_err(|error| Problem::from(Kind::INTERNAL).because(error.to_string()))?;
    let found = found.ok_or(Kind::NOT_FOUND)?;
    let document = Document::new(found.content_type, found.bytes.into_owned());
    Ok(document.with(header::CONTENT_SECURITY_POLICY, POLICY))
}
