use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use restartix_kernel::{Clock, EventId, PersonId, Random, StoreError};
use restartix_telemetry::{Act, AuditEvent, Outcome, Resource};
use restartix_tenancy::Tenant;
use restartix_webhooks::Publication;

use crate::once::Parked;
use crate::telemetry;
use crate::webhooks::told;
use crate::{Access, Aftermath, DomainEvent, Failure, Happening, UnitOfWork, Work};

/// What every service works with: units of work, time, randomness.
#[derive(Clone)]
pub struct Desk {
    units: Arc<dyn UnitOfWork>,
    /// The one unit of work of an errand, in which everything happens while it is under way.
    errand: Option<Arc<Parked>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// How often an operation that lost against another is tried.
const TRIES: u32 = 3;

impl Desk {
    /// A desk over these ports.
    pub fn new(units: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { units, errand: None, clock, random }
    }

    /// What begins units of work.
    pub(crate) fn units(&self) -> &dyn UnitOfWork {
        &*self.units
    }

    /// The same desk, for an errand: whatever is done there happens in that errand's unit of work,
    /// which somebody else ends.
    pub(crate) fn on_errand(&self, parked: Arc<Parked>) -> Self {
        Self { errand: Some(parked), ..self.clone() }
    }

    async fn begin(&self, tenant: &Tenant, access: Access) -> Result<Box<dyn Work>, StoreError> {
        match &self.errand {
            Some(errand) => errand.lend(self, tenant).await,
            None => self.units.begin(tenant, access).await,
        }
    }

    async fn commit(&self, work: Box<dyn Work>) -> Result<(), StoreError> {
        match &self.errand {
            Some(errand) => {
                errand.take_back(work);
                Ok(())
            }
            None => work.commit().await,
        }
    }

    async fn roll_back(&self, work: Box<dyn Work>) -> Result<(), StoreError> {
        let ended = work.roll_back().await;
        if let Some(errand) = &self.errand {
            errand.undone();
        }
        ended
    }

    /// Now, to the microsecond: what is told of it at once reads as what is kept of it later.
    pub(crate) fn moment(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }

    /// Looks at one organisation's data; nothing can be changed.
    pub(crate) async fn read<T>(
        &self,
        tenant: &Tenant,
        look: impl AsyncFnOnce(&mut dyn Work) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.look(tenant, Access::Read, look).await
    }

    /// As [`Desk::read`], where one query is all: the store may answer it in one round trip.
    pub(crate) async fn glance<T>(
        &self,
        tenant: &Tenant,
        look: impl AsyncFnOnce(&mut dyn Work) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.look(tenant, Access::Glance, look).await
    }

    async fn look<T>(
        &self,
        tenant: &Tenant,
        access: Access,
        look: impl AsyncFnOnce(&mut dyn Work) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut work = self.begin(tenant, access).await?;
        let seen = look(&mut *work).await;
        // Nothing was changed, so how the unit ends says nothing about what was seen.
        if let Err(error) = self.commit(work).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "a read did not end cleanly");
        }
        seen
    }

    /// Changes one organisation's data; what lost against another change is done again from the
    /// start, three times at most.
    pub(crate) async fn change<T>(
        &self,
        tenant: &Tenant,
        mut change: impl AsyncFnMut(&mut dyn Work) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.try_to(tenant, Access::Change, &mut change, |_| true).await
    }

    /// Computes again what is computed of one organisation's data, as [`Desk::change`].
    pub(crate) async fn derive<T>(
        &self,
        tenant: &Tenant,
        mut derive: impl AsyncFnMut(&mut dyn Work) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.try_to(tenant, Access::Derive, &mut derive, |_| true).await
    }

    /// As [`Desk::change`], where there may turn out to be nothing to change: `None` undoes the
    /// unit, and leaves no line.
    pub(crate) async fn change_if_any<T>(
        &self,
        tenant: &Tenant,
        mut change: impl AsyncFnMut(&mut dyn Work) -> Result<Option<T>, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.try_to(tenant, Access::Change, &mut change, Option::is_some).await
    }

    async fn try_to<T>(
        &self,
        tenant: &Tenant,
        access: Access,
        change: &mut impl AsyncFnMut(&mut dyn Work) -> Result<T, Failure>,
        is_change: fn(&T) -> bool,
    ) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            match self.try_once(tenant, access, change, is_change).await {
                Err(Failure::Store(StoreError::Busy(_))) if tries < TRIES => tries += 1,
                ended => return ended,
            }
        }
    }

    async fn try_once<T>(
        &self,
        tenant: &Tenant,
        access: Access,
        change: &mut impl AsyncFnMut(&mut dyn Work) -> Result<T, Failure>,
        is_change: fn(&T) -> bool,
    ) -> Result<T, Failure> {
        let mut work = self.begin(tenant, access).await?;
        let done = change(&mut *work).await;
        if done.as_ref().is_ok_and(is_change) {
            self.commit(work).await?;
        } else if let Err(error) = self.roll_back(work).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "a change that was not made did not end cleanly");
        }
        done
    }

    /// Lets everybody who acts on it hear of what is about to commit: this is the one place where
    /// one domain's event reaches another.
    pub(crate) async fn announce(
        &self,
        work: &mut dyn Work,
        what: Happening,
    ) -> Result<(), Failure> {
        self.announce_all(work, &[what]).await
    }

    /// As [`Desk::announce`], of several at once.
    pub(crate) async fn announce_all(
        &self,
        work: &mut dyn Work,
        all: &[Happening],
    ) -> Result<(), Failure> {
        Ok(work.leave(self.aftermath(all)).await?)
    }

    /// As [`Desk::announce`], then [`Desk::trace`].
    pub(crate) async fn conclude(
        &self,
        work: &mut dyn Work,
        what: Happening,
        act: &Act,
        resource: Resource,
        patient: Option<PersonId>,
    ) -> Result<(), Failure> {
        Ok(work.leave(self.aftermath_of(what, act, resource, patient)).await?)
    }

    /// What [`Desk::conclude`] leaves.
    pub(crate) fn aftermath_of(
        &self,
        what: Happening,
        act: &Act,
        resource: Resource,
        patient: Option<PersonId>,
    ) -> Aftermath {
        let line = Some(self.line(act, resource, patient));
        Aftermath { line, ..self.aftermath(&[what]) }
    }

    fn aftermath(&self, all: &[Happening]) -> Aftermath {
        let occurred_at = self.clock.now();
        let mut left = Aftermath::default();
        for what in all.iter().copied() {
            let id = EventId::fresh(&*self.clock, &*self.random);
            if what.queued().is_some() {
                left.events.push(DomainEvent { id, occurred_at, what });
            }
            if let Some(event) = told(what) {
                left.publications.push(Publication { id, occurred_at, event, only_for: None });
            }
            if let Some((whom, fact)) = telemetry::fact(what) {
                let fact = restartix_telemetry::Publication { id, occurred_at, whom, fact };
                left.facts.push(fact);
            }
        }
        left
    }

    /// Writes the line of a change that is about to commit.
    pub(crate) async fn trace(
        &self,
        work: &mut dyn Work,
        act: &Act,
        resource: Resource,
        patient: Option<PersonId>,
    ) -> Result<(), Failure> {
        Ok(work.audit().record(self.line(act, resource, patient)).await?)
    }

    fn line(&self, act: &Act, resource: Resource, patient: Option<PersonId>) -> AuditEvent {
        AuditEvent {
            id: EventId::fresh(&*self.clock, &*self.random),
            occurred_at: self.clock.now(),
            act: *act,
            resource,
            patient,
            outcome: Outcome::Success,
        }
    }
}
