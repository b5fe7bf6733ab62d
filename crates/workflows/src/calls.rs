use std::sync::Arc;

use restartix_kernel::AppointmentId;
use restartix_scheduling::Appointment;
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{ClaimSource, ClaimedRows, Reach, Tenant};
use restartix_video::{Learned, Notice, NoticeReader, Part, RoomName, RoomNews};

use crate::{Desk, Failure, Happening, Work};

/// Hears from the video provider who is in which room.
///
/// A notice names a room and no organisation: whose room it is, the database knows, and what follows
/// happens in that organisation alone. The provider sends each notice at least once, in any order.
#[derive(Clone)]
pub struct Calls<N> {
    desk: Desk,
    names: ClaimedRows<N>,
    reader: Option<Arc<dyn NoticeReader>>,
}

impl<N: ClaimSource<Key = RoomName, Row = AppointmentId>> Calls<N> {
    /// The service over `desk`, the names of rooms and what reads notices; without a reader nothing
    /// is believed.
    pub fn new(desk: Desk, names: N, reader: Option<Arc<dyn NoticeReader>>) -> Self {
        Self { desk, names: ClaimedRows::new(names), reader }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self
    where
        N: Clone,
    {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// Hears one notice. What is of no use, of nobody's room, or known already is heard all the
    /// same: the provider is to stop repeating it.
    pub async fn hear(&self, act: &Act, notice: &Notice<'_>) -> Result<(), Failure> {
        let reader = self.reader.as_ref().ok_or(Failure::NotFound)?;
        let Some(news) = reader.read_notice(notice)? else { return Ok(()) };
        let Some(row) = self.names.claim(&news.room).await?.pop() else {
            tracing::info!("a notice is of a room that is nobody's");
            return Ok(());
        };
        self.names.run(row, async |tenant, id| self.learn(tenant, act, id, &news).await).await
    }

    async fn learn(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: AppointmentId,
        news: &RoomNews,
    ) -> Result<(), Failure> {
        let learned = async |work: &mut dyn Work| self.learn_in(work, act, id, news).await;
        self.desk.change_if_any(tenant, learned).await.map(drop)
    }

    /// `None` when there was nothing to learn.
    async fn learn_in(
        &self,
        work: &mut dyn Work,
        act: &Act,
        id: AppointmentId,
        news: &RoomNews,
    ) -> Result<Option<()>, Failure> {
        if !work.presence().remember(&news.id, self.desk.clock.now()).await? {
            return Ok(None);
        }
        let found = work.appointments().find(Reach::Organisation, id).await?;
        let appointment = found.ok_or(Failure::NotFound)?;
        let Some(part) = part(&appointment, news) else { return Ok(None) };
        let learned = work.presence().learn(id, &news.stay).await?;
        if learned == Learned::default() {
            return Ok(None);
        }
        let (version, person) = (appointment.version, news.stay.person);
        if learned.joined {
            let joined = Happening::ParticipantJoined { appointment: id, version, part, person };
            self.desk.announce(work, joined).await?;
        }
        if let Some(seconds) = news.stay.seconds().filter(|_| learned.left) {
            let left =
                Happening::ParticipantLeft { appointment: id, version, part, person, seconds };
            self.desk.announce(work, left).await?;
        }
        let resource = Resource::one(ResourceKind::VideoRoom, id);
        self.desk.trace(work, act, resource, Some(appointment.patient)).await?;
        Ok(Some(()))
    }
}

/// In what part the one of whom `news` tells is in the appointment's room; only patient and
/// specialist have keys to it.
fn part(appointment: &Appointment, news: &RoomNews) -> Option<Part> {
    if news.stay.person == appointment.specialist {
        Some(Part::Specialist)
    } else if news.stay.person == appointment.patient {
        Some(Part::Patient)
    } else {
        None
    }
}
