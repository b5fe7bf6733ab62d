//! The directory in PostgreSQL keeps the rules that every directory keeps.

use std::sync::Arc;

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::Result;
use restartix_kernel::{SeededRandom, SystemClock};
use restartix_postgres::{PgDirectory, PgUnits};
use restartix_telemetry::{Act, Operation};
use restartix_tenancy::conformance::{self, DirectoryCase};
use restartix_tenancy::{AuthError, Choice, OrgId, Role, Subject};
use restartix_testkit::sql;
use restartix_workflows::{Clinic, Desk};

#[tokio::test]
async fn the_directory_in_postgresql_keeps_the_rules() -> Result<()> {
    let (database, random) = (three_clinics().await?, SeededRandom::new(1));
    let member = add_member(&database, 1, "anna", Role::Patient, &random).await?;
    add_member(&database, 2, "anna", Role::Admin, &random).await?;
    add_member(&database, 3, "somebody-else", Role::Admin, &random).await?;
    let case = DirectoryCase {
        subject: Subject::new("anna")?,
        user: member.user,
        first: OrgId::new(1)?,
        second: OrgId::new(2)?,
        foreign: OrgId::new(3)?,
    };
    let pool = database.pool("core_app", 2)?;
    let directory = PgDirectory::new(pool.clone());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(random));
    let clinic = Clinic::new(Desk::new(Arc::new(PgUnits::new(pool)), clock, random.clone()));
    let choose = async |choice: Choice<'_>, organisation: OrgId| {
        let there = conformance::principal(organisation.get(), Role::Patient, &*random).await;
        let act = Act { operation: Operation::new("me.switch_organization"), request: None };
        let chosen = clinic.choose(there.tenant().expect("a member"), &act, choice).await;
        chosen.expect("a choice")
    };
    conformance::directory(&directory, &case, choose).await;
    Ok(())
}

#[tokio::test]
async fn a_suspended_clinic_and_a_removed_member_are_refused_at_once() -> Result<()> {
    let (database, random) = (three_clinics().await?, SeededRandom::new(1));
    add_member(&database, 1, "anna", Role::Patient, &random).await?;
    assert_eq!(sign_in(&database, "anna").await?.tenant()?.organisation(), OrgId::new(1)?);

    sql(&database, "UPDATE organizations SET status = 'suspended' WHERE id = 1").await?;
    let suspended = sign_in(&database, "anna").await?;
    assert!(matches!(suspended.tenant(), Err(AuthError::Suspended)));

    sql(&database, "UPDATE memberships SET ended_at = now()").await?;
    sql(&database, "UPDATE organizations SET status = 'active'").await?;
    let removed = sign_in(&database, "anna").await?;
    assert!(matches!(removed.tenant(), Err(AuthError::NoOrganisation)));
    Ok(())
}
