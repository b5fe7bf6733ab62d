//! Webhooks: endpoints, the feed, deliveries, jobs, and the queue of those who send.

mod deliveries;
mod endpoints;
pub(crate) mod feed;
mod jobs;
mod outcomes;
mod queue;
mod records;
mod upkeep;
mod wake;

pub use queue::PgWebhookQueue;
pub use wake::PgWebhookWake;
