use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Scope};

use crate::{Api, Kind, Route, Verb, openapi, pipeline, routes};

/// The indices of routes by their path, or by the rest of it.
type ByPath = BTreeMap<&'static str, Vec<usize>>;

/// Every route of the server, and the document that describes them.
pub struct RouteTable {
    routes: Vec<Route>,
    document: utoipa::openapi::OpenApi,
}

impl RouteTable {
    /// The API's routes, and `extra` ones: pages.
    pub fn new(extra: Vec<Route>) -> Self {
        let mut routes = routes::all();
        routes.extend(extra);
        let document = openapi::document(&routes);
        Self { routes, document }
    }

    /// The OpenAPI 3.1 document of every route.
    pub const fn document(&self) -> &utoipa::openapi::OpenApi {
        &self.document
    }

    /// Every route.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Registers every route, and what answers where there is none.
    pub fn configure(self: &Arc<Self>, api: &Arc<Api>) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let (table, api) = (self.clone(), api.clone());
        move |config| {
            let (plain, named) = table.by_prefix();
            for (path, indices) in plain {
                register(config, table.resource(&api, path, &indices));
            }
            // The longer before what it begins with: `/{id}` takes what `/{id}.ics` is asked for.
            for (prefix, paths) in named.into_iter().rev() {
                let resources =
                    paths.iter().rev().map(|(rest, indices)| table.resource(&api, rest, indices));
                register(config, resources.fold(web::scope(prefix), within));
            }
            config.default_service(web::to(move |request: HttpRequest, payload: Payload| {
                let api = api.clone();
                async move { pipeline::nowhere(&api, &request, payload, Kind::NOT_FOUND, &[]).await }
            }));
        }
    }

    /// The routes whose path names nothing, and the others by the part before the first name. A
    /// prefix is compared, a path with names is searched: so a request meets the patterns of its
    /// own kind only.
    fn by_prefix(&self) -> (ByPath, BTreeMap<&'static str, ByPath>) {
        let (mut plain, mut named) = (ByPath::new(), BTreeMap::<_, ByPath>::new());
        for (index, route) in self.routes.iter().enumerate() {
            let path = route.declared.path;
            let of_path = match path.find("/{").map(|at| path.split_at(at)) {
                Some((prefix, rest)) => named.entry(prefix).or_default().entry(rest),
                None => plain.entry(path),
            };
            of_path.or_default().push(index);
        }
        (plain, named)
    }

    /// One path with all its methods; any other method is told so.
    fn resource(self: &Arc<Self>, api: &Arc<Api>, path: &str, indices: &[usize]) -> Resource {
        let mut resource = web::resource(path);
        let mut methods: Vec<Method> = Vec::new();
        for &index in indices {
            let Some(route) = self.routes.get(index) else { continue };
            for method in answered_by(route.declared.method) {
                methods.push(method.clone());
                let (table, api) = (self.clone(), api.clone());
                let route = web::method(method);
                resource =
                    resource.route(route.to(move |request: HttpRequest, payload: Payload| {
                        answer(table.clone(), api.clone(), index, request, payload)
                    }));
            }
        }
        let api = api.clone();
        resource.default_service(web::to(move |request: HttpRequest, payload: Payload| {
            let (api, methods) = (api.clone(), methods.clone());
            async move {
                let kind = Kind::METHOD_NOT_ALLOWED;
                pipeline::nowhere(&api, &request, payload, kind, &methods).await
            }
        }))
    }
}

/// What can be got can be asked for its head (RFC 9110, section 9.3.2): the same way with the same
/// audit line, and actix keeps the body back.
fn answered_by(verb: Verb) -> impl Iterator<Item = Method> {
    let head = (verb == Verb::Get).then_some(Method::HEAD);
    std::iter::once(verb.method()).chain(head)
}

async fn answer(
    table: Arc<RouteTable>,
    api: Arc<Api>,
    index: usize,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    match table.routes.get(index) {
        Some(route) => pipeline::serve(&api, &table, route, &request, payload).await,
        None => pipeline::nowhere(&api, &request, payload, Kind::NOT_FOUND, &[]).await,
    }
}

/// The one place where routes are registered: from the table, and what a process without one tells of itself.
#[expect(clippy::disallowed_methods, reason = "the route table is where routes are registered")]
pub(crate) fn register(config: &mut ServiceConfig, service: impl HttpServiceFactory + 'static) {
    config.service(service);
}

fn within(scope: Scope, resource: Resource) -> Scope {
    scope.service(resource)
}
