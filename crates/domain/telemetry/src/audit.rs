use std::fmt;

use chrono::{DateTime, Utc};
use restartix_kernel::{EventId, PersonId, RequestId};

/// What somebody set out to do: an operation's stable name, and the request in which it came.
///
/// Every trace of it names it, so that a reader can follow one request through the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// The operation.
    pub operation: Operation,
    /// The request; `None` for what a worker carries on.
    pub request: Option<RequestId>,
}

/// The stable name of an operation, as in `appointments.book`: written in the source, never taken
/// from a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation(&'static str);

impl Operation {
    /// The operation called `name`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One line of the audit. Organisation and actor come from the `Tenant` that stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The key by which a reader drops duplicates.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What was done, and in which request.
    pub act: Act,
    /// To what.
    pub resource: Resource,
    /// About whom, where the resource is somebody's record.
    pub patient: Option<PersonId>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What an act was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its public id; `None` for a list, and for what a refused request asked for without one.
    pub id: Option<String>,
}

impl Resource {
    /// One resource, by its public id.
    pub fn one(kind: ResourceKind, id: impl fmt::Display) -> Self {
        Self { kind, id: Some(id.to_string()) }
    }

    /// Several of a kind, or none in particular.
    pub const fn many(kind: ResourceKind) -> Self {
        Self { kind, id: None }
    }
}

macro_rules! resource_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// The kinds of things that the audit speaks of: a closed set.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ResourceKind {
            $($(#[$doc])* $name,)+
        }

        impl ResourceKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The kind's name in the database and on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

resource_kinds! {
    /// An organisation and its settings.
    Organisation = "organization",
    /// Somebody as an organisation knows them.
    Person = "person",
    /// A membership.
    Membership = "membership",
    /// A kind of appointment.
    AppointmentType = "appointment_type",
    /// A specialist's hours and free time.
    Calendar = "calendar",
    /// A slot reserved for some minutes.
    Hold = "hold",
    /// An appointment.
    Appointment = "appointment",
    /// The video room of an appointment, and the ways into it.
    VideoRoom = "video_room",
    /// What is recorded of a video visit.
    Recording = "recording",
    /// A file, and the signatures under it.
    File = "file",
    /// A patient's programme of exercises.
    Program = "program",
    /// What was reported of programmes.
    RehabEvent = "rehab_event",
    /// What is computed of what patients did.
    Insight = "insight",
    /// A line of the audit itself.
    AuditEvent = "audit_event",
    /// An address of an organisation that hears of events.
    WebhookEndpoint = "webhook_endpoint",
    /// One event on its way to one endpoint.
    WebhookDelivery = "webhook_delivery",
    /// What webhooks tell.
    WebhookEvent = "webhook_event",
    /// A program of the organisation's own.
    ApiClient = "api_client",
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Success,
    /// Not allowed, not found or not possible; with the stable code that the client was told.
    Refused(&'static str),
    /// Broken on our side; with the stable code that the client was told.
    Failed(&'static str),
}

impl Outcome {
    /// `success`, `refused` or `failed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }

    /// The code of a refusal or failure.
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Success => None,
            Self::Refused(code) | Self::Failed(code) => Some(code),
        }
    }
}
