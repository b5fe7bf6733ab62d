//! Who gets a tenant, and who does not.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use restartix_kernel::{PersonId, SeededRandom, UserId};
use restartix_tenancy::conformance::{self, DirectoryCase};
use restartix_tenancy::memory::{MemoryDirectory, PlainTokens};
use restartix_tenancy::{
    Actor, AuthError, Authenticator, Choice, ClaimError, ClaimSource, ClaimedRows, Found, OrgId,
    Reach, Role, Subject, SwitchError, Tenant,
};

fn org(id: i64) -> OrgId {
    OrgId::new(id).unwrap()
}

fn case() -> (Arc<MemoryDirectory>, DirectoryCase) {
    let random = SeededRandom::new(1);
    let directory = MemoryDirectory::default();
    let subject = Subject::new("anna").unwrap();
    let user = UserId::fresh(&random);
    directory.add_member(&subject, user, org(1), PersonId::fresh(&random), Role::Patient);
    directory.add_member(&subject, user, org(2), PersonId::fresh(&random), Role::Admin);
    let case = DirectoryCase { subject, user, first: org(1), second: org(2), foreign: org(3) };
    (Arc::new(directory), case)
}

#[tokio::test]
async fn the_directory_in_memory_keeps_the_rules() {
    let (directory, case) = case();
    let choose = async |choice: Choice<'_>, organisation| directory.choose(choice, organisation);
    conformance::directory(&*directory, &case, choose).await;
}

#[tokio::test]
async fn switching_needs_a_membership_and_binds_the_session_alone() {
    let (directory, _) = case();
    let authenticator = Authenticator::new(Arc::new(PlainTokens), directory.clone());
    let choose = async |tenant: &Tenant, choice: Choice<'_>| {
        Ok::<_, SwitchError>(directory.choose(choice, tenant.organisation()))
    };
    let sign_in =
        async |token: &str| authenticator.authenticate(&token.to_owned().into()).await.unwrap();

    let switched = authenticator.switch(sign_in("anna/a").await, org(2), choose).await.unwrap();
    assert_eq!(switched.tenant().unwrap().organisation(), org(2));
    assert_eq!(sign_in("anna/b").await.tenant().unwrap().organisation(), org(1));
    let refused = authenticator.switch(sign_in("anna/a").await, org(3), choose).await;
    assert!(matches!(refused, Err(SwitchError::NotAMember)));
    // What was not kept was not chosen.
    let ended = async |_: &Tenant, _: Choice<'_>| Ok::<_, SwitchError>(false);
    let refused = authenticator.switch(sign_in("anna/b").await, org(2), ended).await;
    assert!(matches!(refused, Err(SwitchError::NotAMember)));
    assert_eq!(sign_in("anna/b").await.tenant().unwrap().organisation(), org(1));
}

#[tokio::test]
async fn a_removed_member_and_a_suspended_organisation_are_refused_at_once() {
    let (directory, case) = case();
    let authenticator = Authenticator::new(Arc::new(PlainTokens), directory.clone());
    let bearer = "anna".to_owned().into();

    directory.suspend(org(1));
    let principal = authenticator.authenticate(&bearer).await.unwrap();
    assert!(matches!(principal.tenant(), Err(AuthError::Suspended)));
    directory.remove_member(case.user, org(1));
    let principal = authenticator.authenticate(&bearer).await.unwrap();
    assert!(matches!(principal.tenant(), Err(AuthError::NoOrganisation)));
}

#[tokio::test]
async fn a_claimed_row_lends_the_tenant_of_its_own_organisation() {
    struct Two;
    #[async_trait::async_trait]
    impl ClaimSource for Two {
        type Key = ();
        type Row = &'static str;
        async fn claim(&self, (): &()) -> Result<Vec<Found<&'static str>>, ClaimError> {
            let found = |id, row| Found { organisation: org(id), actor: Actor::System, row };
            Ok(vec![found(1, "one"), found(2, "two")])
        }
    }
    let rows = ClaimedRows::new(Two);
    let mut seen = Vec::new();
    for row in rows.claim(&()).await.unwrap() {
        let pair = rows.run(row, async |tenant, row| (tenant.organisation().get(), row)).await;
        seen.push(pair);
    }
    assert_eq!(seen, [(1, "one"), (2, "two")]);
}

#[tokio::test]
async fn reach_follows_the_role() {
    let random = SeededRandom::new(2);
    let other = PersonId::fresh(&random);
    for (role, treated, foreign) in
        [(Role::Patient, false, false), (Role::Specialist, true, false), (Role::Admin, true, true)]
    {
        let principal = conformance::principal(1, role, &random).await;
        let reach = principal.tenant().unwrap().reach();
        assert_eq!(reach.covers(other, true), treated, "{role}");
        assert_eq!(reach.covers(other, false), foreign, "{role}");
        if let Reach::Own(person) = reach {
            assert!(reach.covers(person, false));
        }
    }
}
