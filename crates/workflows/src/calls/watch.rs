use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::AppointmentId;
use restartix_telemetry::{Act, Operation};
use restartix_tenancy::{ClaimSource, ClaimedRows, Tenant};
use restartix_video::{RoomName, Stay, VideoAccount};

use super::stays;
use crate::{Desk, Failure, Round, Work, Worker};

/// How the rooms are asked for in which somebody may be now.
#[derive(Clone, Copy, Debug)]
pub struct OpenCalls {
    /// Rooms at most.
    pub limit: u16,
    /// Those that are open then, and those in which somebody was seen last.
    pub now: DateTime<Utc>,
}

/// A room in which somebody may be now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCall {
    /// Whose.
    pub appointment: AppointmentId,
    /// What the provider calls it.
    pub room: RoomName,
    /// Whether somebody is in it, as far as is known.
    pub occupied: bool,
}

/// Looks, twice a minute, who is in which room, and learns what no notice told: notices may be lost,
/// and the provider's outage, or our own, may be longer than it repeats them.
///
/// A stay that began and ended between two looks, both of whose notices were lost, stays unknown. One
/// that is found to have ended, ended at the latest then: its length is counted until that moment.
pub struct CallWatcher<Q> {
    desk: Desk,
    open: ClaimedRows<Q>,
    account: Arc<dyn VideoAccount>,
    next: Mutex<Option<DateTime<Utc>>>,
}

const ACT: Act = Act { operation: Operation::new("video.watch"), request: None };

impl<Q: ClaimSource<Key = OpenCalls, Row = OpenCall>> CallWatcher<Q> {
    const PERIOD: TimeDelta = TimeDelta::seconds(30);
    /// Whoever came a moment ago may not be shown yet.
    const SETTLED: TimeDelta = TimeDelta::seconds(30);
    const LIMIT: u16 = 1_000;

    /// A watcher over the rooms that are open, and the provider's account.
    pub fn new(desk: Desk, open: Q, account: Arc<dyn VideoAccount>) -> Self {
        Self { desk, open: ClaimedRows::new(open), account, next: Mutex::new(None) }
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.is_none_or(|next| next <= now);
        if due {
            *next = Some(now + Self::PERIOD);
        }
        due
    }

    async fn look(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        let rows = self.open.claim(&OpenCalls { limit: Self::LIMIT, now }).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut present: HashMap<RoomName, Vec<Stay>> = HashMap::new();
        for (room, stay) in self.account.present().await? {
            present.entry(room).or_default().push(stay);
        }
        for row in rows {
            let learned = self
                .open
                .run(row, async |tenant, call| {
                    let there = present.get(&call.room).map_or(&[][..], Vec::as_slice);
                    if there.is_empty() && !call.occupied {
                        return Ok(());
                    }
                    self.compare(tenant, call.appointment, there, now).await
                })
                .await;
            if let Err(failure) = learned {
                let error: &dyn std::error::Error = &failure;
                tracing::warn!(error, "what was found in a room is not written down");
            }
        }
        Ok(())
    }

    async fn compare(
        &self,
        tenant: &Tenant,
        id: AppointmentId,
        there: &[Stay],
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let known =
            self.desk.glance(tenant, async |work| Ok(work.presence().stays(id).await?)).await?;
        let came = there.iter().filter(|stay| known.iter().all(|old| old.id != stay.id)).copied();
        let settled = now - Self::SETTLED;
        let gone = known
            .iter()
            .filter(|old| old.left_at.is_none() && old.joined_at <= settled)
            .filter(|old| there.iter().all(|stay| stay.id != old.id))
            .map(|old| Stay { left_at: Some(now), ..*old });
        for stay in came.chain(gone) {
            let learn = async |work: &mut dyn Work| {
                stays::learn(&self.desk, work, &ACT, id, None, &stay).await
            };
            self.desk.change_if_any(tenant, learn).await?;
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl<Q: ClaimSource<Key = OpenCalls, Row = OpenCall>> Worker for CallWatcher<Q> {
    fn name(&self) -> &'static str {
        "calls"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        if self.is_due(now) {
            self.look(now).await?;
        }
        Ok(Round::default())
    }
}
