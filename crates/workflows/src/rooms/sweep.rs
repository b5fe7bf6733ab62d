use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, words};
use restartix_tenancy::{ClaimSource, ClaimedRows, OrgId, Tenant};
use restartix_video::{RoomName, StandingRoom, VideoAccount, VideoProvider, Window};

use super::mend::{Belief, Mender};
use crate::{Desk, Failure, Round, Worker};

/// How a sweep asks for the appointments of which there may be rooms, page by page.
#[derive(Clone, Copy, Debug)]
pub struct RoomDuties {
    /// Those that end after this, and those that end then and come after [`RoomDuties::after_place`].
    pub after: DateTime<Utc>,
    /// The last of the page before.
    pub after_place: Option<(OrgId, AppointmentId)>,
    /// So many at most.
    pub limit: u16,
}

words! {
    /// Where an appointment stands, as far as a sweep is concerned.
    Standing {
        /// It is to be, or goes on.
        Active = "active",
        /// It was called off.
        Cancelled = "cancelled",
        /// It took place, or nobody came.
        Over = "over",
    }
}

/// A room as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRoom {
    /// Its name.
    pub name: RoomName,
    /// When it is open.
    pub window: Window,
}

/// An appointment by video, and the room that is kept for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDuty {
    /// Which.
    pub appointment: AppointmentId,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Where it stands.
    pub standing: Standing,
    /// Its room.
    pub kept: Option<KeptRoom>,
}

/// Compares, every few minutes, the appointments with the rooms that stand at the provider, and mends
/// both ways: a room that is missing, open at another time or not private is made good, one that is
/// nobody's is deleted.
///
/// What events tell is done at once by [`RoomKeeper`](super::RoomKeeper); this finds what no event told
/// of: a room that somebody deleted at the provider, one that a killed worker left there.
pub struct RoomSweeper<Q> {
    mender: Mender,
    duties: ClaimedRows<Q>,
    account: Arc<dyn VideoAccount>,
    next: Mutex<Option<DateTime<Utc>>>,
}

/// What a sweep found at the provider, and what it has met in the database so far.
struct Sweep {
    standing: HashMap<RoomName, StandingRoom>,
    kept: HashSet<RoomName>,
    mended: usize,
    failed: usize,
}

impl Sweep {
    /// Whether the room stands as it is kept.
    fn is_sound(&self, kept: &KeptRoom) -> bool {
        let standing = self.standing.get(&kept.name);
        standing.is_some_and(|room| room.private && room.window == Some(kept.window))
    }
}

impl<Q: ClaimSource<Key = RoomDuties, Row = RoomDuty>> RoomSweeper<Q> {
    /// How long between two sweeps.
    const PERIOD: TimeDelta = TimeDelta::minutes(10);
    /// For how long after an appointment its room may stand: longer than any grace.
    const AFTERWARDS: TimeDelta = TimeDelta::days(2);
    /// How old a room is that was made and will not be kept any more.
    const UNKEPT: TimeDelta = TimeDelta::minutes(10);
    /// Appointments looked at together.
    const PAGE: u16 = 500;

    /// A sweeper over `duties`, the provider and its account.
    pub fn new(
        desk: Desk,
        duties: Q,
        provider: Arc<dyn VideoProvider>,
        account: Arc<dyn VideoAccount>,
    ) -> Self {
        let mender = Mender { desk, provider, closes: true };
        Self { mender, duties: ClaimedRows::new(duties), account, next: Mutex::new(None) }
    }

    /// The first round is a period after the start: what restarts often must not list often.
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.is_some_and(|next| next <= now);
        if due || next.is_none() {
            *next = Some(now + Self::PERIOD);
        }
        due
    }

    async fn sweep(&self, now: DateTime<Utc>) -> Result<Round, Failure> {
        let standing = self.account.standing().await?;
        let standing = standing.into_iter().map(|room| (room.name.clone(), room)).collect();
        let mut sweep = Sweep { standing, kept: HashSet::new(), mended: 0, failed: 0 };
        let (mut after, mut after_place) = (now - Self::AFTERWARDS, None);
        loop {
            let page = RoomDuties { after, after_place, limit: Self::PAGE };
            let rows = self.duties.claim(&page).await?;
            let is_last = rows.len() < usize::from(Self::PAGE);
            for row in rows {
                let see_to = async |tenant: &Tenant, duty: RoomDuty| {
                    let place = (tenant.organisation(), duty.appointment);
                    let ends_at = duty.ends_at;
                    self.see_to(tenant, &mut sweep, duty).await;
                    (ends_at, Some(place))
                };
                (after, after_place) = self.duties.run(row, see_to).await;
            }
            if is_last {
                break;
            }
        }
        self.tidy(&sweep, now).await?;
        Ok(Round { claimed: sweep.mended + sweep.failed, postponed: sweep.failed })
    }

    async fn see_to(&self, tenant: &Tenant, sweep: &mut Sweep, duty: RoomDuty) {
        let RoomDuty { appointment, standing, kept, .. } = duty;
        let wrong = match (standing, &kept) {
            (Standing::Active, Some(kept)) => !sweep.is_sound(kept),
            (Standing::Active, None) | (Standing::Cancelled, Some(_)) => true,
            (Standing::Cancelled, None) | (Standing::Over, _) => false,
        };
        sweep.kept.extend(kept.map(|kept| kept.name));
        if !wrong {
            return;
        }
        match self.mender.bring_to(tenant, appointment, Belief::Doubted).await {
            Ok(()) => sweep.mended += 1,
            Err(failure) => {
                sweep.failed += 1;
                let error: &dyn std::error::Error = &failure;
                let organisation = tenant.organisation().get();
                tracing::warn!(
                    organisation,
                    appointment = appointment.get(),
                    error,
                    "a sweep could not mend a room"
                );
            }
        }
    }

    /// Deletes the rooms that were made here and are nobody's.
    async fn tidy(&self, sweep: &Sweep, now: DateTime<Utc>) -> Result<(), Failure> {
        let is_old =
            |room: &StandingRoom| room.made_at.is_some_and(|made_at| made_at <= now - Self::UNKEPT);
        let nobodys = sweep
            .standing
            .values()
            .filter(|room| room.ours && is_old(room) && !sweep.kept.contains(&room.name));
        for room in nobodys {
            self.account.abandon(&room.name).await?;
            tracing::info!("a room that was nobody's is deleted at the provider");
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl<Q: ClaimSource<Key = RoomDuties, Row = RoomDuty>> Worker for RoomSweeper<Q> {
    fn name(&self) -> &'static str {
        "room-sweep"
    }

    /// One sweep, when its time has come. What failed waits for the next one.
    async fn round(&self) -> Result<Round, Failure> {
        let now = self.mender.desk.clock.now();
        if !self.is_due(now) {
            return Ok(Round::default());
        }
        let swept = self.sweep(now).await?;
        Ok(Round { claimed: 0, ..swept })
    }
}
