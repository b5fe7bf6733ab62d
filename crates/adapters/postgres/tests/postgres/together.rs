//! Many at once: the pool's shards, and principals resolved by one statement.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::Result;
use futures_util::future::{join_all, try_join_all};
use restartix_kernel::{PageRequest, SeededRandom, StoreError};
use restartix_postgres::{PgDirectory, PgUnits};
use restartix_tenancy::{
    CurrentMembership, Directory, OrgId, Reach, Role, Session, Standing, Subject,
};
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::{Access, UnitOfWork};

const CLINICS: i64 = 60;

/// Each clinic `n` has the member `member-n`, who has chosen the clinic after it in session `next`.
async fn many_clinics() -> Result<TestDatabase> {
    let database = TestDatabase::create().await?;
    let statements = format!(
        "INSERT INTO organizations (id, name, timezone)
           SELECT n, 'Clinic', 'UTC' FROM generate_series(1, {CLINICS}) n;
         INSERT INTO users (id, subject, current_org_id)
           SELECT md5('user' || n)::uuid, 'member-' || n, n FROM generate_series(1, {CLINICS}) n;
         INSERT INTO people (org_id, id, display_name, timezone)
           SELECT o, md5(o || 'person' || n)::uuid, 'Somebody', 'UTC'
           FROM generate_series(1, {CLINICS}) n, LATERAL unnest(ARRAY[n, n % {CLINICS} + 1]) o;
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           SELECT o, md5(o || 'membership' || n)::uuid, md5(o || 'person' || n)::uuid,
             md5('user' || n)::uuid, 'member-' || n, 'admin'
           FROM generate_series(1, {CLINICS}) n, LATERAL unnest(ARRAY[n, n % {CLINICS} + 1]) o;
         INSERT INTO user_sessions (user_id, session, org_id, chosen_at)
           SELECT md5('user' || n)::uuid, 'next', n % {CLINICS} + 1, now()
           FROM generate_series(1, {CLINICS}) n"
    );
    sql(&database, &statements).await?;
    Ok(database)
}

fn organisation(standing: Option<Standing>) -> Option<i64> {
    match standing?.current {
        CurrentMembership::Active { organisation, .. } => Some(organisation.get()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_who_ask_at_once_is_told_of_themselves_alone() -> Result<()> {
    let database = many_clinics().await?;
    sql(&database, "UPDATE organizations SET status = 'suspended' WHERE id = 7").await?;
    let directory = Arc::new(PgDirectory::new(database.pool("core_app", 8)?));
    let asked = (0..40 * CLINICS).map(|call| {
        let directory = Arc::clone(&directory);
        tokio::spawn(async move {
            let member = call % CLINICS + 1;
            // In turns: by the user, by the session, and a stranger.
            let (name, session, expected) = match call / CLINICS % 3 {
                0 => (format!("member-{member}"), None, Some(member)),
                1 => (format!("member-{member}"), Some("next"), Some(member % CLINICS + 1)),
                _ => (format!("stranger-{member}"), None, None),
            };
            let session = session.map(Session::new).transpose()?;
            let found = directory.standing(&Subject::new(&name)?, session.as_ref()).await?;
            assert_eq!(found.is_none(), expected.is_none(), "{name}");
            assert_eq!(organisation(found), expected.filter(|id| *id != 7), "{name}");
            anyhow::Ok(())
        })
    });
    for ended in join_all(asked.collect::<Vec<_>>()).await {
        ended??;
    }
    Ok(())
}

#[tokio::test]
async fn those_who_wait_are_answered_though_the_first_went_away() -> Result<()> {
    let database = many_clinics().await?;
    let directory = PgDirectory::new(database.pool("core_app", 1)?);
    let (first, second) = (Subject::new("member-1")?, Subject::new("member-2")?);
    let gone = tokio::time::timeout(Duration::ZERO, directory.standing(&first, None)).await;
    assert!(gone.is_err(), "it had no time");
    assert_eq!(organisation(directory.standing(&second, None).await?), Some(2));
    assert_eq!(organisation(directory.standing(&first, None).await?), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_failure_is_told_to_those_who_asked_together_and_to_nobody_after() -> Result<()> {
    let database = many_clinics().await?;
    let directory = PgDirectory::new(database.pool("core_app", 2)?);
    let subjects: Vec<_> = (1..=9)
        .map(|member| Subject::new(&format!("member-{member}")))
        .collect::<Result<_, _>>()?;
    let ask = || join_all(subjects.iter().map(|subject| directory.standing(subject, None)));
    sql(&database, "ALTER TABLE users RENAME TO somewhere_else").await?;
    assert!(ask().await.iter().all(Result::is_err));
    sql(&database, "ALTER TABLE somewhere_else RENAME TO users").await?;
    let found: Vec<_> = ask().await.into_iter().flatten().filter_map(organisation).collect();
    assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    Ok(())
}

#[tokio::test]
async fn a_thread_borrows_from_the_other_shards_and_the_pool_keeps_its_size() -> Result<()> {
    let (database, random) = (three_clinics().await?, SeededRandom::new(1));
    add_member(&database, 1, "anna", Role::Admin, &random).await?;
    let anna = sign_in(&database, "anna").await?;
    let (units, tenant) = (PgUnits::new(database.pool("core_app", 9)?), anna.tenant()?);
    assert_eq!(tenant.organisation(), OrgId::new(1)?);
    let begun = (0..9).map(|_| async {
        let mut work = units.begin(tenant, Access::Read).await?;
        work.people().list(Reach::Organisation, &PageRequest::default()).await?;
        Ok::<_, StoreError>(work)
    });
    let mut begun = try_join_all(begun).await?;
    let another =
        || tokio::time::timeout(Duration::from_millis(200), units.begin(tenant, Access::Read));
    assert!(another().await.is_err(), "there are nine connections and no tenth");
    for work in begun.drain(..) {
        work.commit().await?;
    }
    assert!(another().await?.is_ok());
    Ok(())
}
