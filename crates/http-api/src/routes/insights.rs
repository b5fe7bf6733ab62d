use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

use crate::input::InsightQuery;
use crate::output::InsightAnswer;
use crate::{AuditClass, Declared, Member, Problem, Roles, Route, Verb, insights};

pub(super) fn routes() -> Vec<Route> {
    let declared = |operation, path, summary| Declared {
        operation,
        method: Verb::Get,
        path,
        summary,
        audit: AuditClass::Read(ResourceKind::Insight),
        rate: RateClass::Read,
    };
    vec![
        Route::member(
            declared(
                "insights.adherence",
                "/v1/insights/adherence",
                "How well programmes are followed, by week; of a patient, their own progress.",
            ),
            Roles::EVERYBODY,
            adherence,
        ),
        Route::member(
            declared(
                "insights.outcomes",
                "/v1/insights/outcomes",
                "Change from the first score, against the difference that matters, by month.",
            ),
            Roles::EVERYBODY,
            outcomes,
        ),
        Route::member(
            declared(
                "insights.activity",
                "/v1/insights/activity",
                "Appointments by where they stand, no-shows, video minutes and exercises, by week.",
            ),
            Roles::EVERYBODY,
            activity,
        ),
        Route::member(
            declared(
                "insights.programs",
                "/v1/insights/programs",
                "How far programmes were followed, to the end of the last week.",
            ),
            Roles::STAFF,
            programs,
        ),
    ]
}

async fn adherence(member: Member<'_>, query: InsightQuery) -> Result<InsightAnswer, Problem> {
    let table = insights::adherence(member.api, member.tenant, &query).await?;
    Ok(InsightAnswer { table, format: query.format })
}

async fn outcomes(member: Member<'_>, query: InsightQuery) -> Result<InsightAnswer, Problem> {
    let table = insights::outcomes(member.api, member.tenant, &query).await?;
    Ok(InsightAnswer { table, format: query.format })
}

async fn activity(member: Member<'_>, query: InsightQuery) -> Result<InsightAnswer, Problem> {
    let table = insights::activity(member.api, member.tenant, &query).await?;
    Ok(InsightAnswer { table, format: query.format })
}

async fn programs(member: Member<'_>, query: InsightQuery) -> Result<InsightAnswer, Problem> {
    let table = insights::completion(member.api, member.tenant, &query).await?;
    Ok(InsightAnswer { table, format: query.format })
}
