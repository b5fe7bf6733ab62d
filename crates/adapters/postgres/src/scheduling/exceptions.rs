use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types as sql;
use diesel_async::RunQueryDsl;
use restartix_kernel::{ClosureId, Page, PageRequest, PersonId, StoreError, TimeOffId};
use restartix_scheduling::engine::{
    DateOverride, LocalBlock, LocalDates, LocalTime, SpecialistCalendar, Window,
};
use restartix_scheduling::{Closure, Exceptions, Override, TimeOff};
use uuid::Uuid;

use super::calendars::minute_of;
use crate::error::{store_error, unreadable};
use crate::schema::specialist_date_overrides as overrides;
use crate::schema::specialist_time_off as time_off;
use crate::schema::{closures, specialists};
use crate::transaction::TenantTx;
use crate::unit::{PgWork, after};

/// What breaks the hours of some specialists around a range, asked at once: each booking asks.
struct Ask<'a> {
    who: &'a [Uuid],
    range: Window,
    dates: [NaiveDate; 2],
}

type AskColumns = (
    sql::Nullable<sql::Uuid>,
    sql::Nullable<sql::Date>,
    sql::Nullable<sql::Date>,
    sql::Nullable<sql::SmallInt>,
    sql::Nullable<sql::SmallInt>,
    sql::Nullable<sql::Timestamptz>,
    sql::Nullable<sql::Timestamptz>,
);

type AskRow = (
    Option<Uuid>,
    Option<NaiveDate>,
    Option<NaiveDate>,
    Option<i16>,
    Option<i16>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
);

impl diesel::query_builder::QueryId for Ask<'_> {
    type QueryId = Ask<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for Ask<'_> {
    fn walk_ast<'b>(
        &'b self,
        mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
    ) -> QueryResult<()> {
        let [first, last] = &self.dates;
        out.push_sql(
            "SELECT specialist_id, date AS first, NULL::date, start_minute, end_minute, \
             NULL::timestamptz AS starts_at, NULL::timestamptz \
             FROM specialist_date_overrides WHERE specialist_id = ANY (",
        );
        out.push_bind_param::<sql::Array<sql::Uuid>, _>(self.who)?;
        out.push_sql(") AND date >= ");
        out.push_bind_param::<sql::Date, _>(first)?;
        out.push_sql(" AND date <= ");
        out.push_bind_param::<sql::Date, _>(last)?;
        out.push_sql(
            " UNION ALL SELECT specialist_id, NULL, NULL, NULL, NULL, starts_at, ends_at \
             FROM specialist_time_off WHERE specialist_id = ANY (",
        );
        out.push_bind_param::<sql::Array<sql::Uuid>, _>(self.who)?;
        out.push_sql(") AND ends_at > ");
        out.push_bind_param::<sql::Timestamptz, _>(&self.range.starts_at)?;
        out.push_sql(" AND starts_at < ");
        out.push_bind_param::<sql::Timestamptz, _>(&self.range.ends_at)?;
        out.push_sql(
            " UNION ALL SELECT NULL, starts_on, ends_on, NULL, NULL, NULL, NULL \
             FROM closures WHERE ends_on >= ",
        );
        out.push_bind_param::<sql::Date, _>(first)?;
        out.push_sql(" AND starts_on <= ");
        out.push_bind_param::<sql::Date, _>(last)?;
        out.push_sql(" ORDER BY specialist_id, first, start_minute, starts_at");
        Ok(())
    }
}

impl diesel::query_builder::Query for Ask<'_> {
    type SqlType = AskColumns;
}

impl<Conn> diesel::query_dsl::RunQueryDsl<Conn> for Ask<'_> {}

/// What breaks hours, by specialist, and for all.
#[derive(Default)]
pub(super) struct Broken {
    overrides: BTreeMap<Uuid, Vec<DateOverride>>,
    away: BTreeMap<Uuid, Vec<Window>>,
    closures: Vec<LocalDates>,
}

impl Broken {
    /// Adds to a specialist's calendar what breaks its hours.
    pub(super) fn add_to(&mut self, specialist: Uuid, calendar: &mut SpecialistCalendar) {
        calendar.overrides = self.overrides.remove(&specialist).unwrap_or_default();
        calendar.away = self.away.remove(&specialist).unwrap_or_default();
        calendar.closures.clone_from(&self.closures);
    }

