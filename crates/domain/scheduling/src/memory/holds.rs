use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::{HoldId, PersonId};
use restartix_tenancy::{OrgId, Tenant};

use crate::engine::Window;
use crate::{Hold, HoldError, Holds, Slot};

/// Holds in memory.
#[derive(Debug, Default)]
pub struct MemoryHolds(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<(OrgId, HoldId), Record>,
    down: bool,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    hold: Hold,
    renewals: u8,
}

impl MemoryHolds {
    /// From now on every call fails, or none.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, HoldError> {
        let state = self.state();
        if state.down {
            return Err(HoldError::Unavailable("told to be down".into()));
        }
        Ok(state)
    }
}

impl State {
    fn of(&self, organisation: OrgId) -> impl Iterator<Item = Hold> {
        let all = self.records.iter().filter(move |((owner, _), _)| *owner == organisation);
        all.map(|(_, record)| record.hold)
    }
}

fn meet(one: Window, other: Window) -> bool {
    one.starts_at < other.ends_at && other.starts_at < one.ends_at
}

#[async_trait]
impl Holds for MemoryHolds {
    async fn acquire(
        &self,
        tenant: &Tenant,
        id: HoldId,
        slot: &Slot,
        owner: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Hold, HoldError> {
        let organisation = tenant.organisation();
        let mut state = self.up()?;
        state.records.retain(|_, record| now < record.hold.expires_at + Hold::AFTERLIFE);
        let earlier = state.of(organisation).find(|hold| {
            hold.owner == owner && hold.slot.appointment_type == slot.appointment_type
        });
        if let Some(earlier) = earlier
            && earlier.slot == *slot
            && earlier.is_live(now)
        {
            return Ok(earlier);
        }
        let taken = state.of(organisation).any(|other| {
            other.is_live(now)
                && other.owner != owner
                && other.slot.specialist == slot.specialist
                && meet(other.slot.footprint(), slot.footprint())
        });
        if taken {
            return Err(HoldError::Taken);
        }
        if let Some(earlier) = earlier {
            state.records.remove(&(organisation, earlier.id));
        }
        let hold = Hold { id, slot: *slot, owner, expires_at: now + Hold::LIFETIME };
        state.records.insert((organisation, id), Record { hold, renewals: 0 });
        Ok(hold)
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        id: HoldId,
        owner: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Hold, HoldError> {
        let mut state = self.up()?;
        let record = state
            .records
            .get_mut(&(tenant.organisation(), id))
            .filter(|record| record.hold.owner == owner && record.hold.is_live(now))
            .ok_or(HoldError::NotFound)?;
        if record.renewals >= Hold::RENEWALS {
            return Err(HoldError::Exhausted);
        }
        record.renewals += 1;
        record.hold.expires_at = now + Hold::LIFETIME;
        Ok(record.hold)
    }

    async fn release(&self, tenant: &Tenant, id: HoldId, owner: PersonId) -> Result<(), HoldError> {
        let mut state = self.up()?;
        let key = (tenant.organisation(), id);
        if state.records.get(&key).is_none_or(|record| record.hold.owner != owner) {
            return Err(HoldError::NotFound);
        }
        state.records.remove(&key);
        Ok(())
    }

    async fn find(
        &self,
        tenant: &Tenant,
        id: HoldId,
        owner: PersonId,
    ) -> Result<Option<Hold>, HoldError> {
        let record = self.up()?.records.get(&(tenant.organisation(), id)).copied();
        Ok(record.map(|record| record.hold).filter(|hold| hold.owner == owner))
    }

    async fn live(
        &self,
        tenant: &Tenant,
        specialists: &[PersonId],
        range: Window,
        now: DateTime<Utc>,
    ) -> Result<Vec<Hold>, HoldError> {
        let state = self.up()?;
        let live = state.of(tenant.organisation()).filter(|hold| {
            hold.is_live(now)
                && specialists.contains(&hold.slot.specialist)
                && meet(hold.slot.footprint(), range)
        });
        Ok(live.collect())
    }
}
