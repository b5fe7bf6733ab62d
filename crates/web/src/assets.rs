use restartix_http_api::{AuditClass, Declared, Document, Open, Problem, Route, Verb, header};
use restartix_tenancy::RateClass;

pub(crate) fn routes() -> Vec<Route> {
    let get = |operation, path, summary| Declared {
        operation,
        method: Verb::Get,
        path,
        summary,
        audit: AuditClass::Exempt { why: "the same bytes for everybody" },
        rate: RateClass::Read,
    };
    vec![
        Route::open(get("pages.script", "/assets/join.js", "The join page's script."), script),
        Route::open(get("pages.style", "/assets/join.css", "The join page's style."), style),
    ]
}

async fn script(_: Open<'_>, (): ()) -> Result<Document, Problem> {
    let script = Document::new("text/javascript; charset=utf-8", include_str!("../assets/join.js"));
    Ok(script.with(header::CACHE_CONTROL, "no-cache"))
}

async fn style(_: Open<'_>, (): ()) -> Result<Document, Problem> {
    let style = Document::new("text/css; charset=utf-8", include_str!("../assets/join.css"));
    Ok(style.with(header::CACHE_CONTROL, "no-cache"))
}