    fn read(&mut self, row: AskRow) -> Result<(), StoreError> {
        match row {
            (Some(who), Some(date), _, Some(start), Some(end), _, _) => {
                self.overrides.entry(who).or_default().push(replaced(date, start, end)?);
            }
            (Some(who), _, _, _, _, Some(starts_at), Some(ends_at)) => {
                self.away.entry(who).or_default().push(Window { starts_at, ends_at });
            }
            (None, Some(first), Some(last), ..) => self.closures.push(dates(first, last)?),
            _ => return Err(unreadable("specialist_date_overrides")),
        }
        Ok(())
    }
}

fn replaced(date: NaiveDate, start: i16, end: i16) -> Result<DateOverride, StoreError> {
    if end == 0 {
        return Ok(DateOverride::closed(date));
    }
    let wrong = || unreadable("specialist_date_overrides");
    let time = |minute: i16| {
        let minute = u16::try_from(minute).map_err(|_| wrong())?;
        LocalTime::from_minutes(minute).map_err(|_| wrong())
    };
    let block = LocalBlock::new(time(start)?, time(end)?).map_err(|_| wrong())?;
    Ok(DateOverride::open(date, block))
}

fn dates(first: NaiveDate, last: NaiveDate) -> Result<LocalDates, StoreError> {
    LocalDates::new(first, last).map_err(|_| unreadable("closures"))
}

/// What breaks their hours within a window, of a transaction that is open.
pub(super) async fn exceptions_of(
    mut tx: &TenantTx,
    who: &[Uuid],
    range: Window,
) -> Result<Broken, StoreError> {
    let dates = [range.starts_at.date_naive(), range.ends_at.date_naive()];
    let rows: Vec<AskRow> = Ask { who, range, dates }.load(&mut tx).await.map_err(store_error)?;
    let mut broken = Broken::default();
    for row in rows {
        broken.read(row)?;
    }
    Ok(broken)
}

impl PgWork {
    /// Whether there is such an active specialist, whose calendar stays locked until the unit ends.
    async fn lock_calendar(&mut self, specialist: PersonId) -> Result<bool, StoreError> {
        let found: Option<Uuid> = specialists::table
            .filter(specialists::id.eq(specialist.as_uuid()))
            .filter(specialists::active)
            .select(specialists::id)
            .for_no_key_update()
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        Ok(found.is_some())
    }
}

impl PgWork {
    /// Whether there is such an active specialist.
    async fn is_active(&mut self, specialist: PersonId) -> Result<bool, StoreError> {
        let them = specialists::table.filter(specialists::id.eq(specialist.as_uuid()));
        let there = diesel::select(exists(them.filter(specialists::active)));
        there.get_result(self.tx()).await.map_err(store_error)
    }
}

