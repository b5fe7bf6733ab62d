use async_trait::async_trait;
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentTypeId, Page, PageRequest, StoreError};
use restartix_scheduling::engine::{Alignment, Minutes, PositiveMinutes, Rules};
use restartix_scheduling::{AppointmentType, AppointmentTypes, Capacity, Reminders, TypeName};
use restartix_tenancy::{Change, Version};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::appointment_types as types;
use crate::unit::{PgWork, after, changed, versions};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = types, treat_none_as_null = true)]
struct TypeRow {
    id: Uuid,
    name: String,
    duration_minutes: i32,
    interval_minutes: i32,
    buffer_before_minutes: i32,
    buffer_after_minutes: i32,
    min_notice_minutes: i32,
    horizon_minutes: Option<i32>,
    max_per_day: Option<i32>,
    alignment: String,
    alignment_step_minutes: Option<i32>,
    alignment_offset_minutes: i32,
    capacity: i32,
    reminder_minutes: Vec<i32>,
    online: bool,
    recording: bool,
    version: i32,
}

fn stored(value: u32) -> Result<i32, StoreError> {
    i32::try_from(value).map_err(|_| unreadable("appointment_types"))
}

fn read(value: i32) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| unreadable("appointment_types"))
}

fn minutes(value: i32) -> Result<Minutes, StoreError> {
    Minutes::new(read(value)?).map_err(|_| unreadable("appointment_types"))
}

fn positive(value: i32) -> Result<PositiveMinutes, StoreError> {
    PositiveMinutes::new(read(value)?).map_err(|_| unreadable("appointment_types"))
}

/// The seats of a session.
pub(super) fn capacity(value: i32) -> Result<Capacity, StoreError> {
    let seats = u16::try_from(value).ok().and_then(Capacity::new);
    seats.ok_or_else(|| unreadable("appointment_types.capacity"))
}

/// Reminders as they stand in the database.
pub(super) fn stored_reminders(reminders: &Reminders) -> Result<Vec<i32>, StoreError> {
    reminders.minutes().iter().map(|minutes| stored(*minutes)).collect()
}

pub(super) fn read_reminders(minutes: &[i32]) -> Result<Reminders, StoreError> {
    let minutes: Result<Vec<u32>, _> = minutes.iter().map(|minutes| read(*minutes)).collect();
    Reminders::new(&minutes?).map_err(|_| unreadable("reminder_minutes"))
}

impl TryFrom<&AppointmentType> for TypeRow {
    type Error = StoreError;

    fn try_from(kind: &AppointmentType) -> Result<Self, StoreError> {
        let rules = &kind.rules;
        let (alignment, step, offset) = match rules.alignment {
            Alignment::WindowStart => ("window_start", None, 0),
            Alignment::RoundWindowStart { step, offset_minutes, .. } => {
                ("round_window_start", Some(stored(step.get())?), offset_minutes)
            }
            Alignment::LocalDayGrid { offset_minutes, .. } => {
                ("local_day_grid", None, offset_minutes)
            }
            Alignment::QueryGrid => ("query_grid", None, 0),
        };
        Ok(Self {
            id: kind.id.as_uuid(),
            name: kind.name.as_str().to_owned(),
            duration_minutes: stored(rules.duration.get())?,
            interval_minutes: stored(rules.interval.get())?,
            buffer_before_minutes: stored(rules.buffer_before.get())?,
            buffer_after_minutes: stored(rules.buffer_after.get())?,
            min_notice_minutes: stored(rules.min_notice.get())?,
            horizon_minutes: rules.horizon.map(|length| stored(length.get())).transpose()?,
            max_per_day: rules.max_per_day.map(stored).transpose()?,
            alignment: alignment.to_owned(),
            alignment_step_minutes: step,
            alignment_offset_minutes: offset,
            capacity: i32::from(kind.capacity.get()),
            reminder_minutes: stored_reminders(&kind.reminders)?,
            online: kind.online,
            recording: kind.recording,
            version: kind.version.get(),
        })
    }
}

