use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::join3;
use restartix_kernel::{AppointmentTypeId, Page, PageRequest, PersonId, SessionId, StoreError};
use restartix_scheduling::engine::{
    Busy, LocalTime, Minutes, SpecialistCalendar, WeeklyBlock, Window,
};
use restartix_scheduling::{Calendars, Session, Specialist, SpecialistDiary};
use restartix_tenancy::{Change, Personal, Version};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::scheduling::exceptions::{Broken, exceptions_of};
use crate::scheduling::types::capacity;
use crate::schema::{
    appointment_sessions as sessions, occupancies, people, specialist_weekly_hours as hours,
    specialists,
};
use crate::transaction::in_turn;
use crate::unit::{PgWork, after, changed, versions};

/// How far around a range bookings are read: whole local dates of every zone, and buffers of a day.
const AROUND: TimeDelta = TimeDelta::days(3);

type HoursRow = (Uuid, i16, i16, i16);
/// What is shown of a specialist besides the hours.
const SHOWN: (specialists::id, people::display_name, specialists::timezone, specialists::version) =
    (specialists::id, people::display_name, specialists::timezone, specialists::version);

/// A session of a specialist, as it is busy.
type BusyRow = (
    Uuid,
    DateTime<Utc>,
    DateTime<Utc>,
    i32,
    i32,
    (Uuid, Uuid, DateTime<Utc>, DateTime<Utc>, i32, i32),
);
type SpecialistRow = (Uuid, String, Option<DateTime<Utc>>);

fn block((_, weekday, start, end): HoursRow) -> Result<WeeklyBlock, StoreError> {
    let wrong = || unreadable("specialist_weekly_hours");
    // ISO 8601 counts from Monday = 1, chrono from Monday = 0.
    let weekday = u8::try_from(weekday - 1).ok().and_then(|day| Weekday::try_from(day).ok());
    let time = |minute: i16| {
        let minute = u16::try_from(minute).map_err(|_| wrong())?;
        LocalTime::from_minutes(minute).map_err(|_| wrong())
    };
    WeeklyBlock::new(weekday.ok_or_else(wrong)?, time(start)?, time(end)?).map_err(|_| wrong())
}

fn busy(
    (_, starts_at, ends_at, before, after, session): BusyRow,
) -> Result<(Busy, Session), StoreError> {
    let wrong = || unreadable("occupancies");
    let minutes = |value: i32| {
        let value = u32::try_from(value).map_err(|_| wrong())?;
        Minutes::new(value).map_err(|_| wrong())
    };
    let busy = Busy::new(starts_at, ends_at).map_err(|_| wrong())?;
    let busy = busy.with_buffers(minutes(before)?, minutes(after)?).counted();
    let (id, kind, starts_at, ends_at, seats, taken) = session;
    let session = Session {
        id: SessionId::from_uuid(id),
        appointment_type: AppointmentTypeId::from_uuid(kind),
        starts_at,
        ends_at,
        seats: capacity(seats)?,
        taken: u16::try_from(taken).map_err(|_| unreadable("appointment_sessions.seats_taken"))?,
    };
    Ok((busy, session))
}

fn zone(name: &str) -> Result<Tz, StoreError> {
    name.parse().map_err(|_| unreadable("specialists.timezone"))
}

/// A wall time as it stands in the database.
pub(super) fn minute_of(time: LocalTime) -> i16 {
    i16::try_from(time.minutes()).unwrap_or(i16::MAX)
}

fn by_specialist<Row, T>(
    rows: Vec<Row>,
    whose: impl Fn(&Row) -> Uuid,
    read: impl Fn(Row) -> Result<T, StoreError>,
) -> Result<BTreeMap<Uuid, Vec<T>>, StoreError> {
    let mut map: BTreeMap<Uuid, Vec<T>> = BTreeMap::new();
    for row in rows {
        map.entry(whose(&row)).or_default().push(read(row)?);
    }
    Ok(map)
}

/// When specialists work.
#[diesel::dsl::auto_type]
fn working() -> _ {
    let columns: (hours::specialist_id, hours::weekday, hours::start_minute, hours::end_minute) =
        (hours::specialist_id, hours::weekday, hours::start_minute, hours::end_minute);
    hours::table.order((hours::specialist_id, hours::weekday, hours::start_minute)).select(columns)
}

