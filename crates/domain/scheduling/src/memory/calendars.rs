use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use restartix_kernel::{Page, PageRequest, PersonId, StoreError};
use restartix_tenancy::{Change, Version};

use super::clinic::{Member, MemoryUnit, Organisation, impossible, page};
use crate::engine::{Busy, EngineError, SpecialistCalendar, WeeklyBlock, Window};
use crate::{Calendars, Session, Slot, Specialist, SpecialistDiary};

/// How far around a range bookings are shown.
const AROUND: TimeDelta = TimeDelta::days(3);

impl Organisation {
    fn diary(
        &self,
        member: &Member,
        range: Window,
        now: DateTime<Utc>,
    ) -> Result<SpecialistDiary, StoreError> {
        let Specialist { id, timezone, ref hours, .. } = member.specialist;
        let (from, to) = (range.starts_at - AROUND, range.ends_at + AROUND);
        let sessions: Vec<Session> = self
            .kept()
            .filter(|(_, slot, ..)| slot.specialist == id)
            .map(|(id, slot, seats, taken)| {
                let Slot { appointment_type, starts_at, ends_at, .. } = *slot;
                Session { id, appointment_type, starts_at, ends_at, seats, taken }
            })
            .collect();
        let ahead = sessions.iter().filter(|session| session.starts_at > now).count();
        let near =
            |starts_at: DateTime<Utc>, ends_at: DateTime<Utc>| starts_at < to && from < ends_at;
        let busy: Result<Vec<Busy>, EngineError> = self
            .kept()
            .filter(|(_, slot, ..)| slot.specialist == id && near(slot.starts_at, slot.ends_at))
            .map(|(_, slot, ..)| Ok(slot.busy()?.counted()))
            .collect();
        let mut calendar = SpecialistCalendar::new(timezone);
        calendar.weekly_hours.clone_from(hours);
        self.except(id, &mut calendar);
        Ok(SpecialistDiary {
            specialist: id,
            calendar,
            busy: busy.map_err(|_| impossible("a booking ends before it starts"))?,
            sessions: sessions
                .into_iter()
                .filter(|session| near(session.starts_at, session.ends_at))
                .collect(),
            last_booked_at: member.last_booked_at,
            booked: u64::try_from(ahead).unwrap_or(u64::MAX),
        })
    }
}

#[async_trait]
impl Calendars for MemoryUnit {
    async fn list(&mut self, request: &PageRequest) -> Result<Page<Specialist>, StoreError> {
        self.with(|kept| {
            let all = kept.specialists.values().map(|member| member.specialist.clone());
            page(all, request, |who| who.id, |text| text.parse().ok(), |who| who.id.to_string())
        })
    }

    async fn find(&mut self, id: PersonId) -> Result<Option<Specialist>, StoreError> {
        Ok(self.with(|kept| kept.specialists.get(&id).map(|member| member.specialist.clone())))
    }

    async fn set_hours(
        &mut self,
        id: PersonId,
        timezone: Tz,
        hours: &[WeeklyBlock],
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        Ok(self.with(|kept| {
            let Some(member) = kept.specialists.get_mut(&id) else { return Change::Absent };
            if seen.is_some_and(|seen| seen != member.specialist.version) {
                return Change::Stale;
            }
            member.specialist.timezone = timezone;
            hours.clone_into(&mut member.specialist.hours);
            member.specialist.version = member.specialist.version.next();
            Change::Made
        }))
    }

    async fn diaries(
        &mut self,
        who: &[PersonId],
        range: Window,
    ) -> Result<Vec<SpecialistDiary>, StoreError> {
        let now = self.now();
        self.with(|kept| {
            kept.specialists
                .iter()
                .filter(|(id, _)| who.is_empty() || who.contains(id))
                .map(|(_, member)| kept.diary(member, range, now))
                .collect()
        })
    }

    async fn lock(
        &mut self,
        id: PersonId,
        range: Window,
    ) -> Result<Option<SpecialistDiary>, StoreError> {
        let now = self.now();
        self.with(|kept| {
            kept.specialists.get(&id).map(|member| kept.diary(member, range, now)).transpose()
        })
    }
}