impl TryFrom<TypeRow> for AppointmentType {
    type Error = StoreError;

    fn try_from(row: TypeRow) -> Result<Self, StoreError> {
        let offset_minutes = row.alignment_offset_minutes;
        let step = row.alignment_step_minutes.map(positive).transpose()?;
        let alignment = match (row.alignment.as_str(), step) {
            ("window_start", _) => Alignment::WindowStart,
            ("round_window_start", Some(step)) => {
                Alignment::RoundWindowStart { zone: None, step, offset_minutes }
            }
            ("local_day_grid", _) => Alignment::LocalDayGrid { zone: None, offset_minutes },
            ("query_grid", _) => Alignment::QueryGrid,
            _ => return Err(unreadable("appointment_types.alignment")),
        };
        Ok(Self {
            id: AppointmentTypeId::from_uuid(row.id),
            name: TypeName::new(&row.name).map_err(|_| unreadable("appointment_types.name"))?,
            rules: Rules {
                duration: positive(row.duration_minutes)?,
                interval: positive(row.interval_minutes)?,
                buffer_before: minutes(row.buffer_before_minutes)?,
                buffer_after: minutes(row.buffer_after_minutes)?,
                min_notice: minutes(row.min_notice_minutes)?,
                horizon: row.horizon_minutes.map(minutes).transpose()?,
                max_per_day: row.max_per_day.map(read).transpose()?,
                alignment,
            },
            capacity: capacity(row.capacity)?,
            reminders: read_reminders(&row.reminder_minutes)?,
            online: row.online,
            recording: row.recording,
            version: Version::new(row.version)
                .ok_or_else(|| unreadable("appointment_types.version"))?,
        })
    }
}

#[async_trait]
impl AppointmentTypes for PgWork {
    async fn list(&mut self, page: &PageRequest) -> Result<Page<AppointmentType>, StoreError> {
        let mut query = types::table.filter(types::retired_at.is_null()).into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(types::id.gt(id));
        }
        let rows: Vec<TypeRow> = query
            .order(types::id)
            .limit(page.limit.one_more())
            .select(TypeRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let kinds: Result<Vec<AppointmentType>, _> =
            rows.into_iter().map(AppointmentType::try_from).collect();
        Ok(Page::of_one_more(kinds?, page.limit, |kind| kind.id.to_string()))
    }

    async fn find(&mut self, id: AppointmentTypeId) -> Result<Option<AppointmentType>, StoreError> {
        let row: Option<TypeRow> = types::table
            .filter(types::id.eq(id.as_uuid()))
            .filter(types::retired_at.is_null())
            .select(TypeRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(AppointmentType::try_from).transpose()
    }

    async fn add(&mut self, kind: &AppointmentType) -> Result<(), StoreError> {
        diesel::insert_into(types::table)
            .values((types::org_id.eq(self.org_id()), TypeRow::try_from(kind)?))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn update(
        &mut self,
        kind: &AppointmentType,
        seen: Option<Version>,
    ) -> Result<Change, StoreError> {
        let key = (self.org_id(), kind.id.as_uuid());
        let (least, most) = versions(seen);
        let rows = diesel::update(types::table.find(key))
            .filter(types::retired_at.is_null())
            .filter(types::version.between(least, most))
            .set(TypeRow::try_from(kind)?)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let there = rows > 0
            || diesel::select(exists(types::table.find(key).filter(types::retired_at.is_null())))
                .get_result(self.tx())
                .await
                .map_err(store_error)?;
        Ok(changed(rows, there))
    }

    async fn retire(&mut self, id: AppointmentTypeId) -> Result<Change, StoreError> {
        let rows = diesel::update(types::table.find((self.org_id(), id.as_uuid())))
            .filter(types::retired_at.is_null())
            .set((
                types::retired_at.eq(now.into_sql::<diesel::sql_types::Timestamptz>().nullable()),
                types::version.eq(types::version + 1),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(changed(rows, false))
    }
}
