use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, PersonId, Secret};
use restartix_scheduling::{Appointment, Status};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{ClaimSource, ClaimedRows, Reach, Tenant};
use restartix_video::{
    AdmissionRefused, CodeHash, Grant, JoinCode, JoinTicket, MeetingToken, Room, TokenTerms,
    VideoProvider, VisitState, Window, admit,
};

use crate::rooms::window;
use crate::{Desk, Failure, Work};

/// Lets patient and specialist into the room of their appointment.
#[derive(Clone)]
pub struct Visits<J> {
    desk: Desk,
    codes: ClaimedRows<J>,
    provider: Arc<dyn VideoProvider>,
}

/// How a join code is looked up.
#[derive(Clone, Copy, Debug)]
pub struct JoinKey {
    /// What is kept of the code.
    pub code: CodeHash,
    /// The caller's clock: a code that has expired is not found.
    pub now: DateTime<Utc>,
}

/// A key to the room, and the code of a page that opens it.
#[derive(Debug)]
pub struct Pass {
    /// The key.
    pub token: MeetingToken,
    /// The code of the `join_url`.
    pub code: JoinCode,
}

/// What the join page shows before somebody enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingRoom {
    /// Whether the caller may enter now, or why not.
    pub admission: Result<(), AdmissionRefused>,
    /// When the appointment starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

/// The way into the room.
#[derive(Debug)]
pub struct Entrance {
    /// The provider's URL with a fresh token: a secret.
    pub url: Secret,
}

/// How long a join code is good for.
const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(10);

struct Visit {
    appointment: Appointment,
    window: Window,
    room: Option<Room>,
}

impl Visit {
    fn admit(&self, now: DateTime<Utc>) -> Result<&Room, AdmissionRefused> {
        let state = visit_state(self.appointment.status);
        Ok(admit(state, self.window, self.room.as_ref(), now)?.room)
    }

    /// What `person` may do in the room: who is neither patient nor specialist has no way in,
    /// whatever their role.
    fn grant(&self, person: PersonId) -> Result<Grant, Failure> {
        if person == self.appointment.specialist {
            Ok(Grant::Owner)
        } else if person == self.appointment.patient {
            Ok(Grant::Participant)
        } else {
            Err(Failure::NotAParticipant)
        }
    }
}

/// What became of an appointment, as far as its room is concerned.
pub(crate) const fn visit_state(status: Status) -> VisitState {
    match status {
        Status::Confirmed | Status::InProgress => VisitState::Open,
        Status::Cancelled => VisitState::Cancelled,
        Status::Completed | Status::NoShow => VisitState::Over,
    }
}

impl<J: ClaimSource<Key = JoinKey, Row = AppointmentId>> Visits<J> {
    /// The service over `desk`, the join codes and `provider`.
    pub fn new(desk: Desk, codes: J, provider: Arc<dyn VideoProvider>) -> Self {
        Self { desk, codes: ClaimedRows::new(codes), provider }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self
    where
        J: Clone,
    {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// Where a page may frame the provider from.
    pub fn frame_source(&self) -> &str {
        self.provider.frame_source()
    }

    /// A key to the room of one of the caller's appointments, made now.
    pub async fn pass(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentId,
    ) -> Result<Pass, Failure> {
        let person = tenant.person().ok_or(Failure::NotAParticipant)?;
        let visit = self.visit(tenant, tenant.reach(), id).await?;
        let token = self.token(tenant, &visit, person).await?;
        let code = JoinCode::fresh(&*self.desk.random);
        let now = self.desk.clock.now();
        let ticket = JoinTicket {
            code: code.hash(),
            appointment: id,
            person,
            expires_at: now + CODE_LIFETIME,
        };
        self.desk
            .change(tenant, async |work| {
                // Deleted since it was looked at: there is nothing to hand out a way into.
                if work.rooms().find(id).await?.is_none() {
                    return Err(AdmissionRefused::RoomNotReady.into());
                }
                work.rooms().issue(&ticket, now).await?;
                self.trace(work, act, &visit).await
            })
            .await?;
        Ok(Pass { token, code })
    }

    /// What somebody who holds a join code sees before they enter.
    pub async fn look(&self, code: &JoinCode) -> Result<WaitingRoom, Failure> {
        self.with_code(code, async |tenant, id| {
            let visit = self.visit(tenant, tenant.reach(), id).await?;
            Ok(WaitingRoom {
                admission: visit.admit(self.desk.clock.now()).map(|_| ()),
                starts_at: visit.appointment.starts_at,
                ends_at: visit.appointment.ends_at,
            })
        })
        .await
    }

    /// Lets somebody in whose join code was read: with a fresh token, so that the one before may be
    /// lost or seen without harm to this one.
    pub async fn enter(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentId,
    ) -> Result<Entrance, Failure> {
        let person = tenant.person().ok_or(Failure::NotFound)?;
        let visit = self.visit(tenant, tenant.reach(), id).await?;
        let token = self.token(tenant, &visit, person).await?;
        self.desk.change(tenant, async |work| self.trace(work, act, &visit).await).await?;
        let room = visit.admit(self.desk.clock.now())?;
        Ok(Entrance { url: self.provider.entrance(room, &token) })
    }

    /// Lets `work` act as the member whom a join code names, on the appointment that it names.
    pub async fn with_code<T, E: From<Failure>>(
        &self,
        code: &JoinCode,
        work: impl AsyncFnOnce(&Tenant, AppointmentId) -> Result<T, E>,
    ) -> Result<T, E> {
        let key = JoinKey { code: code.hash(), now: self.desk.clock.now() };
        let claimed = self.codes.claim(&key).await.map_err(Failure::from)?.pop();
        self.codes.run(claimed.ok_or(Failure::NotFound)?, work).await
    }

    async fn visit(
        &self,
        tenant: &Tenant,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Visit, Failure> {
        let visit = self
            .desk
            .read(tenant, async |work| {
                let found = work.appointments().find(reach, id).await?;
                let appointment = found.ok_or(Failure::NotFound)?;
                let window = window(&work.organisations().own().await?, &appointment);
                Ok(Visit { appointment, window, room: work.rooms().find(id).await? })
            })
            .await?;
        if !visit.appointment.online {
            return Err(Failure::InPerson);
        }
        Ok(visit)
    }

    async fn token(
        &self,
        tenant: &Tenant,
        visit: &Visit,
        person: PersonId,
    ) -> Result<MeetingToken, Failure> {
        let terms = TokenTerms { person, grant: visit.grant(person)? };
        let room = visit.admit(self.desk.clock.now())?;
        Ok(self.provider.meeting_token(tenant, room, &terms).await?)
    }

    async fn trace(&self, work: &mut dyn Work, act: &Act, visit: &Visit) -> Result<(), Failure> {
        let Appointment { id, patient, .. } = visit.appointment;
        let resource = Resource::one(ResourceKind::VideoRoom, id);
        self.desk.trace(work, act, resource, Some(patient)).await
    }
}
