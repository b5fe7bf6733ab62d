//! What was recorded of visits.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, FileId, PersonId, RecordingId, StoreError};
use restartix_tenancy::{Actor, Change, ClaimError, ClaimSource, Found, OrgId, Version};
use restartix_video::{FootageId, Recording, Recordings};
use restartix_workflows::{DueRecording, DueRecordings};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::recordings;
use crate::unit::{PgWork, changed};

#[derive(Queryable, Selectable)]
#[diesel(table_name = recordings)]
struct RecordingRow {
    id: Uuid,
    appointment_id: i64,
    state: String,
    footage_id: Option<String>,
    file_id: Option<Uuid>,
    seconds: Option<i32>,
    requested_by: Option<Uuid>,
    requested_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    version: i32,
}

impl TryFrom<RecordingRow> for Recording {
    type Error = StoreError;

    fn try_from(row: RecordingRow) -> Result<Self, StoreError> {
        let footage = row.footage_id.map(|name| FootageId::new(&name)).transpose();
        Ok(Self {
            id: RecordingId::from_uuid(row.id),
            appointment: AppointmentId::new(row.appointment_id)
                .map_err(|_| unreadable("recordings.appointment_id"))?,
            state: row.state.parse().map_err(|_| unreadable("recordings.state"))?,
            footage: footage.map_err(|_| unreadable("recordings.footage_id"))?,
            file: row.file_id.map(FileId::from_uuid),
            seconds: row.seconds.map(|seconds| u32::try_from(seconds).unwrap_or_default()),
            requested_by: row.requested_by.map(PersonId::from_uuid),
            requested_at: row.requested_at,
            due_at: row.due_at,
            version: Version::new(row.version).ok_or_else(|| unreadable("recordings.version"))?,
        })
    }
}

fn seconds(recording: &Recording) -> Option<i32> {
    recording.seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX))
}

/// The most recordings of one appointment that are read.
const MOST: i64 = 100;

#[async_trait]
impl Recordings for PgWork {
    async fn of(&mut self, appointment: AppointmentId) -> Result<Vec<Recording>, StoreError> {
        let rows: Vec<RecordingRow> = recordings::table
            .filter(recordings::appointment_id.eq(appointment.get()))
            .order(recordings::id)
            .limit(MOST)
            .select(RecordingRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(Recording::try_from).collect()
    }

    async fn find(&mut self, id: RecordingId) -> Result<Option<Recording>, StoreError> {
        let row: Option<RecordingRow> = recordings::table
            .find((self.org_id(), id.as_uuid()))
            .select(RecordingRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Recording::try_from).transpose()
    }

    async fn add(&mut self, recording: &Recording) -> Result<(), StoreError> {
        diesel::insert_into(recordings::table)
            .values((
                recordings::org_id.eq(self.org_id()),
                recordings::id.eq(recording.id.as_uuid()),
                recordings::appointment_id.eq(recording.appointment.get()),
                recordings::state.eq(recording.state.as_str()),
                recordings::footage_id.eq(recording.footage.as_ref().map(FootageId::as_str)),
                recordings::file_id.eq(recording.file.map(FileId::as_uuid)),
                recordings::seconds.eq(seconds(recording)),
                recordings::requested_by.eq(recording.requested_by.map(PersonId::as_uuid)),
                recordings::requested_at.eq(recording.requested_at),
                recordings::due_at.eq(recording.due_at),
                recordings::version.eq(recording.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn update(&mut self, recording: &Recording) -> Result<Change, StoreError> {
        let key = (self.org_id(), recording.id.as_uuid());
        let rows = diesel::update(recordings::table.find(key))
            .filter(recordings::version.eq(recording.version.get() - 1))
            .set((
                recordings::state.eq(recording.state.as_str()),
                recordings::footage_id.eq(recording.footage.as_ref().map(FootageId::as_str)),
                recordings::file_id.eq(recording.file.map(FileId::as_uuid)),
                recordings::seconds.eq(seconds(recording)),
                recordings::due_at.eq(recording.due_at),
                recordings::version.eq(recording.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let there = rows > 0
            || diesel::select(exists(recordings::table.find(key)))
                .get_result(self.tx())
                .await
                .map_err(store_error)?;
        Ok(changed(rows, there))
    }
}

definer_call! {
    /// A batch of recordings that are due.
    ClaimRecordings<'a> {
        limit: &'a i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_recordings" -> (BigInt, SqlUuid, Integer)
}

/// The recordings in PostgreSQL that somebody has to look after.
#[derive(Clone)]
pub struct PgDueRecordings {
    database: Database,
}

impl PgDueRecordings {
    /// The recordings kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ClaimSource for PgDueRecordings {
    type Key = DueRecordings;
    type Row = DueRecording;

    async fn claim(&self, key: &DueRecordings) -> Result<Vec<Found<DueRecording>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let limit = i32::from(key.limit);
        let call = ClaimRecordings { limit: &limit, now: key.now, until: key.now + key.lease };
        let rows: Vec<(i64, Uuid, i32)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, id, version)| {
                let row = DueRecording {
                    id: RecordingId::from_uuid(id),
                    version: Version::new(version)
                        .ok_or_else(|| unreadable("recordings.version"))?,
                };
                Ok(Found {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| unreadable("recordings.org_id"))?,
                    actor: Actor::System,
                    row,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}
