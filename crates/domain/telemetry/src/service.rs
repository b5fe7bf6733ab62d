//! The Telemetry service, as the platform needs it.

use async_trait::async_trait;
use restartix_kernel::{EventId, words};
use restartix_tenancy::Tenant;

use crate::{Batch, Hour, Tally};

words! {
    /// Why an event is refused for good.
    PoisonReason {
        /// It cannot be said in the wire format: it was not sent at all.
        Malformed = "malformed",
        /// The service finds that it is not of the format.
        Schema = "schema",
        /// The service does not know its type.
        UnknownType = "unknown_type",
        /// The service says something else.
        Other = "other",
    }
}

/// An event that the service will never take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poisoned {
    /// Which.
    pub event: EventId,
    /// Why.
    pub reason: PoisonReason,
}

/// Why a batch was not taken, by what is to be done.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody knows whether it was taken: send the same batch again later.
    #[error("the Telemetry service does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was not taken, and will not be until somebody mends the connection: its key, its address,
    /// its version. Send the same batch again much later.
    #[error("the Telemetry service refuses the batch")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing of it was taken, because of something in it that the service does not name: send it in
    /// two halves, until the one event is found.
    #[error("the Telemetry service refuses something of the batch")]
    Indigestible(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing of it was taken, because of these events: send the others as another batch.
    #[error("the Telemetry service refuses {} of the batch's events", .0.len())]
    Poison(Vec<Poisoned>),
}

/// The service to which events go: append-only, in no public network.
///
/// A batch is taken whole or not at all. The service recognises a batch by its id and an event by
/// its own, so whatever is sent again arrives once.
#[async_trait]
pub trait TelemetryService: Send + Sync {
    /// Returns once the service has committed `batch`, whose events are of the organisation of
    /// `tenant`, within the adapter's own deadline.
    async fn send(&self, tenant: &Tenant, batch: &Batch) -> Result<(), SendError>;

    /// What the service has of the organisation of `tenant` that happened in `hour`.
    async fn tally(&self, tenant: &Tenant, hour: Hour) -> Result<Tally, SendError>;
}
