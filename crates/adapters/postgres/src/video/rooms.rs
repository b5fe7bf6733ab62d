//! Video rooms and the codes that open them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, PersonId, StoreError, UserId};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_video::{JoinTicket, Room, RoomName, Rooms, Window};
use restartix_workflows::JoinKey;
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::{join_codes, video_rooms};
use crate::unit::PgWork;

/// Name, who chose it, where, from when, until when, whether it may be recorded.
type RoomRow = (String, String, String, DateTime<Utc>, DateTime<Utc>, bool);

#[async_trait]
impl Rooms for PgWork {
    async fn find(&mut self, appointment: AppointmentId) -> Result<Option<Room>, StoreError> {
        let row: Option<RoomRow> = video_rooms::table
            .find((self.org_id(), appointment.get()))
            .select((
                video_rooms::name,
                video_rooms::naming,
                video_rooms::url,
                video_rooms::opens_at,
                video_rooms::closes_at,
                video_rooms::recorded,
            ))
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(|(name, naming, url, opens_at, closes_at, recorded)| {
            let name = RoomName::new(&name).map_err(|_| unreadable("video_rooms.name"))?;
            let naming = naming.parse().map_err(|_| unreadable("video_rooms.naming"))?;
            Ok(Room { name, naming, url, window: Window { opens_at, closes_at }, recorded })
        })
        .transpose()
    }

    async fn keep(&mut self, appointment: AppointmentId, room: &Room) -> Result<(), StoreError> {
        let state = (
            video_rooms::name.eq(room.name.as_str()),
            video_rooms::naming.eq(room.naming.as_str()),
            video_rooms::url.eq(&room.url),
            video_rooms::opens_at.eq(room.window.opens_at),
            video_rooms::closes_at.eq(room.window.closes_at),
            video_rooms::recorded.eq(room.recorded),
        );
        diesel::insert_into(video_rooms::table)
            .values((
                video_rooms::org_id.eq(self.org_id()),
                video_rooms::appointment_id.eq(appointment.get()),
                state,
            ))
            .on_conflict((video_rooms::org_id, video_rooms::appointment_id))
            .do_update()
            .set(state)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn forget(&mut self, appointment: AppointmentId) -> Result<bool, StoreError> {
        // The tickets go with it: their foreign key says so.
        let key = (self.org_id(), appointment.get());
        let rows = diesel::delete(video_rooms::table.find(key))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows > 0)
    }

    async fn issue(&mut self, ticket: &JoinTicket, now: DateTime<Utc>) -> Result<(), StoreError> {
        diesel::delete(join_codes::table.filter(join_codes::expires_at.le(now)))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        diesel::insert_into(join_codes::table)
            .values((
                join_codes::org_id.eq(self.org_id()),
                join_codes::code_hash.eq(ticket.code.as_bytes().as_slice()),
                join_codes::appointment_id.eq(ticket.appointment.get()),
                join_codes::person_id.eq(ticket.person.as_uuid()),
                join_codes::expires_at.eq(ticket.expires_at),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }
}

definer_call! {
    /// The appointment and the member behind a join code.
    ResolveJoinCode<'a> {
        code_hash: &'a [u8] => Binary,
        now: DateTime<Utc> => Timestamptz,
    } = "resolve_join_code" -> (BigInt, BigInt, SqlUuid, SqlUuid, Text)
}

/// The join codes in PostgreSQL: each names its own organisation, appointment and member.
#[derive(Clone)]
pub struct PgJoinCodes {
    database: Database,
}

impl PgJoinCodes {
    /// The codes kept in `database`, as the role that serves requests.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ClaimSource for PgJoinCodes {
    type Key = JoinKey;
    type Row = AppointmentId;

    async fn claim(&self, key: &JoinKey) -> Result<Vec<Found<AppointmentId>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ResolveJoinCode { code_hash: key.code.as_bytes(), now: key.now };
        let rows: Vec<(i64, i64, Uuid, Uuid, String)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, appointment, user, person, role)| {
                Ok(Found {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| unreadable("join_codes.org_id"))?,
                    actor: Actor::User {
                        id: UserId::from_uuid(user),
                        person: PersonId::from_uuid(person),
                        role: role.parse().map_err(|_| unreadable("memberships.role"))?,
                    },
                    row: AppointmentId::new(appointment)
                        .map_err(|_| unreadable("join_codes.appointment_id"))?,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}
