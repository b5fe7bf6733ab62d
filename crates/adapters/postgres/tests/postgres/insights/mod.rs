//! Insights in PostgreSQL: the engine passes the suite of its twin, and what is computed step by step,
//! with interruptions, is what is computed at once.
#![expect(clippy::indexing_slicing, reason = "tests fail by panicking")]

mod history;
mod interruptions;

use std::sync::Arc;

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::Result;
use history::History;
use restartix_kernel::{Clock, ManualClock, SeededRandom};
use restartix_postgres::{PgInsights, PgStalePatients, PgUnits};
use restartix_telemetry::conformance::{self, Callers, InsightsScene};
use restartix_tenancy::Role;
use restartix_testkit::{TestDatabase, sql};
use restartix_workflows::{Desk, InsightKeeper, Worker};

/// A keeper as the server runs it.
fn keeper(
    database: &TestDatabase,
    clock: &Arc<ManualClock>,
) -> Result<InsightKeeper<PgStalePatients>> {
    let pool = database.pool("core_worker", 2)?;
    let clock: Arc<dyn Clock> = clock.clone();
    let desk =
        Desk::new(Arc::new(PgUnits::new(pool.clone())), clock, Arc::new(SeededRandom::new(3)));
    Ok(InsightKeeper::new(desk, PgStalePatients::new(pool)))
}

/// Rounds until nothing is stale.
async fn settle(keeper: &dyn Worker) -> Result<()> {
    while keeper.round().await?.claimed > 0 {}
    Ok(())
}

#[tokio::test]
async fn the_engine_in_postgresql_keeps_the_rules() -> Result<()> {
    let (database, random) = (three_clinics().await?, SeededRandom::new(1));
    let member = async |clinic, subject, role| {
        anyhow::Ok(add_member(&database, clinic, subject, role, &random).await?.person)
    };
    member(1, "admin", Role::Admin).await?;
    member(2, "elsewhere", Role::Admin).await?;
    let scene = InsightsScene {
        specialist: member(1, "specialist", Role::Specialist).await?,
        other_specialist: member(1, "other", Role::Specialist).await?,
        patients: [
            member(1, "patient", Role::Patient).await?,
            member(1, "second", Role::Patient).await?,
            member(1, "third", Role::Patient).await?,
            member(1, "fourth", Role::Patient).await?,
        ],
    };
    let mut history = History::new(&database, scene.specialist).await?;
    for (patient, record) in scene.records() {
        history.write(patient, &record).await?;
    }
    for (specialist, patient) in scene.care() {
        let care = format!(
            "INSERT INTO care_relations (org_id, specialist_id, patient_id, valid_from)
             VALUES (1, '{specialist}', '{patient}', '2026-01-01')"
        );
        sql(&database, &care).await?;
    }
    settle(&keeper(&database, &Arc::new(ManualClock::at(InsightsScene::now())))?).await?;

    let engine = PgInsights::new(database.pool("core_app", 2)?);
    let [admin, specialist, patient, elsewhere] = [
        sign_in(&database, "admin").await?,
        sign_in(&database, "specialist").await?,
        sign_in(&database, "patient").await?,
        sign_in(&database, "elsewhere").await?,
    ];
    let callers = Callers {
        admin: admin.tenant()?,
        specialist: specialist.tenant()?,
        patient: patient.tenant()?,
        elsewhere: elsewhere.tenant()?,
    };
    conformance::insights(&engine, &scene, callers).await;
    Ok(())
}
