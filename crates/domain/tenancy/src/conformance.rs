//! What every [`Directory`], and every [`RateLimits`], must do; each function panics with the rule that was broken.
//!
//! Also [`principal`], by which tests and examples come to a proof without a database.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

use std::sync::Arc;

use restartix_kernel::{Clock, PersonId, Random, UserId};

use crate::memory::{MemoryDirectory, PlainTokens};
use crate::{
    AuthError, Authenticator, Choice, CurrentMembership, Directory, Membership, OrgId, Principal,
    Rate, RateClass, RateLimits, RatePolicy, Role, Session, Subject,
};

/// What a directory must hold before [`directory`] is run over it: `user`, known by `subject`,
/// a patient of `first` (the current one) and an administrator of `second`, and no member of
/// `foreign`.
#[derive(Clone, Debug)]
pub struct DirectoryCase {
    /// Who signs in.
    pub subject: Subject,
    /// The user of that subject.
    pub user: UserId,
    /// Where the user is a patient.
    pub first: OrgId,
    /// Where the user is an administrator.
    pub second: OrgId,
    /// Where the user is nobody.
    pub foreign: OrgId,
}

/// The rules of a [`Directory`], and of what keeps the choices that it knows: `choose` answers as
/// [`Memberships::choose`](crate::Memberships::choose) does in that organisation.
pub async fn directory(
    directory: &dyn Directory,
    case: &DirectoryCase,
    choose: impl AsyncFn(Choice<'_>, OrgId) -> bool,
) {
    let (tab_one, tab_two) = (Session::new("tab-1").unwrap(), Session::new("tab-2").unwrap());
    let current = async |session: Option<&Session>| {
        let standing = directory.standing(&case.subject, session).await.unwrap().unwrap();
        assert_eq!(standing.user, case.user);
        match standing.current {
            CurrentMembership::Active { organisation, role, .. } => (organisation, role),
            other => panic!("an active member is {other:?}"),
        }
    };

    let stranger = Subject::new("nobody-of-this-name").unwrap();
    assert!(directory.standing(&stranger, None).await.unwrap().is_none(), "a stranger is known");

    assert_eq!(current(None).await, (case.first, Role::Patient), "the first organisation");
    let in_tab = Choice { user: case.user, session: Some(&tab_one) };
    assert!(choose(in_tab, case.second).await);
    assert_eq!(current(Some(&tab_one)).await, (case.second, Role::Admin), "a session's choice");
    assert_eq!(current(Some(&tab_two)).await, (case.first, Role::Patient), "another session");
    assert_eq!(current(None).await, (case.first, Role::Patient), "no session");

    for nowhere in [case.foreign, OrgId::new(i64::MAX).unwrap()] {
        assert!(!choose(in_tab, nowhere).await, "a stranger's organisation was chosen");
    }
    assert_eq!(current(Some(&tab_one)).await.0, case.second, "a refused choice changed something");

    let memberships = directory.memberships(case.user).await.unwrap();
    let mut expected = [(case.first, Role::Patient), (case.second, Role::Admin)];
    expected.sort_by_key(|(organisation, _)| *organisation);
    let listed: Vec<_> = memberships.iter().map(|one| (one.organisation, one.role)).collect();
    assert_eq!(listed, expected);
    let standing = directory.standing(&case.subject, None).await.unwrap().unwrap();
    let CurrentMembership::Active { organisation, person, .. } = standing.current else {
        panic!("an active member is {standing:?}")
    };
    let same = |one: &&Membership| one.organisation == organisation;
    assert_eq!(memberships.iter().find(same).map(|one| one.person), Some(person));
}

/// A principal in `organisation` with `role`, through an [`Authenticator`] over the twins: lend
/// its [`Principal::tenant`].
pub async fn principal(organisation: i64, role: Role, random: &dyn Random) -> Principal {
    let directory = MemoryDirectory::default();
    let subject = Subject::new("somebody").unwrap();
    let (user, person) = (UserId::fresh(random), PersonId::fresh(random));
    directory.add_member(&subject, user, OrgId::new(organisation).unwrap(), person, role);
    let authenticator = Authenticator::new(Arc::new(PlainTokens), Arc::new(directory));
    let bearer = "somebody".to_owned().into();
    let principal: Result<Principal, AuthError> = authenticator.authenticate(&bearer).await;
    principal.unwrap()
}

/// Under which [`rate_limits`] is run: 4 requests at once for a user and 6 for an organisation,
/// with 20 a second for either.
pub fn rates() -> RatePolicy {
    RatePolicy::uniform(Rate::new(20, 4).unwrap(), Rate::new(20, 6).unwrap())
}

/// The rules of [`RateLimits`], under [`rates`], with full buckets for `random`'s new people in
/// the organisations `[one, two]`.
///
/// `wait` lets a length of time pass on whichever clock the buckets fill by. A bucket that several
/// servers share may fill by a token or two while the rules are tried.
pub async fn rate_limits(
    limits: &dyn RateLimits,
    [one, two]: [i64; 2],
    random: &dyn Random,
    wait: &(dyn Clock + Sync),
) {
    let somebody = async |organisation| principal(organisation, Role::Patient, random).await;
    let (anna, bob, cleo) = (somebody(one).await, somebody(one).await, somebody(two).await);
    let passed = async |who: &Principal, class| {
        let mut passed = 0;
        loop {
            match limits.take(who.tenant().unwrap(), class).await {
                Ok(()) => passed += 1,
                Err(limited) => return (passed, limited.retry_after),
            }
            assert!(passed < 100, "no limit at all");
        }
    };

    let (of_anna, retry_after) = passed(&anna, RateClass::Write).await;
    assert!((4..=6).contains(&of_anna), "a user's burst of 4 is {of_anna}");
    assert!(!retry_after.is_zero(), "refused, and told to come back at once");
    assert!(retry_after <= std::time::Duration::from_millis(50), "one token takes {retry_after:?}");
    let (of_bob, _) = passed(&bob, RateClass::Write).await;
    assert!((1..=5).contains(&of_bob), "the organisation's burst of 6 left {of_bob}");
    let (of_cleo, _) = passed(&cleo, RateClass::Write).await;
    assert!((4..=6).contains(&of_cleo), "another organisation had {of_cleo} of 4 left");
    let (reads, _) = passed(&anna, RateClass::Read).await;
    assert!((4..=6).contains(&reads), "another class had {reads} of 4 left");

    let mut refused = 0;
    while let Err(limited) = limits.take(cleo.tenant().unwrap(), RateClass::Write).await {
        refused += 1;
        assert!(refused < 100, "what was promised never came");
        wait.sleep(limited.retry_after).await;
    }
}
