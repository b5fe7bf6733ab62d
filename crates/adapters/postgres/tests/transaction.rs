//! One transaction, one organisation: whatever happens to the future that drives it.

mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use anyhow::{Result, ensure};
use restartix_kernel::{PageRequest, SeededRandom, StoreError};
use restartix_postgres::PgUnits;
use restartix_tenancy::{Personal, Reach, Role, Tenant};
use restartix_testkit::TestDatabase;
use restartix_workflows::{Access, UnitOfWork, Work};
use support::{add_member, sign_in, three_clinics};

async fn names(work: &mut dyn Work) -> Result<Vec<String>, StoreError> {
    let page = work.people().list(Reach::Organisation, &PageRequest::default()).await?;
    Ok(page.items.iter().map(|person| person.display_name.expose().to_owned()).collect())
}

async fn read_names(units: &PgUnits, tenant: &Tenant) -> Result<Vec<String>, StoreError> {
    let mut work = units.begin(tenant, Access::Read).await?;
    let seen = names(&mut *work).await?;
    work.commit().await?;
    Ok(seen)
}

/// Drives `future` through `polls` polls and drops it there; `None` when it was cut short.
async fn cut_short<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

async fn two_clinics() -> Result<TestDatabase> {
    let (database, random) = (three_clinics().await?, SeededRandom::new(1));
    add_member(&database, 1, "anna", Role::Admin, &random).await?;
    add_member(&database, 2, "bela", Role::Admin, &random).await?;
    Ok(database)
}

/// The next user of a connection sees their own rows, wherever the one before was cancelled.
async fn cancelled_everywhere(warm: bool) -> Result<()> {
    let database = two_clinics().await?;
    let (anna, bela) = (sign_in(&database, "anna").await?, sign_in(&database, "bela").await?);
    for polls in 0.. {
        // A pool of one: whoever comes next gets the same connection, if it was given back.
        let units = PgUnits::new(database.pool("core_app", 1)?);
        if warm {
            read_names(&units, anna.tenant()?).await?;
            read_names(&units, bela.tenant()?).await?;
        }
        let ended = cut_short(read_names(&units, anna.tenant()?), polls).await;
        for _ in 0..2 {
            assert_eq!(
                read_names(&units, bela.tenant()?).await?,
                ["bela of 2"],
                "after {polls} polls, warm: {warm}"
            );
            assert_eq!(read_names(&units, anna.tenant()?).await?, ["anna of 1"]);
        }
        if ended.is_some() {
            ensure!(polls >= 3, "only {polls} awaits were tried");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_cancelled_at_each_await_leaves_nothing_behind_with_a_cold_cache() -> Result<()> {
    cancelled_everywhere(false).await
}

#[tokio::test]
async fn a_request_cancelled_at_each_await_leaves_nothing_behind_with_a_warm_cache() -> Result<()> {
    cancelled_everywhere(true).await
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
