use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use restartix_kernel::{ExerciseId, Page, PageRequest, PersonId, ProgramId, StoreError};
use restartix_telemetry::{
    Pause, Plan, Prescription, Program, ProgramFilter, ProgramHistory, ProgramStatus, Programs,
};
use restartix_tenancy::{Change, Reach, Version};
use uuid::Uuid;

use crate::error::{store_error, unreadable};
use crate::schema::{
    care_relations, program_exercises as exercises, program_pauses as pauses, programs,
};
use crate::unit::{PgWork, after, changed};

diesel::define_sql_function! {
    /// The later of two instants.
    fn greatest(one: Timestamptz, other: Timestamptz) -> Timestamptz;
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = programs)]
struct ProgramRow {
    id: Uuid,
    patient_id: Uuid,
    starts_on: NaiveDate,
    status: String,
    ended_at: Option<DateTime<Utc>>,
    version: i32,
}

fn program(row: &ProgramRow, plan: Option<Plan>) -> Result<Program, StoreError> {
    Ok(Program {
        id: ProgramId::from_uuid(row.id),
        patient: PersonId::from_uuid(row.patient_id),
        plan: plan.ok_or_else(|| unreadable("programs.revision"))?,
        starts_on: row.starts_on,
        status: row.status.parse().map_err(|_| unreadable("programs.status"))?,
        ended_at: row.ended_at,
        version: version(row.version)?,
    })
}

fn version(value: i32) -> Result<Version, StoreError> {
    Version::new(value).ok_or_else(|| unreadable("programs.version"))
}

fn within(reach: Reach) -> programs::BoxedQuery<'static, diesel::pg::Pg> {
    let all = programs::table.into_boxed();
    match reach {
        Reach::Organisation => all,
        Reach::Own(person) => all.filter(programs::patient_id.eq(person.as_uuid())),
        Reach::TreatedBy(specialist) => {
            let treated = care_relations::table
                .filter(care_relations::specialist_id.eq(specialist.as_uuid()))
                .filter(care_relations::patient_id.eq(programs::patient_id))
                .filter(care_relations::valid_until.is_null());
            all.filter(exists(treated))
        }
    }
}

impl PgWork {
    async fn with_plans(&mut self, rows: &[ProgramRow]) -> Result<Vec<Program>, StoreError> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let mut plans = self.latest_plans(&ids).await?;
        rows.iter().map(|row| program(row, plans.remove(&row.id))).collect()
    }

    /// What an update of a programme over the version before came to.
    async fn came_to(&mut self, id: ProgramId, rows: usize) -> Result<Change, StoreError> {
        let key = (self.org_id(), id.as_uuid());
        let there = rows > 0
            || diesel::select(exists(programs::table.find(key)))
                .get_result(self.tx())
                .await
                .map_err(store_error)?;
        Ok(changed(rows, there))
    }
}

