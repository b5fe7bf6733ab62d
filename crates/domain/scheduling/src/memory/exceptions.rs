use async_trait::async_trait;
use chrono::NaiveDate;
use restartix_kernel::{ClosureId, Page, PageRequest, PersonId, StoreError, TimeOffId};

use super::clinic::{MemoryUnit, Organisation, page};
use crate::engine::{DateOverride, LocalBlock, SpecialistCalendar};
use crate::{Closure, Exceptions, Override, TimeOff};

impl Organisation {
    /// Adds to a specialist's calendar what breaks the weekly hours.
    pub(super) fn except(&self, specialist: PersonId, calendar: &mut SpecialistCalendar) {
        let own = self.overrides.iter().filter(|((whose, _), _)| *whose == specialist);
        for ((_, date), hours) in own {
            if hours.is_empty() {
                calendar.overrides.push(DateOverride::closed(*date));
            }
            calendar.overrides.extend(hours.iter().map(|block| DateOverride::open(*date, *block)));
        }
        let away = self.time_off.values().filter(|away| away.specialist == specialist);
        calendar.away = away.map(|away| away.time).collect();
        calendar.closures = self.closures.values().map(|closure| closure.dates).collect();
    }
}

impl crate::conformance::ExceptionPorts for MemoryUnit {
    fn calendars(&mut self) -> &mut dyn crate::Calendars {
        self
    }

    fn exceptions(&mut self) -> &mut dyn Exceptions {
        self
    }
}

#[async_trait]
impl Exceptions for MemoryUnit {
    async fn set_override(
        &mut self,
        specialist: PersonId,
        date: NaiveDate,
        hours: &[LocalBlock],
    ) -> Result<bool, StoreError> {
        Ok(self.with(|kept| {
            let there = kept.specialists.contains_key(&specialist);
            if there {
                kept.overrides.insert((specialist, date), hours.to_vec());
            }
            there
        }))
    }

    async fn drop_override(
        &mut self,
        specialist: PersonId,
        date: NaiveDate,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|kept| kept.overrides.remove(&(specialist, date)).is_some()))
    }

    async fn overrides(
        &mut self,
        specialist: PersonId,
        request: &PageRequest,
    ) -> Result<Option<Page<Override>>, StoreError> {
        self.with(|kept| {
            if !kept.specialists.contains_key(&specialist) {
                return Ok(None);
            }
            let own = kept.overrides.iter().filter(|((whose, _), _)| *whose == specialist);
            let own = own.map(|((_, date), hours)| {
                let mut hours = hours.clone();
                hours.sort_by_key(|block| block.start());
                Override { specialist, date: *date, hours }
            });
            page(own, request, |it| it.date, |text| text.parse().ok(), |it| it.date.to_string())
                .map(Some)
        })
    }

    async fn add_time_off(&mut self, time_off: &TimeOff) -> Result<bool, StoreError> {
        Ok(self.with(|kept| {
            let there = kept.specialists.contains_key(&time_off.specialist);
            if there {
                kept.time_off.insert(time_off.id, *time_off);
            }
            there
        }))
    }

    async fn time_off(
        &mut self,
        specialist: PersonId,
        request: &PageRequest,
    ) -> Result<Option<Page<TimeOff>>, StoreError> {
        self.with(|kept| {
            if !kept.specialists.contains_key(&specialist) {
                return Ok(None);
            }
            let own = kept.time_off.values().filter(|away| away.specialist == specialist).copied();
            page(own, request, |it| it.id, |text| text.parse().ok(), |it| it.id.to_string())
                .map(Some)
        })
    }

    async fn drop_time_off(
        &mut self,
        specialist: PersonId,
        id: TimeOffId,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|kept| {
            let own = kept.time_off.get(&id).is_some_and(|away| away.specialist == specialist);
            own && kept.time_off.remove(&id).is_some()
        }))
    }

    async fn close(&mut self, closure: &Closure) -> Result<(), StoreError> {
        self.with(|kept| kept.closures.insert(closure.id, *closure));
        Ok(())
    }

    async fn closures(&mut self, request: &PageRequest) -> Result<Page<Closure>, StoreError> {
        self.with(|kept| {
            let all = kept.closures.values().copied();
            page(all, request, |it| it.id, |text| text.parse().ok(), |it| it.id.to_string())
        })
    }

    async fn reopen(&mut self, id: ClosureId) -> Result<bool, StoreError> {
        Ok(self.with(|kept| kept.closures.remove(&id).is_some()))
    }
}
