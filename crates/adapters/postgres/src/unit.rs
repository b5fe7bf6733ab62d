use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::join5;
use restartix_kernel::{CursorError, PageRequest, StoreError};
use restartix_scheduling::{AppointmentTypes, Appointments, Calendars, Exceptions};
use restartix_storage::Files;
use restartix_telemetry::insights::Rollups;
use restartix_telemetry::{AuditSeals, AuditTrail, Programs, RehabEvents, TelemetryFeed};
use restartix_tenancy::{
    Actor, ApiClients, Change, Memberships, Organisations, People, Tenant, Version,
};
use restartix_video::{Presence, Recordings, Rooms};
use restartix_webhooks::{Deliveries, Endpoints, EventFeed, Jobs};
use restartix_workflows::{Access, Aftermath, KeptAnswers, UnitOfWork, Work};

use crate::error::store_error;
use crate::transaction::TenantTx;
use crate::webhooks::feed;
use crate::{Database, audit, outbox, telemetry, tenancy};

/// Units of work in PostgreSQL.
#[derive(Clone)]
pub struct PgUnits {
    database: Database,
    /// Whether a change has to leave a line.
    traced: bool,
}

impl PgUnits {
    /// Units of work over `database`.
    pub const fn new(database: Database) -> Self {
        Self { database, traced: true }
    }

    /// Units of work that commit a change without its audit line: to measure what that line costs.
    #[cfg(feature = "untraced")]
    pub const fn untraced(database: Database) -> Self {
        Self { database, traced: false }
    }
}

#[async_trait]
impl UnitOfWork for PgUnits {
    async fn begin(&self, tenant: &Tenant, access: Access) -> Result<Box<dyn Work>, StoreError> {
        let connection = self.database.connection().await?;
        let tx = TenantTx::new(connection, tenant.organisation(), access);
        Ok(Box::new(PgWork { tx, actor: tenant.actor(), traced: !self.traced, left: None }))
    }
}

/// One transaction in one organisation, and every repository bound to it.
///
/// The repositories are implemented on it directly, each in the module of its domain.
pub(crate) struct PgWork {
    tx: TenantTx,
    actor: Actor,
    traced: bool,
    /// What goes out together with the end.
    left: Option<Aftermath>,
}

impl PgWork {
    /// What runs the queries.
    pub(crate) const fn tx(&mut self) -> &mut TenantTx {
        &mut self.tx
    }

    /// The organisation that every row of this unit carries.
    pub(crate) const fn org_id(&self) -> i64 {
        self.tx.organisation().get()
    }

    /// Who acts.
    pub(crate) const fn actor(&self) -> Actor {
        self.actor
    }

    /// Notes that an audit line was written.
    pub(crate) const fn note_trace(&mut self) {
        self.traced = true;
    }
}

#[async_trait]
impl Work for PgWork {
    fn organisations(&mut self) -> &mut dyn Organisations {
        self
    }

    fn people(&mut self) -> &mut dyn People {
        self
    }

    fn memberships(&mut self) -> &mut dyn Memberships {
        self
    }

    fn api_clients(&mut self) -> &mut dyn ApiClients {
        self
    }

    fn appointment_types(&mut self) -> &mut dyn AppointmentTypes {
        self
    }

    fn calendars(&mut self) -> &mut dyn Calendars {
        self
    }

    fn exceptions(&mut self) -> &mut dyn Exceptions {
        self
    }

    fn appointments(&mut self) -> &mut dyn Appointments {
        self
    }

    fn rooms(&mut self) -> &mut dyn Rooms {
        self
    }

    fn presence(&mut self) -> &mut dyn Presence {
        self
    }

    fn recordings(&mut self) -> &mut dyn Recordings {
        self
    }

    fn files(&mut self) -> &mut dyn Files {
        self
    }

    fn programs(&mut self) -> &mut dyn Programs {
        self
    }

    fn rehab(&mut self) -> &mut dyn RehabEvents {
        self
    }

    fn rollups(&mut self) -> &mut dyn Rollups {
        self
    }

    fn webhook_endpoints(&mut self) -> &mut dyn Endpoints {
        self
    }

    fn webhook_events(&mut self) -> &mut dyn EventFeed {
        self
    }

    fn webhook_deliveries(&mut self) -> &mut dyn Deliveries {
        self
    }

    fn webhook_jobs(&mut self) -> &mut dyn Jobs {
        self
    }

    fn telemetry(&mut self) -> &mut dyn TelemetryFeed {
        self
    }

    fn answers(&mut self) -> &mut dyn KeptAnswers {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditTrail {
        self
    }

    fn seals(&mut self) -> &mut dyn AuditSeals {
        self
    }

    async fn leave(&mut self, aftermath: Aftermath) -> Result<(), StoreError> {
        self.traced |= aftermath.line.is_some();
        if let Some(earlier) = self.left.replace(aftermath) {
            let tx = self.tx.open().await.map_err(store_error)?;
            write(tx, self.actor, earlier).await?;
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { tx, actor, traced, left } = *self;
        if tx.access() == Access::Change && !traced {
            tx.roll_back().await?;
            return Err(StoreError::Defect("a change without an audit line".into()));
        }
        match left {
            Some(left) => tx.commit_with(|tx| write(tx, actor, left).boxed()).await,
            None => tx.commit().await,
        }
    }

    async fn roll_back(self: Box<Self>) -> Result<(), StoreError> {
        self.tx.roll_back().await
    }
}

/// Writes what was left: in any order, and in one flight.
async fn write(tx: &TenantTx, actor: Actor, left: Aftermath) -> Result<(), StoreError> {
    let Aftermath { events, publications, facts, care, line } = left;
    let (queued, published, told, opened, traced) = join5(
        outbox::queue(tx, &events),
        feed::publish(tx, &publications),
        telemetry::publish(tx, actor, &facts),
        tenancy::open_care(tx, care),
        audit::trace(tx, actor, line),
    )
    .await;
    queued.and(published).and(told).and(opened).and(traced)
}

/// What an update of `rows` rows came to; `there` tells whether the object exists at all.
pub(crate) const fn changed(rows: usize, there: bool) -> Change {
    match (rows, there) {
        (0, false) => Change::Absent,
        (0, true) => Change::Stale,
        _ => Change::Made,
    }
}

/// Where a page starts, read from the cursor that the same list gave out.
pub(crate) fn after<T: std::str::FromStr>(page: &PageRequest) -> Result<Option<T>, StoreError> {
    let Some(cursor) = &page.cursor else { return Ok(None) };
    cursor.key().parse().map(Some).map_err(|_| CursorError.into())
}

/// The versions that an update accepts: the one that was seen, or any.
pub(crate) fn versions(seen: Option<Version>) -> (i32, i32) {
    seen.map_or((1, i32::MAX), |version| (version.get(), version.get()))
}
