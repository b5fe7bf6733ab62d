use async_trait::async_trait;
use chrono::TimeDelta;
use restartix_kernel::PersonId;
use restartix_telemetry::insights::{PatientRecord, StaleClaim, StalePatients, Week, roll_up};
use restartix_tenancy::{ClaimedRows, Tenant};

use crate::{Desk, Failure, Round, Worker};

/// Keeps what is computed of patients as it must be after what happened to them.
///
/// Whatever happens leaves a mark in its own transaction. The keeper computes the patient's weeks from
/// the earliest mark on, from what happened and not from what was computed before, and takes the marks
/// away in the same transaction: it may be killed at any point, and work twice, and the end is the
/// same. A mark for the week to come brings it back to programmes that are followed.
pub struct InsightKeeper<Q> {
    desk: Desk,
    queue: ClaimedRows<Q>,
}

impl<Q: StalePatients> InsightKeeper<Q> {
    /// Marks taken on at once: of one patient there may be many.
    const LIMIT: u16 = 256;
    /// How long a claim lasts: many times what computing a patient takes.
    const LEASE: TimeDelta = TimeDelta::seconds(30);

    /// A keeper over the patients of `queue`.
    pub fn new(desk: Desk, queue: Q) -> Self {
        Self { desk, queue: ClaimedRows::new(queue) }
    }

    async fn renew(&self, tenant: &Tenant, patient: PersonId) -> Result<(), Failure> {
        let now = self.desk.clock.now();
        self.desk
            .derive(tenant, async |work| {
                let Some(stale) = work.rollups().stale(patient).await? else { return Ok(()) };
                let since = Week::of(stale.since);
                let record = work.rollups().record(patient, since.monday()).await?;
                let record = record.ok_or(Failure::NotFound)?;
                let (rollup, again) = (roll_up(&record, since, now), asks_on(&record));
                let again = again.then(|| Week::at(now, record.zone).next().begins(record.zone));
                Ok(work.rollups().keep(patient, since, &rollup, &stale.marks, again).await?)
            })
            .await
    }
}

/// Whether the weeks to come have to be computed although nothing happens in them.
fn asks_on(record: &PatientRecord) -> bool {
    record.courses.iter().any(|course| course.ended_at.is_none())
}

#[async_trait(?Send)]
impl<Q: StalePatients> Worker for InsightKeeper<Q> {
    fn name(&self) -> &'static str {
        "insights"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        let claim = StaleClaim { limit: Self::LIMIT, now, lease: Self::LEASE };
        let rows = self.queue.claim(&claim).await?;
        let (claimed, mut postponed) = (rows.len(), 0);
        for row in rows {
            // One whose lease runs out is taken on again; the others go on.
            let renewed = self.queue.run(row, async |tenant, patient| {
                let renewed = self.renew(tenant, patient).await;
                if let Err(failure) = &renewed {
                    let error: &dyn std::error::Error = failure;
                    let organisation = tenant.organisation().get();
                    tracing::warn!(organisation, error, "a patient's insights are not renewed yet");
                }
                renewed
            });
            postponed += usize::from(renewed.await.is_err());
        }
        Ok(Round { claimed, postponed })
    }
}