#[async_trait]
impl Programs for PgWork {
    async fn add(&mut self, program: &Program) -> Result<(), StoreError> {
        diesel::insert_into(programs::table)
            .values((
                programs::org_id.eq(self.org_id()),
                programs::id.eq(program.id.as_uuid()),
                programs::patient_id.eq(program.patient.as_uuid()),
                programs::starts_on.eq(program.starts_on),
                programs::status.eq(program.status.as_str()),
                programs::ended_at.eq(program.ended_at),
                programs::revision.eq(program.version.get()),
                programs::version.eq(program.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        self.add_revision(program, program.starts_on).await.map_err(store_error)
    }

    async fn find(&mut self, reach: Reach, id: ProgramId) -> Result<Option<Program>, StoreError> {
        let row: Option<ProgramRow> = within(reach)
            .filter(programs::id.eq(id.as_uuid()))
            .select(ProgramRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        let Some(row) = row else { return Ok(None) };
        Ok(self.with_plans(&[row]).await?.pop())
    }

    async fn list(
        &mut self,
        reach: Reach,
        filter: &ProgramFilter,
        page: &PageRequest,
    ) -> Result<Page<Program>, StoreError> {
        let mut query = within(reach);
        if let Some(patient) = filter.patient {
            query = query.filter(programs::patient_id.eq(patient.as_uuid()));
        }
        if let Some(status) = filter.status {
            query = query.filter(programs::status.eq(status.as_str()));
        }
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(programs::id.gt(id));
        }
        let rows: Vec<ProgramRow> = query
            .order(programs::id)
            .limit(page.limit.one_more())
            .select(ProgramRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let found = self.with_plans(&rows).await?;
        Ok(Page::of_one_more(found, page.limit, |program| program.id.to_string()))
    }

    async fn revise(
        &mut self,
        program: &Program,
        effective_on: NaiveDate,
    ) -> Result<Change, StoreError> {
        let kept = programs::table.find((self.org_id(), program.id.as_uuid()));
        let rows = diesel::update(kept)
            .filter((programs::version + 1).eq(program.version.get()))
            .set((
                programs::revision.eq(program.version.get()),
                programs::version.eq(program.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        if rows > 0 {
            self.add_revision(program, effective_on).await.map_err(store_error)?;
        }
        self.came_to(program.id, rows).await
    }

    async fn set_status(
        &mut self,
        program: &Program,
        since: DateTime<Utc>,
    ) -> Result<Change, StoreError> {
        let (org_id, id) = (self.org_id(), program.id.as_uuid());
        let rows = diesel::update(programs::table.find((org_id, id)))
            .filter((programs::version + 1).eq(program.version.get()))
            .set((
                programs::status.eq(program.status.as_str()),
                programs::ended_at.eq(program.ended_at),
                programs::version.eq(program.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        if rows == 0 {
            return self.came_to(program.id, rows).await;
        }
        if program.status == ProgramStatus::Paused {
            diesel::insert_into(pauses::table)
                .values((
                    pauses::org_id.eq(org_id),
                    pauses::program_id.eq(id),
                    pauses::version.eq(program.version.get()),
                    pauses::paused_at.eq(since),
                ))
                .execute(self.tx())
                .await
                .map_err(store_error)?;
        } else {
            let open = pauses::table
                .filter(pauses::program_id.eq(id))
                .filter(pauses::resumed_at.is_null());
            diesel::update(open)
                .set(pauses::resumed_at.eq(greatest(pauses::paused_at, since).nullable()))
                .execute(self.tx())
                .await
                .map_err(store_error)?;
        }
        Ok(Change::Made)
    }

    async fn history(&mut self, id: ProgramId) -> Result<ProgramHistory, StoreError> {
        let revisions = self.revisions(id).await?;
        let rows: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = pauses::table
            .filter(pauses::program_id.eq(id.as_uuid()))
            .order(pauses::version)
            .select((pauses::paused_at, pauses::resumed_at))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let pauses = rows.into_iter().map(|(from, to)| Pause { from, to }).collect();
        Ok(ProgramHistory { revisions, pauses })
    }

    async fn prescriptions(
        &mut self,
        reach: Reach,
        programs: &[ProgramId],
    ) -> Result<Vec<Prescription>, StoreError> {
        if programs.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: BTreeSet<_> = programs.iter().map(|id| id.as_uuid()).collect();
        let rows: Vec<(Uuid, Uuid, i32)> = within(reach)
            .filter(programs::id.eq_any(wanted))
            .order(programs::id)
            .select((programs::id, programs::patient_id, programs::version))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let ids: Vec<_> = rows.iter().map(|(id, ..)| *id).collect();
        let asked: Vec<(Uuid, Uuid)> = exercises::table
            .filter(exercises::program_id.eq_any(ids))
            .select((exercises::program_id, exercises::exercise_id))
            .distinct()
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let mut known: BTreeMap<Uuid, BTreeSet<ExerciseId>> = BTreeMap::new();
        for (program, exercise) in asked {
            known.entry(program).or_default().insert(ExerciseId::from_uuid(exercise));
        }
        rows.into_iter()
            .map(|(id, patient, changes)| {
                Ok(Prescription {
                    program: ProgramId::from_uuid(id),
                    patient: PersonId::from_uuid(patient),
                    version: version(changes)?,
                    exercises: known.remove(&id).unwrap_or_default(),
                })
            })
            .collect()
    }
}
