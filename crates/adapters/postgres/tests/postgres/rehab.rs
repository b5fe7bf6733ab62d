//! The repositories of rehabilitation in PostgreSQL pass the suites that their twins pass.

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::Result;
use chrono::{DateTime, Utc};
use restartix_kernel::{EventId, ManualClock, SeededRandom};
use restartix_postgres::PgUnits;
use restartix_telemetry::conformance::{self, Case};
use restartix_tenancy::{Principal, Role};
use restartix_testkit::{TestDatabase, audit_line, sql};
use restartix_workflows::{Access, Aftermath, Care, UnitOfWork, Work};

struct Scene {
    units: PgUnits,
    one: Principal,
    two: Principal,
    case: Case,
    clock: ManualClock,
    random: SeededRandom,
    database: TestDatabase,
}

impl Scene {
    async fn new() -> Result<Self> {
        let (database, random) = (three_clinics().await?, SeededRandom::new(1));
        let now: DateTime<Utc> = "2026-03-02T08:00:00Z".parse()?;
        for (clinic, subject) in [(1, "admin-1"), (2, "admin-2")] {
            add_member(&database, clinic, subject, Role::Admin, &random).await?;
        }
        let specialist =
            add_member(&database, 1, "specialist", Role::Specialist, &random).await?.person;
        let patient = add_member(&database, 1, "patient", Role::Patient, &random).await?.person;
        let other_patient = add_member(&database, 1, "other", Role::Patient, &random).await?.person;
        let case = Case { specialist, patient, other_patient, now };
        let (one, two) =
            (sign_in(&database, "admin-1").await?, sign_in(&database, "admin-2").await?);
        let units = PgUnits::new(database.pool("core_app", 2)?);
        let clock = ManualClock::at(now);
        let scene = Self { units, one, two, case, clock, random, database };
        let mut work = scene.change().await?;
        let care = Some(Care { specialist, patient, since: now });
        work.leave(Aftermath { care, ..Aftermath::default() }).await?;
        scene.commit(work).await?;
        Ok(scene)
    }

    async fn change(&self) -> Result<Box<dyn Work>> {
        Ok(self.units.begin(self.one.tenant()?, Access::Change).await?)
    }

    async fn commit(&self, mut work: Box<dyn Work>) -> Result<()> {
        let id = EventId::fresh(&self.clock, &self.random);
        work.audit().record(audit_line(id, self.case.now)).await?;
        Ok(work.commit().await?)
    }
}

#[tokio::test]
async fn the_programmes_in_postgresql_keep_the_rules() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    let (case, clock, random) = (&scene.case, &scene.clock, &scene.random);
    let ids = conformance::programs(work.programs(), case, clock, random).await;
    scene.commit(work).await?;

    let mut elsewhere = scene.units.begin(scene.two.tenant()?, Access::Change).await?;
    conformance::programs_are_unseen(elsewhere.programs(), case, &ids).await;
    Ok(elsewhere.roll_back().await?)
}

#[tokio::test]
async fn the_rehabilitation_events_in_postgresql_keep_the_rules() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    let (case, clock, random) = (&scene.case, &scene.clock, &scene.random);
    let mine = case.program(case.patient, 1, clock, random);
    let others = case.program(case.other_patient, 1, clock, random);
    for program in [&mine, &others] {
        work.programs().add(program).await?;
    }
    conformance::rehab_events(work.rehab(), [&mine, &others], case, clock, random).await;
    scene.commit(work).await?;

    let mut elsewhere = scene.units.begin(scene.two.tenant()?, Access::Change).await?;
    conformance::rehab_events_are_unseen(elsewhere.rehab(), case).await;
    Ok(elsewhere.roll_back().await?)
}

#[tokio::test]
async fn an_event_of_another_patients_programme_is_refused_by_the_table() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    let (case, clock, random) = (&scene.case, &scene.clock, &scene.random);
    let others = case.program(case.other_patient, 1, clock, random);
    work.programs().add(&others).await?;
    scene.commit(work).await?;
    let statement = format!(
        "INSERT INTO rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, instrument, score)
         VALUES (1, '{}', '{}', '{}', 'outcome.recorded', now(), now(), 'pain', 1)",
        case.patient,
        EventId::fresh(clock, random),
        others.id,
    );
    assert!(sql(&scene.database, &statement).await.is_err());
    sql(
        &scene.database,
        &statement.replace(&case.patient.to_string(), &case.other_patient.to_string()),
    )
    .await
}
