//! Who was in which room, and whose room a name is.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, PersonId, StoreError};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_video::{Learned, NoticeId, Presence, RoomName, Stay, StayId};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::{video_notices, video_stays};
use crate::unit::PgWork;

/// A provider repeats a notice for hours at most, and an old one is not believed again.
const REMEMBERED: TimeDelta = TimeDelta::days(2);

#[async_trait]
impl Presence for PgWork {
    async fn remember(&mut self, id: &NoticeId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        diesel::delete(video_notices::table.filter(video_notices::heard_at.lt(now - REMEMBERED)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let rows = diesel::insert_into(video_notices::table)
            .values((
                video_notices::org_id.eq(self.org_id()),
                video_notices::id.eq(id.as_str()),
                video_notices::heard_at.eq(now),
            ))
            .on_conflict_do_nothing()
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows > 0)
    }

    async fn learn(
        &mut self,
        appointment: AppointmentId,
        stay: &Stay,
    ) -> Result<Learned, StoreError> {
        let begun = diesel::insert_into(video_stays::table)
            .values((
                video_stays::org_id.eq(self.org_id()),
                video_stays::appointment_id.eq(appointment.get()),
                video_stays::id.eq(stay.id.0),
                video_stays::person_id.eq(stay.person.as_uuid()),
                video_stays::joined_at.eq(stay.joined_at),
                video_stays::left_at.eq(stay.left_at),
            ))
            .on_conflict_do_nothing()
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        if begun > 0 {
            return Ok(Learned { joined: true, left: stay.left_at.is_some() });
        }
        let Some(left_at) = stay.left_at else { return Ok(Learned::default()) };
        let key = (self.org_id(), appointment.get(), stay.id.0);
        let open = video_stays::table.find(key).filter(video_stays::left_at.is_null());
        let ended = diesel::update(open)
            .set(video_stays::left_at.eq(left_at))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(Learned { joined: false, left: ended > 0 })
    }

    async fn stays(&mut self, appointment: AppointmentId) -> Result<Vec<Stay>, StoreError> {
        let rows: Vec<StayRow> = video_stays::table
            .filter(video_stays::appointment_id.eq(appointment.get()))
            .order((video_stays::joined_at, video_stays::id))
            .select((
                video_stays::id,
                video_stays::person_id,
                video_stays::joined_at,
                video_stays::left_at,
            ))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows.into_iter().map(stay).collect())
    }

    async fn stays_of(
        &mut self,
        appointments: &[AppointmentId],
    ) -> Result<Vec<(AppointmentId, Stay)>, StoreError> {
        let wanted: Vec<i64> = appointments.iter().map(|id| id.get()).collect();
        let rows: Vec<(i64, StayRow)> = video_stays::table
            .filter(video_stays::appointment_id.eq_any(wanted))
            .order((video_stays::appointment_id, video_stays::joined_at, video_stays::id))
            .select((
                video_stays::appointment_id,
                (
                    video_stays::id,
                    video_stays::person_id,
                    video_stays::joined_at,
                    video_stays::left_at,
                ),
            ))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter()
            .map(|(id, row)| {
                let id = AppointmentId::new(id);
                Ok((id.map_err(|_| unreadable("video_stays.appointment_id"))?, stay(row)))
            })
            .collect()
    }
}

type StayRow = (Uuid, Uuid, DateTime<Utc>, Option<DateTime<Utc>>);

fn stay((id, person, joined_at, left_at): StayRow) -> Stay {
    Stay { id: StayId(id), person: PersonId::from_uuid(person), joined_at, left_at }
}

definer_call! {
    /// The appointment whose room has this name.
    ResolveVideoRoom<'a> {
        name: &'a str => Text,
    } = "resolve_video_room" -> (BigInt, BigInt)
}

/// The names of rooms in PostgreSQL: each names its own organisation and appointment.
#[derive(Clone)]
pub struct PgRoomNames {
    database: Database,
}

impl PgRoomNames {
    /// The names kept in `database`, as the role that serves requests.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ClaimSource for PgRoomNames {
    type Key = RoomName;
    type Row = AppointmentId;

    async fn claim(&self, key: &RoomName) -> Result<Vec<Found<AppointmentId>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ResolveVideoRoom { name: key.as_str() };
        let rows: Vec<(i64, i64)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, appointment)| {
                Ok(Found {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| unreadable("video_rooms.org_id"))?,
                    actor: Actor::System,
                    row: AppointmentId::new(appointment)
                        .map_err(|_| unreadable("video_rooms.appointment_id"))?,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}
