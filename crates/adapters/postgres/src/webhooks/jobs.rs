use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{StoreError, WebhookEndpointId, WebhookJobId};
use restartix_webhooks::{Job, JobStatus, Jobs};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::webhook_jobs as jobs;
use crate::unit::PgWork;

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
struct JobRow {
    id: Uuid,
    endpoint_id: Uuid,
    first_seq: i64,
    last_seq: i64,
    next_seq: i64,
    queued: i64,
    status: String,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: WebhookJobId::from_uuid(row.id),
            endpoint: WebhookEndpointId::from_uuid(row.endpoint_id),
            first: row.first_seq,
            last: row.last_seq,
            next: row.next_seq,
            queued: u64::try_from(row.queued).unwrap_or_default(),
            status: row.status.parse().map_err(|_| unreadable("webhook_jobs.status"))?,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }
}

#[async_trait]
impl Jobs for PgWork {
    async fn begin(&mut self, job: &Job) -> Result<(), StoreError> {
        let row = (
            jobs::org_id.eq(self.org_id()),
            jobs::id.eq(job.id.as_uuid()),
            jobs::endpoint_id.eq(job.endpoint.as_uuid()),
            jobs::first_seq.eq(job.first),
            jobs::last_seq.eq(job.last),
            jobs::next_seq.eq(job.next),
            jobs::status.eq(job.status.as_str()),
            jobs::due_at.eq(job.created_at),
            jobs::created_at.eq(job.created_at),
            jobs::ended_at.eq(job.ended_at),
        );
        diesel::insert_into(jobs::table)
            .values(row)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn find(&mut self, id: WebhookJobId) -> Result<Option<Job>, StoreError> {
        let row: Option<JobRow> = jobs::table
            .find((self.org_id(), id.as_uuid()))
            .select(JobRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(Job::try_from).transpose()
    }

    async fn running(&mut self, endpoint: WebhookEndpointId) -> Result<usize, StoreError> {
        let running: i64 = jobs::table
            .filter(jobs::org_id.eq(self.org_id()))
            .filter(jobs::endpoint_id.eq(endpoint.as_uuid()))
            .filter(jobs::status.eq(JobStatus::Running.as_str()))
            .count()
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        Ok(usize::try_from(running).unwrap_or(usize::MAX))
    }
}
