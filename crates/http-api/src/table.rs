use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use crate::{Api, Kind, Route, openapi, pipeline, routes};

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
            for (path, indices) in table.by_path() {
                register(config, table.resource(&api, path, &indices));
            }
            config.default_service(web::to(move |request: HttpRequest, payload: Payload| {
                let api = api.clone();
                async move { pipeline::nowhere(&api, &request, payload, Kind::NOT_FOUND, &[]).await }
            }));
        }
    }

    fn by_path(&self) -> BTreeMap<&'static str, Vec<usize>> {
        let mut paths: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, route) in self.routes.iter().enumerate() {
            paths.entry(route.declared.path).or_default().push(index);
        }
        paths
    }

    /// One path with all its methods; any other method is told so.
    fn resource(self: &Arc<Self>, api: &Arc<Api>, path: &str, indices: &[usize]) -> Resource {
        let mut resource = web::resource(path);
        let mut methods: Vec<Method> = Vec::new();
        for &index in indices {
            let Some(route) = self.routes.get(index) else { continue };
            methods.push(route.declared.method.method());
            let (table, api) = (self.clone(), api.clone());
            let method = web::method(route.declared.method.method());
            resource = resource.route(method.to(move |request: HttpRequest, payload: Payload| {
                answer(table.clone(), api.clone(), index, request, payload)
            }));
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

#[expect(clippy::disallowed_methods, reason = "the route table is where routes are registered")]
fn register(config: &mut ServiceConfig, resource: Resource) {
    config.service(resource);
}