#[async_trait]
impl Exceptions for PgWork {
    async fn set_override(
        &mut self,
        specialist: PersonId,
        date: NaiveDate,
        hours: &[LocalBlock],
    ) -> Result<bool, StoreError> {
        if !self.lock_calendar(specialist).await? {
            return Ok(false);
        }
        self.drop_override(specialist, date).await?;
        let minutes = hours.iter().map(|block| (minute_of(block.start()), minute_of(block.end())));
        let mut minutes: Vec<_> = minutes.collect();
        if minutes.is_empty() {
            minutes.push((0, 0));
        }
        let org_id = self.org_id();
        let rows: Vec<_> = minutes
            .into_iter()
            .map(|(start, end)| {
                (
                    overrides::org_id.eq(org_id),
                    overrides::specialist_id.eq(specialist.as_uuid()),
                    overrides::date.eq(date),
                    overrides::start_minute.eq(start),
                    overrides::end_minute.eq(end),
                )
            })
            .collect();
        // The same block twice is one block.
        diesel::insert_into(overrides::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(true)
    }

    async fn overrides(
        &mut self,
        specialist: PersonId,
        page: &PageRequest,
    ) -> Result<Option<Page<Override>>, StoreError> {
        if !self.is_active(specialist).await? {
            return Ok(None);
        }
        let own = || overrides::table.filter(overrides::specialist_id.eq(specialist.as_uuid()));
        let mut dates =
            own().select(overrides::date).distinct().order(overrides::date).into_boxed();
        if let Some(date) = after::<NaiveDate>(page)? {
            dates = dates.filter(overrides::date.gt(date));
        }
        let dates: Vec<NaiveDate> =
            dates.limit(page.limit.one_more()).load(self.tx()).await.map_err(store_error)?;
        let rows: Vec<(NaiveDate, i16, i16)> = own()
            .filter(overrides::date.eq_any(&dates))
            .order((overrides::date, overrides::start_minute))
            .select((overrides::date, overrides::start_minute, overrides::end_minute))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let mut found = Vec::with_capacity(dates.len());
        for of_date in rows.chunk_by(|one, next| one.0 == next.0) {
            let Some((date, ..)) = of_date.first() else { continue };
            let hours = of_date.iter().map(|row| Ok(replaced(row.0, row.1, row.2)?.block()));
            let hours: Result<Vec<_>, StoreError> = hours.collect();
            let hours = hours?.into_iter().flatten().collect();
            found.push(Override { specialist, date: *date, hours });
        }
        Ok(Some(Page::of_one_more(found, page.limit, |it: &Override| it.date.to_string())))
    }

    async fn drop_override(
        &mut self,
        specialist: PersonId,
        date: NaiveDate,
    ) -> Result<bool, StoreError> {
        let of_date = overrides::table
            .filter(overrides::specialist_id.eq(specialist.as_uuid()))
            .filter(overrides::date.eq(date));
        let rows = diesel::delete(of_date).execute(self.tx()).await.map_err(store_error)?;
        Ok(rows > 0)
    }

    async fn add_time_off(&mut self, away: &TimeOff) -> Result<bool, StoreError> {
        if !self.lock_calendar(away.specialist).await? {
            return Ok(false);
        }
        diesel::insert_into(time_off::table)
            .values((
                time_off::org_id.eq(self.org_id()),
                time_off::id.eq(away.id.as_uuid()),
                time_off::specialist_id.eq(away.specialist.as_uuid()),
                time_off::starts_at.eq(away.time.starts_at),
                time_off::ends_at.eq(away.time.ends_at),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(true)
    }

    async fn time_off(
        &mut self,
        specialist: PersonId,
        page: &PageRequest,
    ) -> Result<Option<Page<TimeOff>>, StoreError> {
        let who = specialist.as_uuid();
        if !self.is_active(specialist).await? {
            return Ok(None);
        }
        let mut query = time_off::table.filter(time_off::specialist_id.eq(who)).into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(time_off::id.gt(id));
        }
        let rows: Vec<(Uuid, DateTime<Utc>, DateTime<Utc>)> = query
            .order(time_off::id)
            .limit(page.limit.one_more())
            .select((time_off::id, time_off::starts_at, time_off::ends_at))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let read = |(id, starts_at, ends_at)| {
            let time = Window { starts_at, ends_at };
            TimeOff { id: TimeOffId::from_uuid(id), specialist, time }
        };
        let found = rows.into_iter().map(read).collect();
        Ok(Some(Page::of_one_more(found, page.limit, |away: &TimeOff| away.id.to_string())))
    }

    async fn drop_time_off(
        &mut self,
        specialist: PersonId,
        id: TimeOffId,
    ) -> Result<bool, StoreError> {
        let own = time_off::table
            .filter(time_off::id.eq(id.as_uuid()))
            .filter(time_off::specialist_id.eq(specialist.as_uuid()));
        let rows = diesel::delete(own).execute(self.tx()).await.map_err(store_error)?;
        Ok(rows > 0)
    }

    async fn close(&mut self, closure: &Closure) -> Result<(), StoreError> {
        diesel::insert_into(closures::table)
            .values((
                closures::org_id.eq(self.org_id()),
                closures::id.eq(closure.id.as_uuid()),
                closures::starts_on.eq(closure.dates.first()),
                closures::ends_on.eq(closure.dates.last()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn closures(&mut self, page: &PageRequest) -> Result<Page<Closure>, StoreError> {
        let mut query = closures::table.into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(closures::id.gt(id));
        }
        let rows: Vec<(Uuid, NaiveDate, NaiveDate)> = query
            .order(closures::id)
            .limit(page.limit.one_more())
            .select((closures::id, closures::starts_on, closures::ends_on))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let found: Result<Vec<_>, StoreError> = rows
            .into_iter()
            .map(|(id, first, last)| {
                Ok(Closure { id: ClosureId::from_uuid(id), dates: dates(first, last)? })
            })
            .collect();
        Ok(Page::of_one_more(found?, page.limit, |closure| closure.id.to_string()))
    }

    async fn reopen(&mut self, id: ClosureId) -> Result<bool, StoreError> {
        let key = (self.org_id(), id.as_uuid());
        let rows = diesel::delete(closures::table.find(key))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows > 0)
    }
}
