use std::ops::Bound;

use async_trait::async_trait;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, AppointmentTypeId, Page, PageRequest, PersonId, StoreError};
use restartix_scheduling::{
    Appointment, AppointmentFilter, Appointments, Booked, Booking, Patient, Rescheduling, Slot,
    Status,
};
use restartix_tenancy::{People, Reach, Role, Version};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::{
    appointment_moves as moves, appointment_sessions as sessions, appointments, care_relations,
    occupancies, people, specialists,
};
use crate::unit::{PgWork, after};

#[derive(Queryable, Selectable)]
#[diesel(table_name = appointments)]
struct AppointmentRow {
    id: i64,
    appointment_type_id: Uuid,
    specialist_id: Uuid,
    patient_id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    online: bool,
    recording_consent: bool,
    status: String,
    cancel_reason: Option<String>,
    version: i32,
}

impl TryFrom<AppointmentRow> for Appointment {
    type Error = StoreError;

    fn try_from(row: AppointmentRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: AppointmentId::new(row.id).map_err(|_| unreadable("appointments.id"))?,
            appointment_type: AppointmentTypeId::from_uuid(row.appointment_type_id),
            specialist: PersonId::from_uuid(row.specialist_id),
            patient: PersonId::from_uuid(row.patient_id),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            online: row.online,
            recording_consent: row.recording_consent,
            status: row.status.parse().map_err(|_| unreadable("appointments.status"))?,
            cancel_reason: row
                .cancel_reason
                .map(|reason| reason.parse().map_err(|_| unreadable("appointments.cancel_reason")))
                .transpose()?,
            version: Version::new(row.version).ok_or_else(|| unreadable("appointments.version"))?,
        })
    }
}

/// Where a list goes on: the start and id of the last appointment before it.
struct Position {
    starts_at: DateTime<Utc>,
    id: i64,
}

impl std::str::FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('.').ok_or(())?;
        let micros = micros.parse().map_err(|_| ())?;
        let starts_at = DateTime::from_timestamp_micros(micros).ok_or(())?;
        // Chrono knows instants that PostgreSQL does not.
        if !(1970..=9999).contains(&starts_at.year()) {
            return Err(());
        }
        let id = id.parse::<AppointmentId>().map_err(|_| ())?;
        Ok(Self { starts_at, id: id.get() })
    }
}

fn position(appointment: &Appointment) -> String {
    format!("{}.{}", appointment.starts_at.timestamp_micros(), appointment.id)
}

fn within(reach: Reach) -> appointments::BoxedQuery<'static, diesel::pg::Pg> {
    let all = appointments::table.into_boxed();
    match reach {
        Reach::Organisation => all,
        Reach::Own(person) => all.filter(appointments::patient_id.eq(person.as_uuid())),
        Reach::TreatedBy(specialist) => {
            let specialist = specialist.as_uuid();
            let treated = care_relations::table
                .filter(care_relations::specialist_id.eq(specialist))
                .filter(care_relations::patient_id.eq(appointments::patient_id))
                .filter(care_relations::valid_until.is_null());
            all.filter(appointments::specialist_id.eq(specialist).or(exists(treated)))
        }
    }
}

