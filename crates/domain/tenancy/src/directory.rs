//! What is known of a subject: who they are, and where they are members.

use async_trait::async_trait;
use restartix_kernel::{PersonId, UserId};

use crate::{OrgId, Role, Session, Subject};

/// What the directory knows of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who they are.
    pub user: UserId,
    /// Where they act now.
    pub current: CurrentMembership,
}

/// Where a user acts now: chosen per session, else per user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentMembership {
    /// In an organisation in which they are an active member.
    Active {
        /// The organisation.
        organisation: OrgId,
        /// The user as that organisation knows them.
        person: PersonId,
        /// What they are to it.
        role: Role,
    },
    /// The chosen organisation is suspended.
    Suspended,
    /// None was chosen, or the membership in the chosen one has ended.
    None,
}

/// One of a user's active memberships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organisation.
    pub organisation: OrgId,
    /// The user as that organisation knows them.
    pub person: PersonId,
    /// What the user is to it.
    pub role: Role,
}

/// That somebody will act in an organisation from now on: whoever keeps it says in which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Who.
    pub user: UserId,
    /// In which session; `None`: in all that have no choice of their own.
    pub session: Option<&'a Session>,
}

/// The directory cannot answer now.
#[derive(Debug, thiserror::Error)]
#[error("the directory cannot answer now")]
pub struct DirectoryError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Knows users, their memberships, and which organisation each has chosen
/// ([`Memberships::choose`](crate::Memberships::choose)).
///
/// Answers are never older than the call: suspension and removal act at once.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What is known of `subject` in `session`; `None` for a stranger.
    async fn standing(
        &self,
        subject: &Subject,
        session: Option<&Session>,
    ) -> Result<Option<Standing>, DirectoryError>;

    /// The active memberships of `user` in organisations that are not suspended, by organisation.
    async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, DirectoryError>;
}