/// What begins within a window.
#[diesel::dsl::auto_type]
fn booked(within: Window) -> _ {
    let from: DateTime<Utc> = within.starts_at;
    let to: DateTime<Utc> = within.ends_at;
    let session: diesel::dsl::Eq<sessions::id, occupancies::session_id> =
        sessions::id.eq(occupancies::session_id);
    occupancies::table
        .inner_join(sessions::table.on(sessions::org_id.eq(occupancies::org_id).and(session)))
        .filter(occupancies::active)
        .filter(occupancies::starts_at.ge(from))
        .filter(occupancies::starts_at.lt(to))
        .select((
            occupancies::specialist_id,
            occupancies::starts_at,
            occupancies::ends_at,
            occupancies::buffer_before_minutes,
            occupancies::buffer_after_minutes,
            (
                sessions::id,
                sessions::appointment_type_id,
                sessions::starts_at,
                sessions::ends_at,
                sessions::seats,
                sessions::seats_taken,
            ),
        ))
}

/// From when to when diaries are read for a range.
pub(super) fn around(range: Window) -> Window {
    Window { starts_at: range.starts_at - AROUND, ends_at: range.ends_at + AROUND }
}

/// What stands in diaries, by whose they are.
struct Filling {
    hours: BTreeMap<Uuid, Vec<WeeklyBlock>>,
    exceptions: Broken,
    booked: BTreeMap<Uuid, Vec<(Busy, Session)>>,
}

impl Filling {
    /// Of what was read, in any order and in one flight.
    async fn of(
        hours: impl Future<Output = QueryResult<Vec<HoursRow>>>,
        exceptions: impl Future<Output = Result<Broken, StoreError>>,
        booked: impl Future<Output = QueryResult<Vec<BusyRow>>>,
    ) -> Result<Self, StoreError> {
        let (hours, exceptions, booked) = join3(hours, exceptions, booked).await;
        Ok(Self {
            hours: by_specialist(hours.map_err(store_error)?, |row| row.0, block)?,
            exceptions: exceptions?,
            booked: by_specialist(booked.map_err(store_error)?, |row| row.0, busy)?,
        })
    }

    fn diary(
        &mut self,
        (id, timezone, last_booked_at): SpecialistRow,
    ) -> Result<SpecialistDiary, StoreError> {
        let mut calendar = SpecialistCalendar::new(zone(&timezone)?);
        calendar.weekly_hours = self.hours.remove(&id).unwrap_or_default();
        self.exceptions.add_to(id, &mut calendar);
        let booked = self.booked.remove(&id).unwrap_or_default();
        let (busy, sessions): (Vec<Busy>, Vec<Session>) = booked.into_iter().unzip();
        Ok(SpecialistDiary {
            specialist: PersonId::from_uuid(id),
            calendar,
            booked: u64::try_from(busy.len()).unwrap_or(u64::MAX),
            busy,
            sessions,
            last_booked_at,
        })
    }
}

impl PgWork {
    async fn with_hours(
        &mut self,
        rows: Vec<(Uuid, String, String, i32)>,
    ) -> Result<Vec<Specialist>, StoreError> {
        let who: Vec<Uuid> = rows.iter().map(|row| row.0).collect();
        let mut tx = self.tx().open().await.map_err(store_error)?;
        let of_them = working().filter(hours::specialist_id.eq_any(&who));
        let hours = of_them.load(&mut tx).await.map_err(store_error)?;
        let mut hours = by_specialist(hours, |row: &HoursRow| row.0, block)?;
        rows.into_iter()
            .map(|(id, name, timezone, version)| {
                Ok(Specialist {
                    id: PersonId::from_uuid(id),
                    display_name: Personal::new(&name)
                        .map_err(|_| unreadable("people.display_name"))?,
                    timezone: zone(&timezone)?,
                    hours: hours.remove(&id).unwrap_or_default(),
                    version: Version::new(version)
                        .ok_or_else(|| unreadable("specialists.version"))?,
                })
            })
            .collect()
    }
}

