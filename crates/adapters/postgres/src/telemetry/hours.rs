use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{Clock, EventId, Random, StoreError};
use restartix_telemetry::{Comparison, DueHour, Hour, HourClaim, ReconcileQueue};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId, Tenant};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// Leases hours that are to be compared.
    ClaimTelemetryHours<'a> {
        limit: i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        lease: &'a Uuid => SqlUuid,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_telemetry_hours" -> (BigInt, Timestamptz, Integer)
}

definer_call! {
    /// Records how a comparison ended.
    SettleTelemetryHour<'a> {
        org_id: i64 => BigInt,
        hour: DateTime<Utc> => Timestamptz,
        lease: &'a Uuid => SqlUuid,
        verdict: &'static str => Text,
        due_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
    } = "settle_telemetry_hour" -> BigInt
}

/// The hours of which both sides are to have the same, in PostgreSQL.
#[derive(Clone)]
pub struct PgTelemetryHours {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl PgTelemetryHours {
    /// The hours kept in `database`, as the role that runs workers.
    pub fn new(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { database, clock, random }
    }
}

#[async_trait]
impl ClaimSource for PgTelemetryHours {
    type Key = HourClaim;
    type Row = DueHour;

    async fn claim(&self, key: &HourClaim) -> Result<Vec<Found<DueHour>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let lease = EventId::fresh(&*self.clock, &*self.random);
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ClaimTelemetryHours {
            limit: i32::from(key.hours),
            now: key.now,
            lease: &lease.as_uuid(),
            until: key.now + key.lease,
        };
        let rows: Vec<(i64, DateTime<Utc>, i32)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        let found = rows.into_iter().map(|(organisation, hour, replays)| {
            Ok(Found {
                organisation: OrgId::new(organisation)
                    .map_err(|_| unreadable("telemetry_hours.org_id"))?,
                actor: Actor::System,
                row: DueHour {
                    hour: Hour::of(hour),
                    replays: u32::try_from(replays).unwrap_or_default(),
                    lease,
                },
            })
        });
        found.collect::<Result<_, _>>().map_err(failed)
    }
}

#[async_trait]
impl ReconcileQueue for PgTelemetryHours {
    async fn conclude(
        &self,
        tenant: &Tenant,
        due: &DueHour,
        comparison: Comparison,
    ) -> Result<u64, StoreError> {
        let (verdict, due_at) = match comparison {
            Comparison::Agreed => ("agreed", None),
            Comparison::Later(at) => ("later", Some(at)),
            Comparison::Replay(at) => ("replay", Some(at)),
            Comparison::Differs(at) => ("differs", Some(at)),
        };
        let call = SettleTelemetryHour {
            org_id: tenant.organisation().get(),
            hour: due.hour.begins(),
            lease: &due.lease.as_uuid(),
            verdict,
            due_at,
        };
        let mut connection = self.database.connection().await?;
        let again: i64 = call.get_result(&mut connection).await.map_err(store_error)?;
        Ok(u64::try_from(again).unwrap_or_default())
    }
}
