//! One transaction, one organisation: whatever happens to the future that drives it.

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::{Result, ensure};
use restartix_kernel::{Limit, PageRequest, SeededRandom, StoreError};
use restartix_postgres::PgUnits;
use restartix_tenancy::{Personal, Reach, Role, Tenant};
use restartix_testkit::{TestDatabase, cut_short};
use restartix_workflows::{Access, UnitOfWork, Work};

async fn names(work: &mut dyn Work) -> Result<Vec<String>, StoreError> {
    let page = work.people().list(Reach::Organisation, &PageRequest::default()).await?;
    Ok(page.items.iter().map(|person| person.display_name.expose().to_owned()).collect())
}

async fn read_names(units: &PgUnits, tenant: &Tenant) -> Result<Vec<String>, StoreError> {
    names_by(Access::Read, units, tenant).await
}

async fn names_by(
    access: Access,
    units: &PgUnits,
    tenant: &Tenant,
) -> Result<Vec<String>, StoreError> {
    let mut work = units.begin(tenant, access).await?;
    let seen = names(&mut *work).await?;
    work.commit().await?;
    Ok(seen)
}

async fn two_clinics() -> Result<TestDatabase> {
    let (database, random) = (three_clinics().await?, SeededRandom::new(1));
    add_member(&database, 1, "anna", Role::Admin, &random).await?;
    add_member(&database, 2, "bela", Role::Admin, &random).await?;
    Ok(database)
}

/// The next user of a connection sees their own rows, wherever the one before was cancelled.
async fn cancelled_everywhere(warm: bool, access: Access) -> Result<()> {
    let database = two_clinics().await?;
    let (anna, bela) = (sign_in(&database, "anna").await?, sign_in(&database, "bela").await?);
    for polls in 0.. {
        // A pool of one: whoever comes next gets the same connection, if it was given back.
        let units = PgUnits::new(database.pool("core_app", 1)?);
        if warm {
            names_by(access, &units, anna.tenant()?).await?;
            names_by(access, &units, bela.tenant()?).await?;
        }
        let ended = cut_short(names_by(access, &units, anna.tenant()?), polls).await;
        for _ in 0..2 {
            assert_eq!(
                names_by(access, &units, bela.tenant()?).await?,
                ["bela of 2"],
                "after {polls} polls, warm: {warm}, {access:?}"
            );
            assert_eq!(names_by(access, &units, anna.tenant()?).await?, ["anna of 1"]);
        }
        if ended.is_some() {
            ensure!(polls >= 2, "only {polls} awaits were tried");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_cancelled_at_each_await_leaves_nothing_behind_with_a_cold_cache() -> Result<()> {
    cancelled_everywhere(false, Access::Read).await?;
    cancelled_everywhere(false, Access::Glance).await
}

#[tokio::test]
async fn a_request_cancelled_at_each_await_leaves_nothing_behind_with_a_warm_cache() -> Result<()> {
    cancelled_everywhere(true, Access::Read).await?;
    cancelled_everywhere(true, Access::Glance).await
}

#[tokio::test]
async fn a_glance_is_over_with_its_first_query_be_it_known_to_the_server_or_not() -> Result<()> {
    let database = two_clinics().await?;
    let (anna, bela) = (sign_in(&database, "anna").await?, sign_in(&database, "bela").await?);
    let units = PgUnits::new(database.pool("core_app", 1)?);
    // The first time the query has to be prepared; then it goes out with the end behind it.
    for _ in 0..3 {
        for (member, name) in [(&anna, "anna of 1"), (&bela, "bela of 2")] {
            let mut work = units.begin(member.tenant()?, Access::Glance).await?;
            assert_eq!(names(&mut *work).await?, [name]);
            assert!(names(&mut *work).await.is_err(), "nothing is asked outside of a transaction");
            work.commit().await?;
        }
    }
    Ok(())
}

/// A task that has used up its turn finds pending what is ready: the end must not go out first.
#[tokio::test]
async fn a_glance_sees_its_rows_however_busy_its_task_is() -> Result<()> {
    let database = two_clinics().await?;
    let (anna, bela) = (sign_in(&database, "anna").await?, sign_in(&database, "bela").await?);
    let units = PgUnits::new(database.pool("core_app", 2)?);
    for spent in 0..140 {
        // Each of these is ready at once and costs the task a part of its turn.
        for _ in 0..spent {
            tokio::task::coop::consume_budget().await;
        }
        let (of_one, of_two) = tokio::join!(
            names_by(Access::Glance, &units, anna.tenant()?),
            names_by(Access::Glance, &units, bela.tenant()?),
        );
        assert_eq!(
            (of_one?, of_two?),
            (vec!["anna of 1".to_owned()], vec!["bela of 2".to_owned()])
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_glance_takes_in_more_rows_than_the_connection_holds_back() -> Result<()> {
    let (database, random) = (two_clinics().await?, SeededRandom::new(2));
    for n in 0..90 {
        add_member(&database, 1, &format!("member-{n}"), Role::Patient, &random).await?;
    }
    let anna = sign_in(&database, "anna").await?;
    let units = PgUnits::new(database.pool("core_app", 1)?);
    for _ in 0..3 {
        let mut work = units.begin(anna.tenant()?, Access::Glance).await?;
        let page = PageRequest {
            limit: Limit::new(200).ok_or_else(|| anyhow::anyhow!("a limit"))?,
            cursor: None,
        };
        assert_eq!(work.people().list(Reach::Organisation, &page).await?.items.len(), 91);
        work.commit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_change_without_an_audit_line_is_undone() -> Result<()> {
    let database = two_clinics().await?;
    let anna = sign_in(&database, "anna").await?;
    let units = PgUnits::new(database.pool("core_app", 1)?);
    let mut work = units.begin(anna.tenant()?, Access::Change).await?;
    let own = anna.tenant()?.person().ok_or_else(|| anyhow::anyhow!("a user is a person"))?;
    let found = work.people().find(Reach::Organisation, own).await?;
    let mut person = found.ok_or_else(|| anyhow::anyhow!("anna is there"))?;
    person.display_name = Personal::new("Nobody saw this")?;
    work.people().update(&person, None).await?;
    assert!(matches!(work.commit().await, Err(StoreError::Defect(_))));
    assert_eq!(read_names(&units, anna.tenant()?).await?, ["anna of 1"]);
    Ok(())
}

#[tokio::test]
async fn a_unit_begun_to_read_cannot_change_anything() -> Result<()> {
    let database = two_clinics().await?;
    let anna = sign_in(&database, "anna").await?;
    let units = PgUnits::new(database.pool("core_app", 1)?);
    let mut work = units.begin(anna.tenant()?, Access::Read).await?;
    let own = anna.tenant()?.person().ok_or_else(|| anyhow::anyhow!("a user is a person"))?;
    let found = work.people().find(Reach::Organisation, own).await?;
    let person = found.ok_or_else(|| anyhow::anyhow!("anna is there"))?;
    assert!(work.people().update(&person, None).await.is_err());
    work.roll_back().await?;
    assert_eq!(read_names(&units, anna.tenant()?).await?, ["anna of 1"]);
    Ok(())
}
