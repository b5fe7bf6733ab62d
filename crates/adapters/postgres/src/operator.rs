use std::path::Path;

use async_trait::async_trait;
use chrono_tz::Tz;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use restartix_kernel::Secret;
use restartix_telemetry::AuditEvent;
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId, Personal};
use tokio::sync::Mutex;

use crate::ConnectError;
use crate::audit::insert_line;
use crate::database::connect_once;
use crate::error::{store_error, unreadable};
use crate::schema::organizations;

/// Makes and suspends organisations, for those who run the platform: signs in as `core_migrator`
/// and acts as the owner, one organisation at a time.
///
/// As a [`ClaimSource`] it lends the proof of an organisation to an operator's command, which then
/// goes the way of every request: through the services, with an audit line.
pub struct Operator {
    connection: Mutex<AsyncPgConnection>,
}

/// An organisation to be.
#[derive(Clone, Debug)]
pub struct NewOrganisation {
    /// What it is called.
    pub name: Personal,
    /// Where it is, as far as clocks are concerned.
    pub timezone: Tz,
}

/// Why an operator's command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The database cannot be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no such organisation.
    #[error("there is no such organisation")]
    NotFound,
    /// The database refused.
    #[error("the database refused")]
    Store(#[source] restartix_kernel::StoreError),
}

fn failed(error: diesel::result::Error) -> OperatorError {
    OperatorError::Store(store_error(error))
}

impl Operator {
    /// Signs in with the URL of `core_migrator`.
    pub async fn connect(url: &Secret, ca_file: Option<&Path>) -> Result<Self, OperatorError> {
        let mut connection = connect_once(url, ca_file).await?;
        connection
            .batch_execute("SET ROLE core_owner; SET statement_timeout = '10s'")
            .await
            .map_err(failed)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Makes an organisation, whose first line of the audit is `line`, and answers its id.
    pub async fn create(
        &self,
        new: &NewOrganisation,
        line: impl FnOnce(OrgId) -> AuditEvent,
    ) -> Result<OrgId, OperatorError> {
        let mut connection = self.connection.lock().await;
        let connection = &mut *connection;
        let id: i64 = diesel::select(diesel::dsl::sql::<BigInt>(
            "nextval(pg_get_serial_sequence('public.organizations', 'id'))",
        ))
        .get_result(connection)
        .await
        .map_err(failed)?;
        let made =
            OrgId::new(id).map_err(|_| OperatorError::Store(unreadable("organizations.id")))?;
        begin(connection, id).await?;
        diesel::insert_into(organizations::table)
            .values((
                organizations::id.eq(id),
                organizations::name.eq(new.name.expose()),
                organizations::timezone.eq(new.timezone.name()),
            ))
            .execute(connection)
            .await
            .map_err(failed)?;
        insert_line(id, Actor::System, line(made)).execute(connection).await.map_err(failed)?;
        connection.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(made)
    }

    /// Suspends an organisation: from now on nobody can act in it. `line` says so in its audit.
    pub async fn suspend(
        &self,
        organisation: OrgId,
        line: AuditEvent,
    ) -> Result<(), OperatorError> {
        let mut connection = self.connection.lock().await;
        let connection = &mut *connection;
        begin(connection, organisation.get()).await?;
        let rows = diesel::update(organizations::table.find(organisation.get()))
            .set(organizations::status.eq("suspended"))
            .execute(connection)
            .await
            .map_err(failed)?;
        if rows == 0 {
            return Err(OperatorError::NotFound);
        }
        let id = organisation.get();
        insert_line(id, Actor::System, line).execute(connection).await.map_err(failed)?;
        connection.batch_execute("COMMIT").await.map_err(failed)
    }
}

/// Opens a transaction in one organisation. An operator's connection serves one command and is
/// never pooled: what fails here ends the program, and with it the connection.
async fn begin(connection: &mut AsyncPgConnection, id: i64) -> Result<(), OperatorError> {
    let open = crate::transaction::bind("BEGIN", id);
    connection.batch_execute(&open).await.map_err(failed)
}

#[async_trait]
impl ClaimSource for Operator {
    type Key = OrgId;
    type Row = ();

    async fn claim(&self, key: &OrgId) -> Result<Vec<Found<()>>, ClaimError> {
        let mut connection = self.connection.lock().await;
        let connection = &mut *connection;
        begin(connection, key.get()).await.map_err(|error| ClaimError(Box::new(error)))?;
        let found: Vec<i64> = organizations::table
            .select(organizations::id)
            .load(connection)
            .await
            .map_err(|error| ClaimError(Box::new(store_error(error))))?;
        connection
            .batch_execute("COMMIT")
            .await
            .map_err(|error| ClaimError(Box::new(store_error(error))))?;
        let found = found.into_iter().filter_map(|id| OrgId::new(id).ok());
        Ok(found
            .map(|organisation| Found { organisation, actor: Actor::System, row: () })
            .collect())
    }
}
