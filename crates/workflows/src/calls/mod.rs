//! Who is in which room, and what is recorded there: as the provider tells it, or as it is found.

mod stays;
mod watch;

use std::sync::Arc;

use restartix_kernel::AppointmentId;
use restartix_telemetry::Act;
use restartix_tenancy::{ClaimSource, ClaimedRows, Tenant};
use restartix_video::{Notice, NoticeReader, RoomFact, RoomName, RoomNews};

use crate::recordings::{fail_footage, take_footage};
use crate::{Desk, Failure, Work};

pub(crate) use stays::part;
pub use watch::{CallWatcher, OpenCall, OpenCalls};

/// Hears from the video provider what happens in which room.
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
        let desk = &self.desk;
        if let RoomFact::Stay(stay) = &news.fact {
            return stays::learn(desk, work, act, id, Some(&news.id), stay).await;
        }
        if !work.presence().remember(&news.id, desk.clock.now()).await? {
            return Ok(None);
        }
        match &news.fact {
            RoomFact::Footage(footage) => take_footage(desk, work, act, id, footage).await,
            RoomFact::FootageLost | RoomFact::Stay(_) => fail_footage(desk, work, act, id).await,
        }
    }
}
