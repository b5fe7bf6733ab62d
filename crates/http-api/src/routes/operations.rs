use actix_web::http::StatusCode;
use restartix_tenancy::RateClass;
use serde_json::json;

use crate::api::{Dependency, State};
use crate::{AuditClass, Declared, Document, MetricsText, Open, Problem, Route, Verb};

const AUDIT: AuditClass = AuditClass::Exempt { why: "says nothing of any organisation" };

pub(super) fn routes() -> Vec<Route> {
    let get = |operation, path, summary| Declared {
        operation,
        method: Verb::Get,
        path,
        summary,
        audit: AUDIT,
        rate: RateClass::Read,
    };
    vec![
        Route::open(get("operations.alive", "/healthz", "Whether the server runs."), alive),
        Route::open(get("operations.ready", "/readyz", "Whether it can serve, and how."), ready),
        Route::open(get("operations.metrics", "/metrics", "What it counted."), counted),
    ]
}

async fn alive(_: Open<'_>, (): ()) -> Result<Document, Problem> {
    Ok(running())
}

/// What is told of a process that runs.
pub(crate) fn running() -> Document {
    Document::new("application/json", json!({"status": "ok"}).to_string())
}

/// What it counted.
pub(crate) fn counters(metrics: &dyn MetricsText) -> Document {
    Document::new("text/plain; version=0.0.4; charset=utf-8", metrics.render())
}

async fn ready(open: Open<'_>, (): ()) -> Result<Document, Problem> {
    let report = open.api.health.report().await;
    let (status, word) = verdict(&report);
    let rows = report.iter().map(|dependency| {
        let Dependency { name, state, critical, code } = dependency;
        json!({"name": name, "state": word_of(*state), "critical": critical, "code": code})
    });
    let body = json!({"status": word, "dependencies": rows.collect::<Vec<_>>()});
    Ok(Document { status, ..Document::new("application/json", body.to_string()) })
}

async fn counted(open: Open<'_>, (): ()) -> Result<Document, Problem> {
    Ok(counters(&*open.api.metrics))
}

const fn word_of(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Degraded => "degraded",
        State::Down => "down",
    }
}

/// Not ready only when something is down that nothing works without.
fn verdict(report: &[Dependency]) -> (StatusCode, &'static str) {
    if report.iter().any(|it| it.critical && it.state == State::Down) {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if report.iter().any(|it| it.state != State::Ok) {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_ready_while_all_it_cannot_do_without_answers() {
        let row = |state, critical| Dependency { name: "x", state, critical, code: None };
        let word = |report: &[Dependency]| verdict(report).1;
        assert_eq!(word(&[row(State::Ok, true), row(State::Ok, false)]), "ready");
        assert_eq!(word(&[row(State::Ok, true), row(State::Down, false)]), "degraded");
        assert_eq!(word(&[row(State::Degraded, true), row(State::Ok, false)]), "degraded");
        let down = verdict(&[row(State::Down, true), row(State::Ok, false)]);
        assert_eq!(down, (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    }
}
