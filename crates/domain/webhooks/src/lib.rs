//! Webhooks: what an organisation's own systems are told, in which words, how it is signed, and when
//! it is tried again. Knows nothing of HTTP, SQL, TLS or any receiver's product.
//!
//! # How to add an event type
//! One row in `catalogue.rs`. Its fields may only be of types that are [`PiiFree`]: ids, closed sets
//! of words, integers, booleans and instants. A text is not among them, so an event that bears a
//! name does not compile; and the database reads every body once more before it is kept.
//!
//! Why these crates: `hmac` and `sha2` for the signature that Standard Webhooks 1.0.0 asks for;
//! `serde_json` because the bytes that are signed are this domain's own affair.

mod catalogue;
mod endpoint;
mod headers;
mod job;
mod judgement;
mod pii_free;
mod ports;
mod queue;
mod secret;

pub use catalogue::{Event, EventType, Instrument, Kind, ParticipantRole, Party, Reason, Refusal};
pub use endpoint::{
    Disabled, Endpoint, Filter, FilterError, Filters, MAX_ENDPOINTS, MAX_LIVE_SECRETS,
    RatePerMinute, State,
};
pub use headers::{HeadersError, OwnHeaders};
pub use job::{Job, JobStatus, MAX_JOBS};
pub use judgement::{Attempt, FailureCode, Pause, Verdict, judge};
pub use pii_free::PiiFree;
pub use ports::{
    AttemptRecord, Deliveries, Delivery, DeliveryFilter, DeliveryStatus, Dispatch, Endpoints,
    EventFeed, FeedEvent, Jobs, Publication, Purpose, SealError, SealedSecret, SecretSealer,
    UrlRefused, WebhookSender,
};
pub use queue::{
    Backlog, BacklogGauge, Claim, Claimed, Due, Place, Queue, Sequencer, Settled, Upkeep, Wake,
};
pub use secret::{SecretError, SigningSecret, sign};
