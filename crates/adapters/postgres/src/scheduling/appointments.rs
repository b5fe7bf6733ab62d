use async_trait::async_trait;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, AppointmentTypeId, Page, PageRequest, PersonId, StoreError};
use restartix_scheduling::{
    Appointment, AppointmentFilter, Appointments, Booked, Booking, ChangeReason, Patient, Reminded,
    Rescheduling, Status,
};
use restartix_tenancy::{Reach, Role, Version};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::scheduling::seats::settled;
use crate::scheduling::types::{read_reminders, stored_reminders};
use crate::schema::{appointments, care_relations, organizations, people};
use crate::tenancy::memberships_in;
use crate::transaction::in_turn;
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
        let org_id = self.org_id();
        let tx = self.tx().open().await.map_err(store_error)?;
        let (mut first, mut second) = (tx, tx);
        // Two bookings of one patient with two specialists must not both count the same number.
        let locked = people::table
            .find((org_id, id.as_uuid()))
            .select(people::id)
            .for_no_key_update()
            .get_result::<Uuid>(&mut first);
        let open = appointments::table
            .filter(appointments::patient_id.eq(id.as_uuid()))
            .filter(appointments::status.eq(Status::Confirmed.as_str()))
            .filter(appointments::starts_at.gt(now))
            .count();
        let max_open =
            organizations::table.find(org_id).select(organizations::max_open_appointments);
        let is_patient = exists(memberships_in(id.as_uuid(), Role::Patient.as_str()));
        let asked = diesel::select((is_patient, open.single_value(), max_open.single_value()))
            .get_result::<(bool, Option<i64>, Option<i32>)>(&mut second);
        let (locked, asked) = in_turn(locked, asked).await;
        locked.optional().map_err(store_error)?;
        let (is_patient, open, max_open) = asked.map_err(store_error)?;
        Ok(is_patient.then_some(Patient {
            id,
            open_appointments: open.and_then(|open| u64::try_from(open).ok()).unwrap_or_default(),
            max_open: max_open
                .and_then(|most| u16::try_from(most).ok())
                .ok_or_else(|| unreadable("organizations.max_open_appointments"))?,
        }))
    }

    async fn add(&mut self, booking: &Booking) -> Result<Booked, StoreError> {
        settled(self.take_seat(booking).await)
    }

    async fn reschedule(&mut self, moved: &Rescheduling) -> Result<Booked, StoreError> {
        settled(self.carry(moved).await)
    }

    async fn set_status(&mut self, appointment: &Appointment) -> Result<(), StoreError> {
        let key = (self.org_id(), appointment.id.get());
        let session: Uuid = diesel::update(appointments::table.find(key))
            .set((
                appointments::status.eq(appointment.status.as_str()),
                appointments::cancel_reason.eq(appointment.cancel_reason.map(ChangeReason::as_str)),
                appointments::version.eq(appointment.version.get()),
                appointments::reminder_minutes.eq(Vec::<i32>::new()),
                appointments::reminder_due_at.eq(None::<DateTime<Utc>>),
            ))
            .returning(appointments::session_id)
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        if !appointment.status.is_active() {
            self.leave_seat(session).await.map_err(store_error)?;
        }
        Ok(())
    }

    async fn set_consent(&mut self, appointment: &Appointment) -> Result<(), StoreError> {
        diesel::update(appointments::table.find((self.org_id(), appointment.id.get())))
            .set((
                appointments::recording_consent.eq(appointment.recording_consent),
                appointments::version.eq(appointment.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn reminders(&mut self, id: AppointmentId) -> Result<Option<Reminded>, StoreError> {
        let row: Option<(AppointmentRow, Vec<i32>)> = appointments::table
            .find((self.org_id(), id.get()))
            .select((AppointmentRow::as_select(), appointments::reminder_minutes))
            .for_no_key_update()
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        let Some((row, minutes)) = row else { return Ok(None) };
        let reminders = read_reminders(&minutes)?;
        Ok(Some(Reminded { appointment: row.try_into()?, reminders }))
    }

    async fn set_reminders(&mut self, reminded: &Reminded) -> Result<(), StoreError> {
        let Reminded { appointment, reminders } = reminded;
        diesel::update(appointments::table.find((self.org_id(), appointment.id.get())))
            .set((
                appointments::reminder_minutes.eq(stored_reminders(reminders)?),
                appointments::reminder_due_at.eq(reminders.next_at(appointment.starts_at)),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }
}
