//! Lets others hear that it is time to remind of an appointment.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_kernel::AppointmentId;
use restartix_scheduling::{Reminded, Reminders, Status};
use restartix_telemetry::{Act, Operation, Resource, ResourceKind};
use restartix_tenancy::{ClaimSource, ClaimedRow, ClaimedRows, Tenant};

use crate::{Desk, Failure, Happening, Round, Worker};

/// How reminders that are due are claimed.
#[derive(Clone, Copy, Debug)]
pub struct DueReminders {
    /// Appointments at most.
    pub limit: u16,
    /// The keeper's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub lease: TimeDelta,
}

/// Tells when a reminder is due: each once, and none that time has overtaken or that is of an
/// appointment that is no longer to come. To whom it goes, and how, is the affair of those who hear
/// of it.
pub struct ReminderKeeper<Q> {
    desk: Desk,
    queue: ClaimedRows<Q>,
}

impl<Q: ClaimSource<Key = DueReminders, Row = AppointmentId>> ReminderKeeper<Q> {
    /// Appointments claimed at once.
    const BATCH: u16 = 16;
    /// How long a claim lasts: what a killed keeper had claimed is a minute late.
    const LEASE: TimeDelta = TimeDelta::seconds(60);

    /// A keeper over `queue`.
    pub const fn new(desk: Desk, queue: Q) -> Self {
        Self { desk, queue: ClaimedRows::new(queue) }
    }

    async fn look_after(&self, row: ClaimedRow<AppointmentId>) -> bool {
        self.queue
            .run(row, async |tenant, id| match self.remind(tenant, id).await {
                Ok(()) => true,
                Err(failure) => {
                    let error: &dyn std::error::Error = &failure;
                    let organisation = tenant.organisation().get();
                    tracing::warn!(organisation, appointment = id.get(), error, "not reminded yet");
                    false
                }
            })
            .await
    }

    async fn remind(&self, tenant: &Tenant, id: AppointmentId) -> Result<(), Failure> {
        self.desk
            .change_if_any(tenant, async |work| {
                let found = work.appointments().reminders(id).await?;
                let Some(Reminded { appointment, reminders }) = found else { return Ok(None) };
                let (now, starts_at) = (self.desk.clock.now(), appointment.starts_at);
                let to_come = appointment.status == Status::Confirmed;
                let due = reminders.to_give(starts_at, now).filter(|_| to_come);
                let (version, patient) = (appointment.version, appointment.patient);
                let left =
                    if to_come { reminders.ahead(starts_at, now) } else { Reminders::none() };
                work.appointments()
                    .set_reminders(&Reminded { appointment, reminders: left })
                    .await?;
                let operation = match due {
                    Some(minutes_before) => {
                        let appointment = id;
                        let due = Happening::ReminderDue { appointment, version, minutes_before };
                        self.desk.announce(work, due).await?;
                        REMIND
                    }
                    None => FORGO,
                };
                let resource = Resource::one(ResourceKind::Appointment, id);
                let act = Act { operation, request: None };
                self.desk.trace(work, &act, resource, Some(patient)).await?;
                Ok(Some(()))
            })
            .await
            .map(|_| ())
    }
}

const REMIND: Operation = Operation::new("appointments.remind");
/// The reminder came too late to be given.
const FORGO: Operation = Operation::new("appointments.forgo_reminder");

#[async_trait(?Send)]
impl<Q: ClaimSource<Key = DueReminders, Row = AppointmentId>> Worker for ReminderKeeper<Q> {
    fn name(&self) -> &'static str {
        "reminders"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        let due = DueReminders { limit: Self::BATCH, now, lease: Self::LEASE };
        let rows = self.queue.claim(&due).await?;
        let done = join_all(rows.into_iter().map(|row| self.look_after(row))).await;
        Ok(Round { claimed: done.len(), postponed: done.iter().filter(|done| !**done).count() })
    }
}
