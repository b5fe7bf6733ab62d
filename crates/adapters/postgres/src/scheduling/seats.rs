//! Sessions, the specialists' occupancies, and the seats in them.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::RunQueryDsl;
use restartix_kernel::{PersonId, SessionId, StoreError};
use restartix_scheduling::{Booked, Booking, Capacity, Rescheduling, Seat, Slot, Status};
use uuid::Uuid;

use crate::error::store_error;
use crate::preparing::Fixed;
use crate::scheduling::types::stored_reminders;
use crate::schema::{
    appointment_moves as moves, appointment_sessions as sessions, appointments, occupancies,
    specialists,
};
use crate::transaction::{TenantTx, in_turn};
use crate::unit::PgWork;

/// Why there is no seat.
pub(super) enum NoSeat {
    /// Somebody is in the way, or the patient has a seat there.
    Taken,
    /// The session is no longer as it was when it was looked at.
    Changed,
    /// The store did not do its part.
    Failed(StoreError),
}

impl From<Error> for NoSeat {
    fn from(error: Error) -> Self {
        match error {
            // The second wall behind the lock of the calendar.
            Error::DatabaseError(DatabaseErrorKind::ExclusionViolation, _) => Self::Taken,
            error => Self::Failed(store_error(error)),
        }
    }
}

