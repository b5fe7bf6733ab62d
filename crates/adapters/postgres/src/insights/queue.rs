use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{PersonId, StoreError};
use restartix_telemetry::insights::StaleClaim;
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// Leases marks that are due.
    ClaimInsights<'a> {
        limit: &'a i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_insights" -> (BigInt, SqlUuid)
}

definer_call! {
    /// Takes away what is computed.
    RebuildInsights<'a> {
        organisation: &'a i64 => BigInt,
    } = "rebuild_insights" -> BigInt
}

/// The patients in PostgreSQL of whom what is computed is stale.
#[derive(Clone)]
pub struct PgStalePatients {
    database: Database,
}

impl PgStalePatients {
    /// The marks kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    /// For those who run the platform: takes away all that is computed of an organisation's patients;
    /// the workers compute it again. Answers how many patients they are.
    pub async fn rebuild(&self, organisation: OrgId) -> Result<i64, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = RebuildInsights { organisation: &organisation.get() };
        let patients: Vec<i64> = call.load(&mut connection).await.map_err(store_error)?;
        Ok(patients.into_iter().sum())
    }
}

#[async_trait]
impl ClaimSource for PgStalePatients {
    type Key = StaleClaim;
    type Row = PersonId;

    async fn claim(&self, key: &StaleClaim) -> Result<Vec<Found<PersonId>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let limit = i32::from(key.limit);
        let call = ClaimInsights { limit: &limit, now: key.now, until: key.now + key.lease };
        let rows: Vec<(i64, Uuid)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        let found = |(organisation, patient)| {
            let organisation = OrgId::new(organisation);
            Ok(Found {
                organisation: organisation.map_err(|_| unreadable("insight_marks.org_id"))?,
                actor: Actor::System,
                row: PersonId::from_uuid(patient),
            })
        };
        rows.into_iter().map(found).collect::<Result<_, _>>().map_err(failed)
    }
}
