use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{PersonId, StoreError};
use restartix_scheduling::{AppointmentTypes, Appointments, Calendars, Exceptions};
use restartix_storage::Files;
use restartix_telemetry::insights::Rollups;
use restartix_telemetry::{
    AuditEvent, AuditSeals, AuditTrail, Programs, RehabEvents, TelemetryFeed,
};
use restartix_tenancy::{ApiClients, Memberships, Organisations, People, Tenant};
use restartix_video::{Presence, Recordings, Rooms};
use restartix_webhooks::{Deliveries, Endpoints, EventFeed, Jobs};

use crate::{DomainEvent, KeptAnswers};

/// What a unit of work is begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look: the store refuses every change.
    Read,
    /// To look once: as [`Access::Read`], and the unit is over with its first query.
    Glance,
    /// To change something; the store refuses to commit without an audit line.
    Change,
    /// To compute again what is computed of something else: nothing happens by it, so it leaves no
    /// audit line. The store lets the platform alone do so, and with nothing but such copies.
    Derive,
}

/// Who is treated by whom, from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Care {
    /// By whom.
    pub specialist: PersonId,
    /// Who.
    pub patient: PersonId,
    /// From then; nothing changes where it is so already.
    pub since: DateTime<Utc>,
}

/// What a change leaves behind, to commit with it: who is to hear of it, and its line in the audit.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// For the consumers of the outbox.
    pub events: Vec<DomainEvent>,
    /// For the organisation's webhooks.
    pub publications: Vec<restartix_webhooks::Publication>,
    /// For the Telemetry service.
    pub facts: Vec<restartix_telemetry::Publication>,
    /// Who treats whom because of it.
    pub care: Option<Care>,
    /// The line; none where another one stands for this change too.
    pub line: Option<AuditEvent>,
}

/// Begins units of work.
#[async_trait]
pub trait UnitOfWork: Send + Sync {
    /// A unit of work in the organisation of `tenant`, and in no other.
    async fn begin(&self, tenant: &Tenant, access: Access) -> Result<Box<dyn Work>, StoreError>;
}

/// One transaction in one organisation; lends every domain's repository bound to it.
///
/// The proof of organisation was shown at [`UnitOfWork::begin`]: the repositories do not take it
/// again, because a second one could only disagree.
///
/// Dropped without an end, a unit of work is undone.
#[async_trait]
pub trait Work: Send {
    /// The organisation itself.
    fn organisations(&mut self) -> &mut dyn Organisations;
    /// Its people.
    fn people(&mut self) -> &mut dyn People;
    /// Their memberships.
    fn memberships(&mut self) -> &mut dyn Memberships;
    /// The organisation's own programs.
    fn api_clients(&mut self) -> &mut dyn ApiClients;
    /// What can be booked.
    fn appointment_types(&mut self) -> &mut dyn AppointmentTypes;
    /// When specialists work, and what is booked.
    fn calendars(&mut self) -> &mut dyn Calendars;
    /// What breaks their hours.
    fn exceptions(&mut self) -> &mut dyn Exceptions;
    /// What was booked.
    fn appointments(&mut self) -> &mut dyn Appointments;
    /// The video rooms of appointments.
    fn rooms(&mut self) -> &mut dyn Rooms;
    /// Who was in them.
    fn presence(&mut self) -> &mut dyn Presence;
    /// What is recorded of them.
    fn recordings(&mut self) -> &mut dyn Recordings;
    /// What is known of files.
    fn files(&mut self) -> &mut dyn Files;
    /// What patients are to do.
    fn programs(&mut self) -> &mut dyn Programs;
    /// What was reported of it.
    fn rehab(&mut self) -> &mut dyn RehabEvents;
    /// What is computed of it.
    fn rollups(&mut self) -> &mut dyn Rollups;
    /// Where webhooks go.
    fn webhook_endpoints(&mut self) -> &mut dyn Endpoints;
    /// What webhooks tell.
    fn webhook_events(&mut self) -> &mut dyn EventFeed;
    /// What became of them.
    fn webhook_deliveries(&mut self) -> &mut dyn Deliveries;
    /// What is told again.
    fn webhook_jobs(&mut self) -> &mut dyn Jobs;
    /// What the Telemetry service is to hear.
    fn telemetry(&mut self) -> &mut dyn TelemetryFeed;
    /// What clients were answered who may ask again.
    fn answers(&mut self) -> &mut dyn KeptAnswers;
    /// The trace of it all.
    fn audit(&mut self) -> &mut dyn AuditTrail;
    /// What seals that trace.
    fn seals(&mut self) -> &mut dyn AuditSeals;

    /// Leaves behind what a change has to leave. It becomes part of the unit with
    /// [`Work::commit`], which is where the store refuses it.
    async fn leave(&mut self, aftermath: Aftermath) -> Result<(), StoreError>;

    /// Makes everything durable at once. A unit begun for [`Access::Change`] without an audit line
    /// is a defect: it is undone instead.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes everything; as dropping it, but the connection can be used again at once.
    async fn roll_back(self: Box<Self>) -> Result<(), StoreError>;
}
