use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_kernel::{AppointmentId, RandomExt};
use restartix_scheduling::{Appointment, Status};
use restartix_telemetry::{Act, Operation, Resource, ResourceKind};
use restartix_tenancy::{ClaimedRow, ClaimedRows, Reach, Tenant};
use restartix_video::{
    ProviderError, Room, RoomName, RoomTerms, VideoProvider, Window, WindowPolicy,
};

use crate::{
    Desk, EventQueue, Failure, Happening, Lease, QueuedEvent, Round, Settled, Settlement, Topic,
    Worker,
};

/// Keeps the rooms at the provider as the appointments say: a room for each that is to be, none for
/// one that was called off.
///
/// An event is a reason to look, not an order: what is done follows from how the appointment stands
/// now. So events may come twice, late or together, and a worker may be killed at any point.
pub struct RoomKeeper<Q> {
    desk: Desk,
    queue: ClaimedRows<Q>,
    provider: Arc<dyn VideoProvider>,
}

/// Participants at most: patient, specialist, and an interpreter, relative or student each.
const MAX_PARTICIPANTS: u16 = 8;

impl<Q: EventQueue> RoomKeeper<Q> {
    /// Events claimed at once.
    const BATCH: u16 = 16;
    /// How long a claim lasts: longer than a batch takes at its worst, short enough that a killed
    /// worker's rooms are made within a minute.
    const LEASE: TimeDelta = TimeDelta::seconds(45);
    /// The longest pause between two tries.
    const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(15);

    /// A keeper over `queue` and `provider`.
    pub fn new(desk: Desk, queue: Q, provider: Arc<dyn VideoProvider>) -> Self {
        Self { desk, queue: ClaimedRows::new(queue), provider }
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        let lease = Lease { topic: Topic::Video, limit: Self::BATCH, now, length: Self::LEASE };
        let rows = self.queue.claim(&lease).await?;
        // Together: one that the provider keeps waiting must not cost the others their lease. The
        // provider's own adapter bounds how many calls are under way.
        let settled = join_all(rows.into_iter().map(|row| self.deal_with(row))).await;
        if !settled.is_empty() {
            self.queue.source().settle(&settled).await?;
        }
        let postponed = settled.iter().filter(|one| one.settlement != Settlement::Done).count();
        Ok(Round { claimed: settled.len(), postponed })
    }

    async fn deal_with(&self, row: ClaimedRow<QueuedEvent>) -> Settled {
        self.queue
            .run(row, async |tenant, event| {
                let settlement = match self.bring_to(tenant, event.appointment).await {
                    Ok(()) => Settlement::Done,
                    Err(failure) => {
                        let error: &dyn std::error::Error = &failure;
                        tracing::warn!(
                            organisation = tenant.organisation().get(),
                            appointment = event.appointment.get(),
                            attempts = event.attempts,
                            error,
                            "a room is not as it should be yet"
                        );
                        Settlement::RetryAt(self.later(event.attempts, &failure))
                    }
                };
                Settled { event: event.id, lease: event.lease, settlement }
            })
            .await
    }

    /// Twice as long after each try, up to the longest pause, and up to half as much again, so that
    /// what failed together is not tried together. A refusal will not pass by itself: always the
    /// longest.
    fn later(&self, attempts: u32, failure: &Failure) -> DateTime<Utc> {
        let refused = matches!(failure, Failure::Video(ProviderError::Refused(_)));
        let pause = TimeDelta::seconds(1)
            .checked_mul(1_i32.checked_shl(attempts).unwrap_or(i32::MAX).max(1))
            .filter(|pause| *pause < Self::LONGEST_PAUSE && !refused)
            .unwrap_or(Self::LONGEST_PAUSE);
        let jitter = u32::try_from(pause.num_milliseconds() / 2).unwrap_or_default();
        let jitter = TimeDelta::milliseconds(i64::from(self.desk.random.below(jitter)));
        self.desk.clock.now() + pause + jitter
    }

    async fn bring_to(&self, tenant: &Tenant, id: AppointmentId) -> Result<(), Failure> {
        let (appointment, room, window) = self.look(tenant, id).await?;
        let wanted = appointment.online
            && appointment.status.is_active()
            && self.desk.clock.now() < window.closes_at;
        match (wanted, room) {
            (true, Some(room)) if room.window == window => Ok(()),
            (true, _) => self.open(tenant, &appointment, window).await,
            (false, Some(room)) if appointment.status == Status::Cancelled => {
                self.close(tenant, &appointment, &room).await
            }
            (false, None) if appointment.online && appointment.status == Status::Cancelled => {
                // A worker may have died between making the room and keeping it. Where the
                // provider assigns names there is nothing by this one, and nothing is deleted.
                let name = RoomName::deterministic(tenant.organisation(), appointment.id);
                Ok(self.provider.delete_room(tenant, &name).await?)
            }
            // What is over closes by itself at the room's own end.
            (false, _) => Ok(()),
        }
    }

    async fn look(
        &self,
        tenant: &Tenant,
        id: AppointmentId,
    ) -> Result<(Appointment, Option<Room>, Window), Failure> {
        self.desk
            .read(tenant, async |work| {
                let found = work.appointments().find(Reach::Organisation, id).await?;
                let appointment = found.ok_or(Failure::NotFound)?;
                let window = window(&work.organisations().own().await?, &appointment);
                Ok((appointment, work.rooms().find(id).await?, window))
            })
            .await
    }

    async fn open(
        &self,
        tenant: &Tenant,
        appointment: &Appointment,
        window: Window,
    ) -> Result<(), Failure> {
        let terms = RoomTerms { window, max_participants: MAX_PARTICIPANTS };
        let room = self.provider.create_room(tenant, appointment.id, &terms).await?;
        let act = Act { operation: Operation::new("video.open_room"), request: None };
        self.desk
            .change(tenant, async |work| {
                work.rooms().keep(appointment.id, &room).await?;
                let (appointment_id, version) = (appointment.id, appointment.version);
                let ready = Happening::RoomReady { appointment: appointment_id, version };
                self.desk.announce(work, ready).await?;
                let resource = Resource::one(ResourceKind::VideoRoom, appointment.id);
                self.desk.trace(work, &act, resource, Some(appointment.patient)).await
            })
            .await
    }

    async fn close(
        &self,
        tenant: &Tenant,
        appointment: &Appointment,
        room: &Room,
    ) -> Result<(), Failure> {
        self.provider.delete_room(tenant, &room.name).await?;
        let act = Act { operation: Operation::new("video.close_room"), request: None };
        self.desk
            .change(tenant, async |work| {
                work.rooms().forget(appointment.id).await?;
                let resource = Resource::one(ResourceKind::VideoRoom, appointment.id);
                self.desk.trace(work, &act, resource, Some(appointment.patient)).await
            })
            .await
    }
}

#[async_trait(?Send)]
impl<Q: EventQueue> Worker for RoomKeeper<Q> {
    fn name(&self) -> &'static str {
        "rooms"
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }
}

/// When the room of `appointment` is open, by its organisation's own choice.
pub(crate) fn window(
    organisation: &restartix_tenancy::Organisation,
    appointment: &Appointment,
) -> Window {
    let (starts_at, ends_at) = (appointment.starts_at, appointment.ends_at);
    WindowPolicy::new(organisation.lead_minutes, organisation.grace_minutes)
        .map_or(Window { opens_at: starts_at, closes_at: ends_at }, |policy| {
            policy.window(starts_at, ends_at)
        })
}
