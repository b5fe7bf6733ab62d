use async_trait::async_trait;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{PersonId, StoreError, UserId};
use restartix_tenancy::{
    Directory, DirectoryError, Membership, OrgId, Role, Session, Standing, Subject,
};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::tenancy::standings::Standings;

definer_call! {
    /// The organisations among which a user may choose.
    ListMemberships<'a> {
        user: &'a Uuid => SqlUuid,
    } = "list_memberships" -> (BigInt, SqlUuid, Text)
}

/// The directory in PostgreSQL. Every answer is read anew: suspension and removal act at once.
#[derive(Clone)]
pub struct PgDirectory {
    database: Database,
    standings: Standings,
}

impl PgDirectory {
    /// A directory over `database`, as the role that serves requests. It answers within a tokio
    /// runtime.
    pub fn new(database: Database) -> Self {
        Self { standings: Standings::new(database.clone()), database }
    }
}

fn failed(error: StoreError) -> DirectoryError {
    DirectoryError(Box::new(error))
}

#[async_trait]
impl Directory for PgDirectory {
    async fn standing(
        &self,
        subject: &Subject,
        session: Option<&Session>,
    ) -> Result<Option<Standing>, DirectoryError> {
        self.standings.find(subject, session).await
    }

    async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, DirectoryError> {
        let mut connection = self.database.connection().await.map_err(failed)?;
        let rows: Vec<(i64, Uuid, String)> = ListMemberships { user: &user.as_uuid() }
            .load(&mut connection)
            .await
            .map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, person, role)| {
                Ok(Membership {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| failed(unreadable("organizations.id")))?,
                    person: PersonId::from_uuid(person),
                    role: role
                        .parse::<Role>()
                        .map_err(|_| failed(unreadable("memberships.role")))?,
                })
            })
            .collect()
    }
}
