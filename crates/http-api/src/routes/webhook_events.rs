use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Scope};

use crate::input::FeedQuery;
use crate::wire::{EventTypeListView, FeedView};
use crate::{AuditClass, Declared, Member, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::WebhookEvent);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "webhook_events.list",
                method: Verb::Get,
                path: "/v1/webhook-events",
                summary: "The organisation's events, by seq, without gaps.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            list,
        )
        .for_clients(Scope::Webhooks),
        Route::member(
            Declared {
                operation: "webhook_events.types",
                method: Verb::Get,
                path: "/v1/webhook-event-types",
                summary: "Every type of event, with its JSON Schema.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            types,
        )
        .for_clients(Scope::Webhooks),
    ]
}

async fn list(member: Member<'_>, query: FeedQuery) -> Result<Reply<FeedView>, Problem> {
    let limit = query.limit.one_more() - 1;
    let events = member.api.webhooks.feed(member.tenant, query.after, limit).await?;
    Ok(Reply(FeedView::new(&events, query.limit)?))
}

async fn types(_: Member<'_>, (): ()) -> Result<Reply<EventTypeListView>, Problem> {
    Ok(Reply(EventTypeListView::all()))
}
