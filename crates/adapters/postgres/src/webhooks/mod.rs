//! Webhooks: endpoints, the feed, deliveries, and the queue of those who send.

mod deliveries;
mod endpoints;
mod feed;
mod queue;

pub use queue::PgWebhookQueue;
