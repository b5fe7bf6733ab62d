//! Units of work of which nobody hears: what a change costs without its trace.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{Page, PageRequest, StoreError};
use restartix_postgres::PgUnits;
use restartix_scheduling::{AppointmentTypes, Appointments, Calendars, Exceptions};
use restartix_storage::Files;
use restartix_telemetry::insights::Rollups;
use restartix_telemetry::{
    AuditEntry, AuditEvent, AuditFilter, AuditSeals, AuditTrail, BatchId, Hour, Kept, Programs,
    Publication, RehabEvents, Tally, TelemetryFeed,
};
use restartix_tenancy::{ApiClients, Memberships, Organisations, People, Tenant};
use restartix_video::{Presence, Recordings, Rooms};
use restartix_webhooks::{Deliveries, Endpoints, EventFeed, FeedEvent, Jobs};
use restartix_workflows::{Access, Aftermath, KeptAnswers, UnitOfWork, Work};

/// Units of work that change the same and tell nobody.
pub(crate) struct Untold(pub(crate) PgUnits);

struct Unit {
    inner: Box<dyn Work>,
    silence: Silence,
}

/// Hears everything and keeps nothing.
struct Silence;

#[async_trait]
impl UnitOfWork for Untold {
    async fn begin(&self, tenant: &Tenant, access: Access) -> Result<Box<dyn Work>, StoreError> {
        Ok(Box::new(Unit { inner: self.0.begin(tenant, access).await?, silence: Silence }))
    }
}

#[async_trait]
impl EventFeed for Silence {
    async fn publish(&mut self, _: &[restartix_webhooks::Publication]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn after(&mut self, _: i64, _: i64) -> Result<Vec<FeedEvent>, StoreError> {
        Ok(Vec::new())
    }

    async fn last(&mut self) -> Result<i64, StoreError> {
        Ok(0)
    }

    async fn first_since(&mut self, _: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl TelemetryFeed for Silence {
    async fn publish(&mut self, _: &[Publication]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn members(&mut self, _: BatchId) -> Result<Vec<Kept>, StoreError> {
        Ok(Vec::new())
    }

    async fn tally(&mut self, _: Hour) -> Result<Option<Tally>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl AuditTrail for Silence {
    async fn record(&mut self, _: AuditEvent) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(
        &mut self,
        _: &AuditFilter,
        _: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        Err(StoreError::Defect("nothing was kept".into()))
    }
}

macro_rules! lent {
    ($($name:ident: $port:ident,)+) => {
        $(fn $name(&mut self) -> &mut dyn $port {
            self.inner.$name()
        })+
    };
}

#[async_trait]
impl Work for Unit {
    lent! {
        organisations: Organisations,
        people: People,
        memberships: Memberships,
        api_clients: ApiClients,
        appointment_types: AppointmentTypes,
        calendars: Calendars,
        exceptions: Exceptions,
        appointments: Appointments,
        rooms: Rooms,
        presence: Presence,
        recordings: Recordings,
        files: Files,
        programs: Programs,
        rehab: RehabEvents,
        rollups: Rollups,
        webhook_endpoints: Endpoints,
        webhook_deliveries: Deliveries,
        webhook_jobs: Jobs,
        answers: KeptAnswers,
        seals: AuditSeals,
    }

    fn webhook_events(&mut self) -> &mut dyn EventFeed {
        &mut self.silence
    }

    fn telemetry(&mut self) -> &mut dyn TelemetryFeed {
        &mut self.silence
    }

    fn audit(&mut self) -> &mut dyn AuditTrail {
        &mut self.silence
    }

    async fn leave(&mut self, aftermath: Aftermath) -> Result<(), StoreError> {
        // A booking opens care whoever hears of it.
        self.inner.leave(Aftermath { care: aftermath.care, ..Aftermath::default() }).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.commit().await
    }

    async fn roll_back(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.roll_back().await
    }
}