impl From<StoreError> for NoSeat {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What a caller is told.
pub(super) fn settled(done: Result<(), NoSeat>) -> Result<Booked, StoreError> {
    match done {
        Ok(()) => Ok(Booked::Made),
        Err(NoSeat::Taken) => Ok(Booked::SlotTaken),
        Err(NoSeat::Changed) => Err(StoreError::Busy("the session has changed".into())),
        Err(NoSeat::Failed(error)) => Err(error),
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

/// Opens a session and takes its specialist's time, in one flight.
async fn open_session(
    tx: &TenantTx,
    session: SessionId,
    seats: Capacity,
    slot: &Slot,
) -> QueryResult<()> {
    let (org_id, session) = (tx.organisation().get(), session.as_uuid());
    let (mut first, mut second) = (tx, tx);
    let opened = diesel::insert_into(sessions::table)
        .values((
            sessions::org_id.eq(org_id),
            sessions::id.eq(session),
            sessions::appointment_type_id.eq(slot.appointment_type.as_uuid()),
            sessions::starts_at.eq(slot.starts_at),
            sessions::ends_at.eq(slot.ends_at),
            sessions::seats.eq(i32::from(seats.get())),
            sessions::seats_taken.eq(1),
        ))
        .execute(&mut first);
    let taken = diesel::insert_into(occupancies::table)
        .values((
            occupancies::org_id.eq(org_id),
            occupancies::session_id.eq(session),
            occupancies::specialist_id.eq(slot.specialist.as_uuid()),
            occupancies::starts_at.eq(slot.starts_at),
            occupancies::ends_at.eq(slot.ends_at),
            occupancies::buffer_before_minutes.eq(minutes(slot.buffer_before.get())),
            occupancies::buffer_after_minutes.eq(minutes(slot.buffer_after.get())),
            occupancies::blocked.eq(blocked(slot)),
        ))
        .execute(&mut second);
    let (opened, taken) = in_turn(opened, taken).await;
    opened?;
    taken?;
    Ok(())
}

impl PgWork {
    /// Keeps a booking.
    pub(super) async fn take_seat(&mut self, booking: &Booking) -> Result<(), NoSeat> {
        let Booking { session, seat, slot, appointment, reminders } = booking;
        if *seat == Seat::Joined {
            self.join_session(*session, appointment.patient).await?;
        }
        let (org_id, specialist) = (self.org_id(), slot.specialist.as_uuid());
        let tx = self.tx().open().await?;
        let (mut third, mut fourth) = (tx, tx);
        let seated = diesel::insert_into(appointments::table)
            .values((
                appointments::org_id.eq(org_id),
                appointments::id.eq(appointment.id.get()),
                appointments::session_id.eq(session.as_uuid()),
                appointments::appointment_type_id.eq(slot.appointment_type.as_uuid()),
                appointments::specialist_id.eq(specialist),
                appointments::patient_id.eq(appointment.patient.as_uuid()),
                appointments::starts_at.eq(appointment.starts_at),
                appointments::ends_at.eq(appointment.ends_at),
                appointments::online.eq(appointment.online),
                appointments::recording_consent.eq(appointment.recording_consent),
                appointments::status.eq(appointment.status.as_str()),
                appointments::version.eq(appointment.version.get()),
                appointments::reminder_minutes.eq(stored_reminders(reminders)?),
                appointments::reminder_due_at.eq(reminders.next_at(appointment.starts_at)),
            ))
            .execute(&mut third);
        let now = diesel::dsl::now.into_sql::<diesel::sql_types::Timestamptz>().nullable();
        let turn = diesel::update(specialists::table.find((org_id, specialist)))
            .set(specialists::last_booked_at.eq(now));
        let turn = Fixed(turn).execute(&mut fourth);
        let rest = in_turn(seated, turn);
        let (opened, (seated, turned)) = match seat {
            Seat::Opened(seats) => in_turn(open_session(tx, *session, *seats, slot), rest).await,
            Seat::Joined => (Ok(()), rest.await),
        };
        // The first refusal is the cause of those after it.
        opened?;
        seated?;
        turned?;
        Ok(())
    }

    /// Keeps a move, and a line of it.
    pub(super) async fn carry(&mut self, moved: &Rescheduling) -> Result<(), NoSeat> {
        let Rescheduling { starts_at_before, session, seat, slot, appointment, .. } = moved;
        let (org_id, id) = (self.org_id(), appointment.id.get());
        let (version, patient) = (appointment.version.get(), appointment.patient);
        let before: Uuid = appointments::table
            .find((org_id, id))
            .select(appointments::session_id)
            .get_result(self.tx())
            .await?;
        // Locked, so that nobody joins whoever is alone, or leaves, meanwhile.
        let others: i32 = sessions::table
            .find((org_id, before))
            .select(sessions::seats_taken - 1)
            .for_no_key_update()
            .get_result(self.tx())
            .await?;
        let session = match seat {
            Seat::Opened(_) if others == 0 => {
                self.move_session(before, slot).await?;
                before
            }
            Seat::Opened(seats) => {
                self.leave_seat(before).await?;
                open_session(self.tx().open().await?, *session, *seats, slot).await?;
                session.as_uuid()
            }
            Seat::Joined => {
                self.leave_seat(before).await?;
                self.join_session(*session, patient).await?;
                session.as_uuid()
            }
        };
        diesel::update(appointments::table.find((org_id, id)))
            .set((
                appointments::session_id.eq(session),
                appointments::starts_at.eq(appointment.starts_at),
                appointments::ends_at.eq(appointment.ends_at),
                appointments::version.eq(version),
                appointments::reminder_minutes.eq(stored_reminders(&moved.reminders)?),
                appointments::reminder_due_at.eq(moved.reminders.next_at(appointment.starts_at)),
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
                moves::reason.eq(moved.reason.as_str()),
            ))
            .execute(self.tx())
            .await?;
        Ok(())
    }

    /// Gives up a seat; the last one of a session gives up its time.
    pub(super) async fn leave_seat(&mut self, session: Uuid) -> QueryResult<()> {
        let left: i32 = diesel::update(sessions::table.find((self.org_id(), session)))
            .set(sessions::seats_taken.eq(sessions::seats_taken - 1))
            .returning(sessions::seats_taken)
            .get_result(self.tx())
            .await?;
        if left == 0 {
            diesel::update(occupancies::table.filter(occupancies::session_id.eq(session)))
                .set(occupancies::active.eq(false))
                .execute(self.tx())
                .await?;
        }
        Ok(())
    }

    /// Takes a free seat of a session in which somebody sits; its row stays locked.
    async fn join_session(&mut self, session: SessionId, patient: PersonId) -> Result<(), NoSeat> {
        let (org_id, session) = (self.org_id(), session.as_uuid());
        let (seats, taken): (i32, i32) = sessions::table
            .find((org_id, session))
            .select((sessions::seats, sessions::seats_taken))
            .for_no_key_update()
            .get_result(self.tx())
            .await?;
        if taken == 0 || taken >= seats {
            return Err(NoSeat::Changed);
        }
        let active = [Status::Confirmed, Status::InProgress].map(Status::as_str);
        let theirs: i64 = appointments::table
            .filter(appointments::session_id.eq(session))
            .filter(appointments::patient_id.eq(patient.as_uuid()))
            .filter(appointments::status.eq_any(active))
            .count()
            .get_result(self.tx())
            .await?;
        if theirs > 0 {
            return Err(NoSeat::Taken);
        }
        diesel::update(sessions::table.find((org_id, session)))
            .set(sessions::seats_taken.eq(taken + 1))
            .execute(self.tx())
            .await?;
        Ok(())
    }

    async fn move_session(&mut self, session: Uuid, slot: &Slot) -> QueryResult<()> {
        let org_id = self.org_id();
        diesel::update(sessions::table.find((org_id, session)))
            .set((sessions::starts_at.eq(slot.starts_at), sessions::ends_at.eq(slot.ends_at)))
            .execute(self.tx())
            .await?;
        diesel::update(occupancies::table.find((org_id, session, slot.specialist.as_uuid())))
            .set((
                occupancies::starts_at.eq(slot.starts_at),
                occupancies::ends_at.eq(slot.ends_at),
                occupancies::buffer_before_minutes.eq(minutes(slot.buffer_before.get())),
                occupancies::buffer_after_minutes.eq(minutes(slot.buffer_after.get())),
                occupancies::blocked.eq(blocked(slot)),
            ))
            .execute(self.tx())
            .await?;
        Ok(())
    }
}
