use std::sync::Arc;

use restartix_kernel::{Secret, UserId};

use crate::{
    Actor, Choice, ClientKey, ClientTokens, CurrentMembership, Directory, DirectoryError,
    Membership, NoClients, OrgId, Session, Standing, Subject, Tenant, TokenError, TokenVerifier,
};

/// Turns a bearer token into a [`Principal`], and a principal's choice into a [`Tenant`].
#[derive(Clone)]
pub struct Authenticator {
    verifier: Arc<dyn TokenVerifier>,
    directory: Arc<dyn Directory>,
    clients: Arc<dyn ClientTokens>,
}

/// Whoever stands behind a bearer token.
#[derive(Debug)]
pub enum Caller {
    /// Somebody who signed in.
    User(Principal),
    /// A program, in its one organisation.
    Client(Tenant),
}

/// Somebody who signed in, and where they act now.
#[derive(Debug)]
pub struct Principal {
    user: UserId,
    subject: Subject,
    session: Option<Session>,
    tenant: Result<Tenant, NoTenant>,
}

#[derive(Clone, Copy, Debug)]
enum NoTenant {
    Suspended,
    NoneChosen,
}

/// Why nobody, or nobody in an organisation, stands behind a token.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token proves nothing, or its subject is a stranger.
    #[error("not authenticated")]
    Unauthenticated,
    /// The user has chosen no organisation, or is no longer a member of the chosen one.
    #[error("no current organisation")]
    NoOrganisation,
    /// The chosen organisation is suspended.
    #[error("the organisation is suspended")]
    Suspended,
    /// Keys or directory cannot be had now.
    #[error("authentication is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why an organisation could not be chosen.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The user is no active member of it; an unknown organisation looks the same.
    #[error("not a member")]
    NotAMember,
    /// The directory cannot be had now.
    #[error("authentication is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<DirectoryError> for AuthError {
    fn from(error: DirectoryError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<DirectoryError> for SwitchError {
    fn from(error: DirectoryError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Authenticator {
    /// An authenticator over the two ports.
    pub fn new(verifier: Arc<dyn TokenVerifier>, directory: Arc<dyn Directory>) -> Self {
        Self { verifier, directory, clients: Arc::new(NoClients) }
    }

    /// With the tokens of programs.
    #[must_use]
    pub fn with_clients(self, clients: Arc<dyn ClientTokens>) -> Self {
        Self { clients, ..self }
    }

    /// Who stands behind `bearer`: a program, or somebody who signed in.
    pub async fn caller(&self, bearer: &Secret) -> Result<Caller, AuthError> {
        let Some(token) = ClientKey::token(bearer) else {
            return Ok(Caller::User(self.authenticate(bearer).await?));
        };
        let standing = self.clients.standing(&token).await?.ok_or(AuthError::Unauthenticated)?;
        if standing.is_suspended {
            return Err(AuthError::Suspended);
        }
        let actor = Actor::Client { id: standing.id, scopes: standing.scopes };
        Ok(Caller::Client(Tenant::new(standing.organisation, actor)))
    }

    /// Who stands behind `bearer`, and where they act now.
    pub async fn authenticate(&self, bearer: &Secret) -> Result<Principal, AuthError> {
        let token = self.verifier.verify(bearer).await.map_err(|error| match error {
            TokenError::Invalid => AuthError::Unauthenticated,
            TokenError::Unavailable(cause) => AuthError::Unavailable(cause),
        })?;
        let standing = self
            .directory
            .standing(&token.subject, token.session.as_ref())
            .await?
            .ok_or(AuthError::Unauthenticated)?;
        Ok(Principal::new(standing, token.subject, token.session))
    }

    /// The memberships among which `principal` may choose, by organisation.
    pub async fn memberships(&self, principal: &Principal) -> Result<Vec<Membership>, AuthError> {
        Ok(self.directory.memberships(principal.user).await?)
    }

    /// Makes `organisation` the current one of `principal`'s session, else of the user: `choose`
    /// keeps the choice, with whatever must be kept together with it, and is lent the proof of that
    /// organisation; `false`: the membership has ended meanwhile.
    ///
    /// This is the single way by which an organisation's id from a request comes to anything, and
    /// the directory says of what somebody is a member.
    pub async fn switch<E: From<SwitchError>>(
        &self,
        principal: Principal,
        organisation: OrgId,
        choose: impl AsyncFnOnce(&Tenant, Choice<'_>) -> Result<bool, E>,
    ) -> Result<Principal, E> {
        let Principal { user, subject, session, .. } = principal;
        let memberships = self.directory.memberships(user).await.map_err(SwitchError::from)?;
        let membership = memberships.into_iter().find(|one| one.organisation == organisation);
        let Membership { person, role, .. } = membership.ok_or(SwitchError::NotAMember)?;
        let tenant = Tenant::new(organisation, Actor::User { id: user, person, role });
        if !choose(&tenant, Choice { user, session: session.as_ref() }).await? {
            return Err(SwitchError::NotAMember.into());
        }
        let standing = self.directory.standing(&subject, session.as_ref()).await;
        let standing = standing.map_err(SwitchError::from)?.ok_or(SwitchError::NotAMember)?;
        Ok(Principal::new(standing, subject, session))
    }
}

impl Principal {
    fn new(standing: Standing, subject: Subject, session: Option<Session>) -> Self {
        let user = standing.user;
        let tenant = match standing.current {
            CurrentMembership::Active { organisation, person, role } => {
                Ok(Tenant::new(organisation, Actor::User { id: user, person, role }))
            }
            CurrentMembership::Suspended => Err(NoTenant::Suspended),
            CurrentMembership::None => Err(NoTenant::NoneChosen),
        };
        Self { user, subject, session, tenant }
    }

    /// An administrator of any organisation: what no product may have.
    #[cfg(feature = "mutants")]
    pub fn conjured(
        organisation: OrgId,
        user: UserId,
        person: restartix_kernel::PersonId,
        subject: Subject,
    ) -> Self {
        let actor = Actor::User { id: user, person, role: crate::Role::Admin };
        Self { user, subject, session: None, tenant: Ok(Tenant::new(organisation, actor)) }
    }

    /// Who signed in.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The proof of the organisation in which they act.
    pub const fn tenant(&self) -> Result<&Tenant, AuthError> {
        match &self.tenant {
            Ok(tenant) => Ok(tenant),
            Err(NoTenant::Suspended) => Err(AuthError::Suspended),
            Err(NoTenant::NoneChosen) => Err(AuthError::NoOrganisation),
        }
    }
}