#[async_trait]
impl Calendars for PgWork {
    async fn list(&mut self, page: &PageRequest) -> Result<Page<Specialist>, StoreError> {
        let mut query = specialists::table
            .inner_join(people::table.on(people::id.eq(specialists::id)))
            .filter(specialists::active)
            .into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(specialists::id.gt(id));
        }
        let rows = query
            .order(specialists::id)
            .limit(page.limit.one_more())
            .select(SHOWN)
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let found = self.with_hours(rows).await?;
        Ok(Page::of_one_more(found, page.limit, |specialist| specialist.id.to_string()))
    }

    async fn find(&mut self, id: PersonId) -> Result<Option<Specialist>, StoreError> {
        let rows = specialists::table
            .inner_join(people::table.on(people::id.eq(specialists::id)))
            .filter(specialists::id.eq(id.as_uuid()))
            .filter(specialists::active)
            .select(SHOWN)
            .load(self.tx())
            .await
            .map_err(store_error)?;
        Ok(self.with_hours(rows).await?.pop())
    }

    async fn set_hours(
        &mut self,
        id: PersonId,
        timezone: Tz,
        weekly: &[WeeklyBlock],
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        let (org_id, id) = (self.org_id(), id.as_uuid());
        let (least, most) = versions(seen);
        let rows = diesel::update(specialists::table.find((org_id, id)))
            .filter(specialists::active)
            .filter(specialists::version.between(least, most))
            .set((
                specialists::timezone.eq(timezone.name()),
                specialists::version.eq(specialists::version + 1),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        if rows == 0 {
            let there = specialists::table.find((org_id, id)).filter(specialists::active);
            let there = diesel::select(exists(there)).get_result(self.tx()).await;
            return Ok(changed(rows, there.map_err(store_error)?));
        }
        diesel::delete(hours::table.filter(hours::specialist_id.eq(id)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let rows: Vec<_> = weekly
            .iter()
            .map(|block| {
                (
                        hours::org_id.eq(org_id),
                        hours::specialist_id.eq(id),
                        hours::weekday
                            .eq(i16::try_from(block.weekday().number_from_monday())
                                .unwrap_or_default()),
                        hours::start_minute.eq(minute_of(block.block().start())),
                        hours::end_minute.eq(minute_of(block.block().end())),
                    )
            })
            .collect();
        // The same block twice is one block.
        diesel::insert_into(hours::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(Change::Made)
    }

    async fn diaries(
        &mut self,
        who: &[PersonId],
        range: Window,
    ) -> Result<Vec<SpecialistDiary>, StoreError> {
        let mut query = specialists::table.filter(specialists::active).into_boxed();
        if !who.is_empty() {
            let who: Vec<Uuid> = who.iter().map(|id| id.as_uuid()).collect();
            query = query.filter(specialists::id.eq_any(who));
        }
        let rows = query
            .order(specialists::id)
            .select((specialists::id, specialists::timezone, specialists::last_booked_at))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let who: Vec<Uuid> = rows.iter().map(|row: &SpecialistRow| row.0).collect();
        let tx = self.tx().open().await.map_err(store_error)?;
        let (mut first, mut second) = (tx, tx);
        let range = around(range);
        let hours = working().filter(hours::specialist_id.eq_any(&who));
        let booked = booked(range).filter(occupancies::specialist_id.eq_any(&who));
        let exceptions = exceptions_of(tx, &who, range);
        let mut filling =
            Filling::of(hours.load(&mut first), exceptions, booked.load(&mut second)).await?;
        rows.into_iter().map(|row| filling.diary(row)).collect()
    }

    async fn lock(
        &mut self,
        id: PersonId,
        range: Window,
    ) -> Result<Option<SpecialistDiary>, StoreError> {
        let id = id.as_uuid();
        let tx = self.tx().open().await.map_err(store_error)?;
        let (mut first, mut second, mut third) = (tx, tx, tx);
        let range = around(range);
        let locked = specialists::table
            .filter(specialists::id.eq(id))
            .filter(specialists::active)
            .select((specialists::id, specialists::timezone, specialists::last_booked_at))
            .for_no_key_update()
            .get_result::<SpecialistRow>(&mut first);
        // Of one, and not of any of a list: the plan for that is as good for every specialist, and kept.
        let hours = working().filter(hours::specialist_id.eq(id));
        let booked = booked(range).filter(occupancies::specialist_id.eq(id));
        let who = [id];
        let exceptions = exceptions_of(tx, &who, range);
        let filling = Filling::of(hours.load(&mut second), exceptions, booked.load(&mut third));
        // In one flight: what is read after the lock is read when it is had, and not before.
        let (locked, filling) = in_turn(locked, filling).await;
        let locked = locked.optional().map_err(store_error)?;
        let mut filling = filling?;
        locked.map(|row| filling.diary(row)).transpose()
    }
}
