//! Two clinics, told apart by the names of their people.

use std::sync::Arc;

use anyhow::Result;
use restartix_kernel::{PersonId, SeededRandom, UserId};
use restartix_postgres::PgDirectory;
use restartix_tenancy::memory::PlainTokens;
use restartix_tenancy::{Authenticator, Principal, Role};
use restartix_testkit::{TestDatabase, sql};

/// Somebody whom the fixtures of these tests put into a clinic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) person: PersonId,
    pub(crate) user: UserId,
}

/// A database with the organisations 1, 2 and 3.
pub(crate) async fn three_clinics() -> Result<TestDatabase> {
    let database = TestDatabase::create().await?;
    let insert = "INSERT INTO organizations (id, name, timezone) VALUES \
        (1, 'One', 'Europe/Bucharest'), (2, 'Two', 'Europe/London'), (3, 'Three', 'UTC')";
    sql(&database, insert).await?;
    Ok(database)
}

/// Makes `subject` a member of `organisation`.
pub(crate) async fn add_member(
    database: &TestDatabase,
    organisation: i64,
    subject: &str,
    role: Role,
    random: &SeededRandom,
) -> Result<Member> {
    let member = Member { person: PersonId::fresh(random), user: UserId::fresh(random) };
    let membership = UserId::fresh(random);
    let Member { person, user } = member;
    let statements = format!(
        "INSERT INTO users (id, subject, current_org_id) VALUES ('{user}', '{subject}', {organisation})
           ON CONFLICT (subject) DO NOTHING;
         INSERT INTO people (org_id, id, display_name, timezone)
           VALUES ({organisation}, '{person}', '{subject} of {organisation}', 'UTC');
         INSERT INTO memberships (org_id, id, person_id, user_id, subject, role)
           SELECT {organisation}, '{membership}', '{person}', id, subject, '{role}'
           FROM users WHERE subject = '{subject}';
         INSERT INTO specialists (org_id, id, timezone)
           SELECT {organisation}, '{person}', 'UTC' WHERE '{role}' = 'specialist'"
    );
    sql(database, &statements).await?;
    Ok(member)
}

/// The principal behind `subject`, as the directory in PostgreSQL proves it.
pub(crate) async fn sign_in(database: &TestDatabase, subject: &str) -> Result<Principal> {
    let directory = PgDirectory::new(database.pool("core_app", 1)?);
    let authenticator = Authenticator::new(Arc::new(PlainTokens), Arc::new(directory));
    Ok(authenticator.authenticate(&subject.to_owned().into()).await?)
}
