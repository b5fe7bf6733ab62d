use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{Clock, PersonId, StoreError, UserId};
use restartix_tenancy::{
    CurrentMembership, Directory, DirectoryError, Membership, OrgId, Role, Session, Standing,
    Subject,
};
use std::sync::Arc;
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// Who stands behind a subject, and where they act now.
    ResolvePrincipal<'a> {
        subject: &'a str => Text,
        session: Option<&'a str> => Nullable<Text>,
    } = "resolve_principal"
      -> (SqlUuid, Nullable<BigInt>, Nullable<Text>, Nullable<SqlUuid>, Nullable<Text>)
}

definer_call! {
    /// The organisations among which a user may choose.
    ListMemberships<'a> {
        user: &'a Uuid => SqlUuid,
    } = "list_memberships" -> (BigInt, Text)
}

definer_call! {
    /// Makes an organisation the current one.
    ChooseOrganization<'a> {
        user: &'a Uuid => SqlUuid,
        session: Option<&'a str> => Nullable<Text>,
        organisation: i64 => BigInt,
        now: DateTime<Utc> => Timestamptz,
    } = "choose_organization" -> Bool
}

/// The directory in PostgreSQL. Every answer is read anew: suspension and removal act at once.
#[derive(Clone)]
pub struct PgDirectory {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl PgDirectory {
    /// A directory over `database`, as the role that serves requests.
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

fn failed(error: StoreError) -> DirectoryError {
    DirectoryError(Box::new(error))
}

type PrincipalRow = (Uuid, Option<i64>, Option<String>, Option<Uuid>, Option<String>);

fn standing(
    (user, organisation, status, person, role): PrincipalRow,
) -> Result<Standing, StoreError> {
    let current = match (organisation, status.as_deref(), person, role) {
        (Some(_), Some("suspended"), Some(_), Some(_)) => CurrentMembership::Suspended,
        (Some(organisation), Some(_), Some(person), Some(role)) => CurrentMembership::Active {
            organisation: OrgId::new(organisation).map_err(|_| unreadable("organizations.id"))?,
            person: PersonId::from_uuid(person),
            role: role.parse().map_err(|_| unreadable("memberships.role"))?,
        },
        _ => CurrentMembership::None,
    };
    Ok(Standing { user: UserId::from_uuid(user), current })
}

#[async_trait]
impl Directory for PgDirectory {
    async fn standing(
        &self,
        subject: &Subject,
        session: Option<&Session>,
    ) -> Result<Option<Standing>, DirectoryError> {
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call =
            ResolvePrincipal { subject: subject.as_str(), session: session.map(Session::as_str) };
        let rows: Vec<PrincipalRow> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter().next().map(standing).transpose().map_err(failed)
    }

    async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, DirectoryError> {
        let mut connection = self.database.connection().await.map_err(failed)?;
        let rows: Vec<(i64, String)> = ListMemberships { user: &user.as_uuid() }
            .load(&mut connection)
            .await
            .map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, role)| {
                Ok(Membership {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| failed(unreadable("organizations.id")))?,
                    role: role
                        .parse::<Role>()
                        .map_err(|_| failed(unreadable("memberships.role")))?,
                })
            })
            .collect()
    }

    async fn choose(
        &self,
        user: UserId,
        session: Option<&Session>,
        organisation: OrgId,
    ) -> Result<bool, DirectoryError> {
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ChooseOrganization {
            user: &user.as_uuid(),
            session: session.map(Session::as_str),
            organisation: organisation.get(),
            now: self.clock.now(),
        };
        call.get_result(&mut connection).await.map_err(|error| failed(store_error(error)))
    }
}
