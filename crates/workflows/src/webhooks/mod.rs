//! Webhooks: what is told of what happened, the service of those who listen, and the workers that
//! carry events to them.

mod deliveries;
mod dispatcher;
mod drafts;
mod hands;
mod sequencer;
mod service;
mod told;
mod upkeep;

pub use dispatcher::WebhookDispatcher;
pub use drafts::{EndpointDraft, EndpointPatch, Grace, ReplayFrom, Shown};
pub use sequencer::WebhookSequencer;
pub use service::Webhooks;
pub(crate) use told::told;
pub use upkeep::WebhookUpkeep;
