use restartix_kernel::{ApiClientId, PersonId, UserId};

use crate::{OrgId, Reach, Role, Scopes};

/// Who acts, and in which organisation: proven, not claimed.
///
/// Neither `Clone` nor `Deserialize`, without a public constructor: only [`Authenticator`] and
/// [`ClaimedRows`] make one, and every port method that touches an organisation's data takes it
/// first.
///
/// ```compile_fail
/// # use restartix_tenancy::{Actor, OrgId, Tenant};
/// let forged = Tenant { organisation: OrgId::new(1).unwrap(), actor: Actor::System };
/// ```
///
/// [`Authenticator`]: crate::Authenticator
/// [`ClaimedRows`]: crate::ClaimedRows
#[derive(Debug)]
pub struct Tenant {
    organisation: OrgId,
    actor: Actor,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who signed in.
    User {
        /// The same in every organisation.
        id: UserId,
        /// The same somebody as this organisation knows them.
        person: PersonId,
        /// What they are to this organisation.
        role: Role,
    },
    /// A program of the organisation's own.
    Client {
        /// Which.
        id: ApiClientId,
        /// What it may do.
        scopes: Scopes,
    },
    /// The platform itself: a worker that carries on what somebody began.
    System,
}

impl Tenant {
    pub(crate) const fn new(organisation: OrgId, actor: Actor) -> Self {
        Self { organisation, actor }
    }

    /// The organisation in which everything happens that this proof is shown for.
    pub const fn organisation(&self) -> OrgId {
        self.organisation
    }

    /// Who acts.
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// The acting person; `None` for a program and for the platform itself.
    pub const fn person(&self) -> Option<PersonId> {
        match self.actor {
            Actor::User { person, .. } => Some(person),
            Actor::Client { .. } | Actor::System => None,
        }
    }

    /// Whose bucket requests are taken from; `None` for the platform itself. A program's is its own.
    pub const fn bucket(&self) -> Option<UserId> {
        match self.actor {
            Actor::User { id, .. } => Some(id),
            Actor::Client { id, .. } => Some(UserId::from_uuid(id.as_uuid())),
            Actor::System => None,
        }
    }

    /// Whose records the actor may see.
    pub const fn reach(&self) -> Reach {
        match self.actor {
            Actor::User { person, role: Role::Patient, .. } => Reach::Own(person),
            Actor::User { person, role: Role::Specialist, .. } => Reach::TreatedBy(person),
            Actor::User { role: Role::Admin, .. } | Actor::Client { .. } | Actor::System => {
                Reach::Organisation
            }
        }
    }
}
