//! What is compared with the provider's account, across organisations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, StoreError};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId};
use restartix_video::{RoomName, Window};
use restartix_workflows::{KeptRoom, OpenCall, OpenCalls, RoomDuties, RoomDuty};

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};

definer_call! {
    /// A page of the appointments by video, with the rooms that are kept for them.
    ListRoomDuties<'a> {
        after: DateTime<Utc> => Timestamptz,
        after_org: &'a i64 => BigInt,
        after_id: &'a i64 => BigInt,
        limit: i32 => Integer,
    } = "list_room_duties" -> (
        BigInt, BigInt, Timestamptz, Text, Nullable<Text>, Nullable<Timestamptz>, Nullable<Timestamptz>,
    )
}

type DutyRow =
    (i64, i64, DateTime<Utc>, String, Option<String>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

definer_call! {
    /// The rooms in which somebody may be.
    ListOpenCalls<'a> {
        limit: &'a i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
    } = "list_open_calls" -> (BigInt, BigInt, Text, Bool)
}

/// The appointments of which there may be rooms, in PostgreSQL.
#[derive(Clone)]
pub struct PgRoomDuties {
    database: Database,
}

impl PgRoomDuties {
    /// Those kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

fn failed(error: StoreError) -> ClaimError {
    ClaimError(Box::new(error))
}

fn found<R>(organisation: i64, row: R) -> Result<Found<R>, StoreError> {
    let organisation = OrgId::new(organisation).map_err(|_| unreadable("appointments.org_id"))?;
    Ok(Found { organisation, actor: Actor::System, row })
}

fn appointment(id: i64) -> Result<AppointmentId, StoreError> {
    AppointmentId::new(id).map_err(|_| unreadable("appointments.id"))
}

fn room_name(name: &str) -> Result<RoomName, StoreError> {
    RoomName::new(name).map_err(|_| unreadable("video_rooms.name"))
}

fn duty(row: DutyRow) -> Result<Found<RoomDuty>, StoreError> {
    let (organisation, id, ends_at, standing, name, opens_at, closes_at) = row;
    let kept = match (name, opens_at, closes_at) {
        (Some(name), Some(opens_at), Some(closes_at)) => {
            Some(KeptRoom { name: room_name(&name)?, window: Window { opens_at, closes_at } })
        }
        _ => None,
    };
    let standing = standing.parse().map_err(|_| unreadable("appointments.status"))?;
    found(organisation, RoomDuty { appointment: appointment(id)?, ends_at, standing, kept })
}

#[async_trait]
impl ClaimSource for PgRoomDuties {
    type Key = RoomDuties;
    type Row = RoomDuty;

    async fn claim(&self, key: &RoomDuties) -> Result<Vec<Found<RoomDuty>>, ClaimError> {
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ListRoomDuties {
            after: key.after,
            after_org: &key.after_place.map_or(0, |(organisation, _)| organisation.get()),
            after_id: &key.after_place.map_or(0, |(_, id)| id.get()),
            limit: i32::from(key.limit),
        };
        let rows: Vec<DutyRow> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter().map(duty).collect::<Result<_, _>>().map_err(failed)
    }
}

/// The rooms in which somebody may be, in PostgreSQL.
#[derive(Clone)]
pub struct PgOpenCalls {
    database: Database,
}

impl PgOpenCalls {
    /// Those kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ClaimSource for PgOpenCalls {
    type Key = OpenCalls;
    type Row = OpenCall;

    async fn claim(&self, key: &OpenCalls) -> Result<Vec<Found<OpenCall>>, ClaimError> {
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ListOpenCalls { limit: &i32::from(key.limit), now: key.now };
        let rows: Vec<(i64, i64, String, bool)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, id, name, occupied)| {
                let (appointment, room) = (appointment(id)?, room_name(&name)?);
                found(organisation, OpenCall { appointment, room, occupied })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}
