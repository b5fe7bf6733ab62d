//! Appointments of which somebody is to be reminded now.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, StoreError};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_workflows::DueReminders;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// A batch of appointments with a reminder that is due.
    ClaimReminders<'a> {
        limit: &'a i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_reminders" -> (BigInt, BigInt)
}

/// The appointments in PostgreSQL of which somebody is to be reminded.
#[derive(Clone)]
pub struct PgDueReminders {
    database: Database,
}

impl PgDueReminders {
    /// Those kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ClaimSource for PgDueReminders {
    type Key = DueReminders;
    type Row = AppointmentId;

    async fn claim(&self, key: &DueReminders) -> Result<Vec<Found<AppointmentId>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let limit = i32::from(key.limit);
        let call = ClaimReminders { limit: &limit, now: key.now, until: key.now + key.lease };
        let rows: Vec<(i64, i64)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, id)| {
                Ok(Found {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| unreadable("appointments.org_id"))?,
                    actor: Actor::System,
                    row: AppointmentId::new(id).map_err(|_| unreadable("appointments.id"))?,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}