#[async_trait]
impl Appointments for PgWork {
    async fn list(
        &mut self,
        reach: Reach,
        filter: &AppointmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Appointment>, StoreError> {
        let mut query = within(reach);
        if let Some(from) = filter.from {
            // No appointment is longer than a day: this bounds the walk through the index.
            query = query
                .filter(appointments::ends_at.gt(from))
                .filter(appointments::starts_at.ge(from - TimeDelta::days(1)));
        }
        if let Some(to) = filter.to {
            query = query.filter(appointments::starts_at.lt(to));
        }
        if let Some(status) = filter.status {
            query = query.filter(appointments::status.eq(status.as_str()));
        }
        if let Some(Position { starts_at, id }) = after(page)? {
            // The first condition is implied by the second, and the index understands it.
            query = query.filter(appointments::starts_at.ge(starts_at)).filter(
                appointments::starts_at
                    .gt(starts_at)
                    .or(appointments::starts_at.eq(starts_at).and(appointments::id.gt(id))),
            );
        }
        let rows: Vec<AppointmentRow> = query
            .order((appointments::starts_at, appointments::id))
            .limit(page.limit.one_more())
            .select(AppointmentRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let found: Result<Vec<Appointment>, _> =
            rows.into_iter().map(Appointment::try_from).collect();
        Ok(Page::of_one_more(found?, page.limit, position))
    }

    async fn find(
        &mut self,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Option<Appointment>, StoreError> {
        let row: Option<AppointmentRow> = within(reach)
            .filter(appointments::id.eq(id.get()))
            .select(AppointmentRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Appointment::try_from).transpose()
    }

    async fn lock(
        &mut self,
        reach: Reach,
        id: AppointmentId,
    ) -> Result<Option<Appointment>, StoreError> {
        // The row first, whoever may see it, then whether the caller may: a boxed query cannot
        // lock, and the lock tells nobody anything.
        appointments::table
            .filter(appointments::id.eq(id.get()))
            .select(appointments::id)
            .for_no_key_update()
            .get_result::<i64>(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        Appointments::find(self, reach, id).await
    }

    async fn patient(
        &mut self,
        id: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Option<Patient>, StoreError> {
        // Two bookings of one patient with two specialists must not both count the same number.
        people::table
            .find((self.org_id(), id.as_uuid()))
            .select(people::id)
            .for_no_key_update()
            .get_result::<Uuid>(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        if !self.has_role(id, Role::Patient).await? {
            return Ok(None);
        }
        let open: i64 = appointments::table
            .filter(appointments::patient_id.eq(id.as_uuid()))
            .filter(appointments::status.eq(Status::Confirmed.as_str()))
            .filter(appointments::starts_at.gt(now))
            .count()
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        Ok(Some(Patient { id, open_appointments: u64::try_from(open).unwrap_or_default() }))
    }

    async fn add(&mut self, booking: &Booking) -> Result<Booked, StoreError> {
        match self.insert(booking).await {
            Ok(()) => Ok(Booked::Made),
            Err(Error::DatabaseError(DatabaseErrorKind::ExclusionViolation, _)) => {
                Ok(Booked::SlotTaken)
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn reschedule(&mut self, moved: &Rescheduling) -> Result<Booked, StoreError> {
        match self.carry(moved).await {
            Ok(()) => Ok(Booked::Made),
            Err(Error::DatabaseError(DatabaseErrorKind::ExclusionViolation, _)) => {
                Ok(Booked::SlotTaken)
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn set_status(&mut self, appointment: &Appointment) -> Result<(), StoreError> {
        let key = (self.org_id(), appointment.id.get());
        let session: Uuid = diesel::update(appointments::table.find(key))
            .set((
                appointments::status.eq(appointment.status.as_str()),
                appointments::cancel_reason
                    .eq(appointment.cancel_reason.map(restartix_scheduling::ChangeReason::as_str)),
                appointments::version.eq(appointment.version.get()),
            ))
            .returning(appointments::session_id)
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        if !appointment.status.is_active() {
            diesel::update(occupancies::table.filter(occupancies::session_id.eq(session)))
                .set(occupancies::active.eq(false))
                .execute(self.tx())
                .await
                .map_err(store_error)?;
        }
        Ok(())
    }
}

/// A slot with its buffers, for the constraint that keeps two apart.
fn blocked(slot: &Slot) -> (Bound<DateTime<Utc>>, Bound<DateTime<Utc>>) {
    let footprint = slot.footprint();
    (Bound::Included(footprint.starts_at), Bound::Excluded(footprint.ends_at))
}

fn minutes(length: u32) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

impl PgWork {
    async fn carry(&mut self, moved: &Rescheduling) -> QueryResult<()> {
        let org_id = self.org_id();
        let Rescheduling { starts_at_before, slot, appointment, reason } = moved;
        let (id, version) = (appointment.id.get(), appointment.version.get());
        let session: Uuid = diesel::update(appointments::table.find((org_id, id)))
            .set((
                appointments::starts_at.eq(appointment.starts_at),
                appointments::ends_at.eq(appointment.ends_at),
                appointments::version.eq(version),
            ))
            .returning(appointments::session_id)
            .get_result(self.tx())
            .await?;
        diesel::update(sessions::table.find((org_id, session)))
            .set((sessions::starts_at.eq(slot.starts_at), sessions::ends_at.eq(slot.ends_at)))
            .execute(self.tx())
            .await?;
        let specialist = slot.specialist.as_uuid();
        diesel::update(occupancies::table.find((org_id, session, specialist)))
            .set((
                occupancies::starts_at.eq(slot.starts_at),
                occupancies::ends_at.eq(slot.ends_at),
                occupancies::buffer_before_minutes.eq(minutes(slot.buffer_before.get())),
                occupancies::buffer_after_minutes.eq(minutes(slot.buffer_after.get())),
                occupancies::blocked.eq(blocked(slot)),
            ))
            .execute(self.tx())
            .await?;
        diesel::insert_into(moves::table)
            .values((
                moves::org_id.eq(org_id),
                moves::appointment_id.eq(id),
                moves::version.eq(version),
                moves::starts_at_before.eq(starts_at_before),
                moves::starts_at_after.eq(slot.starts_at),
                moves::reason.eq(reason.as_str()),
            ))
            .execute(self.tx())
            .await?;
        Ok(())
    }

    async fn insert(&mut self, booking: &Booking) -> QueryResult<()> {
        let org_id = self.org_id();
        let Booking { slot, appointment, .. } = booking;
        let (kind, specialist) = (slot.appointment_type.as_uuid(), slot.specialist.as_uuid());
        let session = booking.session.as_uuid();
        diesel::insert_into(sessions::table)
            .values((
                sessions::org_id.eq(org_id),
                sessions::id.eq(session),
                sessions::appointment_type_id.eq(kind),
                sessions::starts_at.eq(slot.starts_at),
                sessions::ends_at.eq(slot.ends_at),
            ))
            .execute(self.tx())
            .await?;
        diesel::insert_into(occupancies::table)
            .values((
                occupancies::org_id.eq(org_id),
                occupancies::session_id.eq(session),
                occupancies::specialist_id.eq(specialist),
                occupancies::starts_at.eq(slot.starts_at),
                occupancies::ends_at.eq(slot.ends_at),
                occupancies::buffer_before_minutes.eq(minutes(slot.buffer_before.get())),
                occupancies::buffer_after_minutes.eq(minutes(slot.buffer_after.get())),
                occupancies::blocked.eq(blocked(slot)),
            ))
            .execute(self.tx())
            .await?;
        diesel::insert_into(appointments::table)
            .values((
                appointments::org_id.eq(org_id),
                appointments::id.eq(appointment.id.get()),
                appointments::session_id.eq(session),
                appointments::appointment_type_id.eq(kind),
                appointments::specialist_id.eq(specialist),
                appointments::patient_id.eq(appointment.patient.as_uuid()),
                appointments::starts_at.eq(appointment.starts_at),
                appointments::ends_at.eq(appointment.ends_at),
                appointments::online.eq(appointment.online),
                appointments::recording_consent.eq(appointment.recording_consent),
                appointments::status.eq(appointment.status.as_str()),
                appointments::version.eq(appointment.version.get()),
            ))
            .execute(self.tx())
            .await?;
        diesel::update(specialists::table.find((org_id, specialist)))
            .set(
                specialists::last_booked_at
                    .eq(diesel::dsl::now.into_sql::<diesel::sql_types::Timestamptz>().nullable()),
            )
            .execute(self.tx())
            .await?;
        Ok(())
    }
}
