//! In-memory twins of the ports: for tests, examples, and teams that embed a domain crate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use restartix_kernel::{Clock, ExposeSecret, PersonId, Secret, UserId};

use crate::{
    Bucket, Choice, ClassRates, CurrentMembership, Directory, DirectoryError, Limited, Membership,
    OrgId, RateClass, RateLimits, RatePolicy, Role, Session, Standing, Subject, Tenant, TokenError,
    TokenVerifier, VerifiedToken,
};

/// A directory in memory.
#[derive(Debug, Default)]
pub struct MemoryDirectory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: BTreeMap<String, UserId>,
    members: BTreeMap<(UserId, OrgId), (PersonId, Role)>,
    suspended: Vec<OrgId>,
    chosen: BTreeMap<(UserId, Option<String>), OrgId>,
}

impl MemoryDirectory {
    /// Makes `subject`, known as `user`, a member of `organisation`; the first organisation of a
    /// user becomes the current one.
    pub fn add_member(
        &self,
        subject: &Subject,
        user: UserId,
        organisation: OrgId,
        person: PersonId,
        role: Role,
    ) {
        let mut state = self.state();
        state.users.insert(subject.as_str().to_owned(), user);
        state.members.insert((user, organisation), (person, role));
        state.chosen.entry((user, None)).or_insert(organisation);
    }

    /// Ends a membership.
    pub fn remove_member(&self, user: UserId, organisation: OrgId) {
        self.state().members.remove(&(user, organisation));
    }

    /// Suspends an organisation.
    pub fn suspend(&self, organisation: OrgId) {
        self.state().suspended.push(organisation);
    }

    /// Makes `organisation` the current one by `choice`, as
    /// [`Memberships::choose`](crate::Memberships::choose).
    pub fn choose(&self, choice: Choice<'_>, organisation: OrgId) -> bool {
        let mut state = self.state();
        let may = state.members.contains_key(&(choice.user, organisation))
            && !state.suspended.contains(&organisation);
        if may {
            let of_session = choice.session.map(|session| session.as_str().to_owned());
            state.chosen.insert((choice.user, of_session), organisation);
        }
        may
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for MemoryDirectory {
    async fn standing(
        &self,
        subject: &Subject,
        session: Option<&Session>,
    ) -> Result<Option<Standing>, DirectoryError> {
        let state = self.state();
        let Some(&user) = state.users.get(subject.as_str()) else { return Ok(None) };
        let of_session = session.map(|session| session.as_str().to_owned());
        let chosen = state
            .chosen
            .get(&(user, of_session))
            .or_else(|| state.chosen.get(&(user, None)))
            .copied();
        let member = chosen.and_then(|organisation| {
            let (person, role) = state.members.get(&(user, organisation))?;
            Some((organisation, *person, *role))
        });
        let current = match member {
            None => CurrentMembership::None,
            Some((organisation, ..)) if state.suspended.contains(&organisation) => {
                CurrentMembership::Suspended
            }
            Some((organisation, person, role)) => {
                CurrentMembership::Active { organisation, person, role }
            }
        };
        Ok(Some(Standing { user, current }))
    }

    async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, DirectoryError> {
        let state = self.state();
        let members = state.members.iter().filter(|((member, organisation), _)| {
            *member == user && !state.suspended.contains(organisation)
        });
        Ok(members
            .map(|((_, organisation), (person, role))| Membership {
                organisation: *organisation,
                person: *person,
                role: *role,
            })
            .collect())
    }
}

/// Accepts the tokens `subject` and `subject/session`, unsigned: for tests and examples only.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainTokens;

#[async_trait]
impl TokenVerifier for PlainTokens {
    async fn verify(&self, bearer: &Secret) -> Result<VerifiedToken, TokenError> {
        let (subject, session) = match bearer.expose_secret().split_once('/') {
            Some((subject, session)) => (subject, Some(session)),
            None => (bearer.expose_secret(), None),
        };
        Ok(VerifiedToken {
            subject: Subject::new(subject).map_err(|_| TokenError::Invalid)?,
            session: session.map(Session::new).transpose().map_err(|_| TokenError::Invalid)?,
        })
    }
}

/// Whose bucket: a user's, or without one the organisation's.
type BucketKey = (OrgId, Option<UserId>, RateClass);

/// Rate limits of one process, on its own clock; a bucket lives as long as this does.
pub struct MemoryRateLimits {
    policy: RatePolicy,
    clock: Arc<dyn Clock>,
    buckets: Mutex<BTreeMap<BucketKey, Bucket>>,
}

impl MemoryRateLimits {
    /// Full buckets.
    pub fn new(policy: RatePolicy, clock: Arc<dyn Clock>) -> Self {
        Self { policy, clock, buckets: Mutex::default() }
    }
}

#[async_trait]
impl RateLimits for MemoryRateLimits {
    async fn take(&self, tenant: &Tenant, class: RateClass) -> Result<(), Limited> {
        let now = self.clock.now().timestamp_micros();
        let organisation = tenant.organisation();
        let ClassRates { user: of_user, organisation: of_all } = self.policy.of(class);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = tenant.bucket() {
            buckets.entry((organisation, Some(id), class)).or_default().take(of_user, now)?;
        }
        let taken = buckets.entry((organisation, None, class)).or_default().take(of_all, now);
        if let (Err(_), Some(id)) = (taken, tenant.bucket()) {
            buckets.entry((organisation, Some(id), class)).or_default().give_back(of_user);
        }
        taken
    }
}
