use chrono::{DateTime, Utc};
use restartix_kernel::{EventId, PersonId, RequestId, UserId, words};
use restartix_tenancy::Role;

use crate::ResourceKind;

/// A line of the audit as it is read: with its actor, and in words, because a later version of the
/// platform may have other words than the one that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its key.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Who acted; `None` for the platform itself.
    pub actor: Option<AuditActor>,
    /// The operation, as in `appointments.book`.
    pub operation: String,
    /// What kind of thing it was done to, as in `appointment`.
    pub resource_kind: String,
    /// Its public id, where it was one.
    pub resource_id: Option<String>,
    /// Whose record that is.
    pub patient: Option<PersonId>,
    /// `success`, `refused` or `failed`.
    pub outcome: String,
    /// Why it was refused or failed.
    pub code: Option<String>,
    /// In which request; `None` for what a worker did.
    pub request: Option<RequestId>,
}

/// A user or a program that acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditActor {
    /// Who; of a program its own id.
    pub user: UserId,
    /// In which role; `None`: a program of the organisation's own.
    pub role: Option<Role>,
}

words! {
    /// How an act ended, without its code.
    Ending {
        /// Done.
        Success = "success",
        /// Not allowed, not found or not possible.
        Refused = "refused",
        /// Broken on our side.
        Failed = "failed",
    }
}

/// Which lines are asked for: those for which everything holds that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this user.
    pub actor: Option<UserId>,
    /// About things of this kind.
    pub resource_kind: Option<ResourceKind>,
    /// About the thing of this public id: 1 to 80 characters.
    pub resource_id: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// About the record of this patient.
    pub patient: Option<PersonId>,
    /// That ended so.
    pub ending: Option<Ending>,
    /// From then on.
    pub from: Option<DateTime<Utc>>,
    /// Before then.
    pub to: Option<DateTime<Utc>>,
}
