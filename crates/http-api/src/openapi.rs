use actix_web::http::StatusCode;
use restartix_tenancy::Scope;
use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths, RefOr, Schema,
    path::Operation,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::ProblemBody;
use crate::route::Handler;
use crate::{AuditClass, FieldError, Route, Sketch, Verb, once};

const SCHEME: &str = "bearer";

/// The OpenAPI 3.1 document of `routes`.
pub(crate) fn document(routes: &[Route]) -> OpenApi {
    let mut paths = Paths::new();
    let mut schemas: Vec<(String, RefOr<Schema>)> = vec![
        (ProblemBody::name().into_owned(), ProblemBody::schema()),
        (FieldError::name().into_owned(), FieldError::schema()),
    ];
    for route in routes {
        let (operation, own) = operation(route);
        schemas.extend(own);
        paths.add_path_operation(
            route.declared.path,
            vec![method(route.declared.method)],
            operation,
        );
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = ComponentsBuilder::new().schemas_from_iter(schemas);
    let components = components.security_scheme(SCHEME, SecurityScheme::Http(scheme)).build();
    let info = InfoBuilder::new().title("RestartiX Core API").version(env!("CARGO_PKG_VERSION"));
    let info = info.description(Some(
        "Every 4xx and 5xx is `application/problem+json` (RFC 9457); branch on its `code`.",
    ));
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components)).build()
}

fn operation(route: &Route) -> (Operation, Vec<(String, RefOr<Schema>)>) {
    let declared = &route.declared;
    let mut sketch = Sketch::default();
    (route.describe)(&mut sketch);
    let roles = match &route.handler {
        Handler::Open(_) => json!("public"),
        Handler::SignedIn(_) => json!("signed_in"),
        Handler::Member(roles, _) | Handler::Page(roles, ..) => json!(roles.names()),
    };
    let open = matches!(&route.handler, Handler::Open(_));
    if !open {
        sketch.refuses(StatusCode::UNAUTHORIZED);
    }
    if matches!(&route.handler, Handler::Member(..) | Handler::Page(..)) {
        sketch.refuses(StatusCode::FORBIDDEN);
        sketch.refuses(StatusCode::TOO_MANY_REQUESTS);
    }
    if route.once {
        once::describe(&mut sketch);
    }
    sketch.refuses_otherwise();
    let audit = match declared.audit {
        AuditClass::Exempt { why } => json!({"class": "exempt", "why": why}),
        AuditClass::Read(kind) => json!({"class": "read", "resource": kind.as_str()}),
        AuditClass::Change(kind) => json!({"class": "change", "resource": kind.as_str()}),
    };
    let extensions = ExtensionsBuilder::new()
        .add("x-roles", roles)
        .add("x-audit", audit)
        .add("x-rate-limit", declared.rate.as_str())
        .add("x-client-scope", json!(route.scope.map(Scope::as_str)))
        .build();
    let (operation, schemas) = sketch.finish();
    let group = declared.operation.split('.').next().unwrap_or_default();
    let mut operation = operation
        .operation_id(Some(declared.operation))
        .tag(group)
        .summary(Some(declared.summary))
        .extensions(Some(extensions));
    if !open {
        operation = operation.security(SecurityRequirement::new(SCHEME, <[&str; 0]>::default()));
    }
    (operation.build(), schemas)
}

const fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}
