//! Webhooks: what is told of what happened, the service of those who listen, and the two workers
//! that carry events to them.

mod dispatcher;
mod sequencer;
mod service;
mod told;

pub use dispatcher::WebhookDispatcher;
pub use sequencer::WebhookSequencer;
pub use service::{EndpointDraft, EndpointPatch, Grace, Shown, Webhooks};
pub(crate) use told::told;
