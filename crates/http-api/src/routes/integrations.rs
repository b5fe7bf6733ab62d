use restartix_tenancy::RateClass;

use crate::input::SignedNotice;
use crate::{AuditClass, Declared, Document, Open, Problem, Route, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::open(
        Declared {
            operation: "video.hear",
            method: Verb::Post,
            path: "/v1/integrations/daily/events",
            summary: "What Daily tells of rooms, signed by it.",
            audit: AuditClass::Exempt {
                why: "what was learned leaves its line with it; a refused notice is nobody's",
            },
            rate: RateClass::Write,
        },
        hear,
    )]
}

async fn hear(open: Open<'_>, notice: SignedNotice) -> Result<Document, Problem> {
    open.api.calls.hear(open.act, &notice.as_notice()).await?;
    Ok(Document::new("application/json", "{}"))
}
