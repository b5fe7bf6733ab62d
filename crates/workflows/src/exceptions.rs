use chrono::NaiveDate;
use restartix_kernel::{ClosureId, Page, PageRequest, PersonId, TimeOffId};
use restartix_scheduling::engine::{LocalBlock, LocalDates, Window};
use restartix_scheduling::{Closure, Override, TimeOff};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::Tenant;

use crate::schedule::may_plan_for;
use crate::{Failure, Schedule, Work};

/// What breaks the weekly hours. Appointments that were booked before stay as they are: whoever
/// plans moves them or calls them off.
impl Schedule {
    /// Gives one date hours of its own; none closes it. Specialists plan for themselves,
    /// administrators for anybody.
    pub async fn set_override(
        &self,
        tenant: &Tenant,
        act: &Act,
        specialist: PersonId,
        date: NaiveDate,
        hours: &[LocalBlock],
    ) -> Result<(), Failure> {
        self.plan(tenant, act, specialist, async |work| {
            Ok(work.exceptions().set_override(specialist, date, hours).await?)
        })
        .await
    }

    /// The dates that have hours of their own, by date, as far as the caller plans for the specialist.
    pub async fn overrides(
        &self,
        tenant: &Tenant,
        specialist: PersonId,
        page: &PageRequest,
    ) -> Result<Page<Override>, Failure> {
        if !may_plan_for(tenant, specialist) {
            return Err(Failure::NotFound);
        }
        self.desk
            .read(tenant, async |work| {
                work.exceptions().overrides(specialist, page).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// Lets the weekly hours hold again on a date.
    pub async fn drop_override(
        &self,
        tenant: &Tenant,
        act: &Act,
        specialist: PersonId,
        date: NaiveDate,
    ) -> Result<(), Failure> {
        self.plan(tenant, act, specialist, async |work| {
            Ok(work.exceptions().drop_override(specialist, date).await?)
        })
        .await
    }

    /// Notes that a specialist is away.
    pub async fn take_off(
        &self,
        tenant: &Tenant,
        act: &Act,
        specialist: PersonId,
        time: Window,
    ) -> Result<TimeOff, Failure> {
        let id = TimeOffId::fresh(&*self.desk.clock, &*self.desk.random);
        let away = TimeOff { id, specialist, time };
        self.plan(tenant, act, specialist, async |work| {
            Ok(work.exceptions().add_time_off(&away).await?)
        })
        .await?;
        Ok(away)
    }

    /// When a specialist is away, as far as the caller plans for them.
    pub async fn time_off(
        &self,
        tenant: &Tenant,
        specialist: PersonId,
        page: &PageRequest,
    ) -> Result<Page<TimeOff>, Failure> {
        if !may_plan_for(tenant, specialist) {
            return Err(Failure::NotFound);
        }
        self.desk
            .read(tenant, async |work| {
                work.exceptions().time_off(specialist, page).await?.ok_or(Failure::NotFound)
            })
            .await
    }

    /// Takes time off back.
    pub async fn drop_time_off(
        &self,
        tenant: &Tenant,
        act: &Act,
        specialist: PersonId,
        id: TimeOffId,
    ) -> Result<(), Failure> {
        self.plan(tenant, act, specialist, async |work| {
            Ok(work.exceptions().drop_time_off(specialist, id).await?)
        })
        .await
    }

    /// Closes the whole organisation for some days.
    pub async fn close(
        &self,
        tenant: &Tenant,
        act: &Act,
        dates: LocalDates,
    ) -> Result<Closure, Failure> {
        let id = ClosureId::fresh(&*self.desk.clock, &*self.desk.random);
        let closure = Closure { id, dates };
        self.desk
            .change(tenant, async |work| {
                work.exceptions().close(&closure).await?;
                let resource = Resource::one(ResourceKind::Calendar, id);
                self.desk.trace(work, act, resource, None).await
            })
            .await?;
        Ok(closure)
    }

    /// When the organisation is closed.
    pub async fn closures(
        &self,
        tenant: &Tenant,
        page: &PageRequest,
    ) -> Result<Page<Closure>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.exceptions().closures(page).await?)).await
    }

    /// Takes a closure back.
    pub async fn reopen(&self, tenant: &Tenant, act: &Act, id: ClosureId) -> Result<(), Failure> {
        self.desk
            .change(tenant, async |work| {
                if !work.exceptions().reopen(id).await? {
                    return Err(Failure::NotFound);
                }
                let resource = Resource::one(ResourceKind::Calendar, id);
                self.desk.trace(work, act, resource, None).await
            })
            .await
    }

    /// Changes a specialist's calendar, when the caller may and `change` finds what to change.
    async fn plan(
        &self,
        tenant: &Tenant,
        act: &Act,
        specialist: PersonId,
        mut change: impl AsyncFnMut(&mut dyn Work) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        if !may_plan_for(tenant, specialist) {
            return Err(Failure::NotFound);
        }
        self.desk
            .change(tenant, async |work| {
                if !change(work).await? {
                    return Err(Failure::NotFound);
                }
                let resource = Resource::one(ResourceKind::Calendar, specialist);
                self.desk.trace(work, act, resource, None).await
            })
            .await
    }
}
