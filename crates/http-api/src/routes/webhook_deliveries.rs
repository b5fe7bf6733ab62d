use restartix_kernel::WebhookDeliveryId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Scope};

use crate::input::{DeliveriesQuery, PathId};
use crate::wire::{AttemptListView, DeliveryView, PageView};
use crate::{AuditClass, Declared, Member, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::WebhookDelivery);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::WebhookDelivery);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "webhook_deliveries.list",
                method: Verb::Get,
                path: "/v1/webhook-deliveries",
                summary: "What is on its way to whom, and what became of it.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            list,
        )
        .for_clients(Scope::Webhooks),
        Route::member(
            Declared {
                operation: "webhook_deliveries.attempts",
                method: Verb::Get,
                path: "/v1/webhook-deliveries/{id}/attempts",
                summary: "How each attempt went; what a receiver said is not kept.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::ADMINS,
            attempts,
        )
        .for_clients(Scope::Webhooks),
        Route::member(
            Declared {
                operation: "webhook_deliveries.resend",
                method: Verb::Post,
                path: "/v1/webhook-deliveries/{id}/resend",
                summary: "Send it again, with the same id.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::ADMINS,
            resend,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    DeliveriesQuery(filter, page): DeliveriesQuery,
) -> Result<Reply<PageView<DeliveryView>>, Problem> {
    Ok(Reply(member.api.webhooks.deliveries(member.tenant, &filter, &page).await?.into()))
}

async fn attempts(
    member: Member<'_>,
    PathId(id): PathId<WebhookDeliveryId>,
) -> Result<Reply<AttemptListView>, Problem> {
    Ok(Reply(member.api.webhooks.attempts(member.tenant, id).await?.into()))
}

async fn resend(
    member: Member<'_>,
    PathId(id): PathId<WebhookDeliveryId>,
) -> Result<Reply<DeliveryView>, Problem> {
    Ok(Reply(member.api.webhooks.resend(member.tenant, member.act, id).await?.into()))
}
