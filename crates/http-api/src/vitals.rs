use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use crate::answer::rendered_response;
use crate::routes::operations::{counters, running};
use crate::table::register;
use crate::{Document, MetricsText, Output as _};

/// `/healthz` and `/metrics` as the server has them, and nothing else: for a process that works and serves no
/// requests. Neither tells of an organisation or of a person.
pub fn vitals(metrics: Arc<dyn MetricsText>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let alive = web::get().to(async || answer(running()));
        register(config, web::resource("/healthz").route(alive));
        let counted = move || {
            let metrics = metrics.clone();
            async move { answer(counters(&*metrics)) }
        };
        register(config, web::resource("/metrics").route(web::get().to(counted)));
    }
}

fn answer(document: Document) -> HttpResponse {
    document
        .render()
        .map_or_else(|_| HttpResponse::InternalServerError().finish(), rendered_response)
}
