//! The probes of behaviour over a database as `core-api migrate` leaves it.

use anyhow::{Result, ensure};
use restartix_isolation::{Target, behaviour, examine, prove, run, terminal};
use restartix_kernel::ExposeSecret;
use restartix_testkit::{TestDatabase, sql};

const TODAY: &str = "2026-11-24";

async fn target() -> Result<(TestDatabase, Target)> {
    let database = TestDatabase::create().await?;
    let target = Target::connect(database.url("postgres").expose_secret()).await?;
    Ok((database, target))
}

#[tokio::test]
async fn two_organisations_in_every_table_never_meet() -> Result<()> {
    let (_database, target) = target().await?;
    let report = run(&behaviour::probes(), &target, &[], TODAY, |_| ()).await;
    ensure!(report.is_green(), "\n{}", terminal(&report));
    Ok(())
}

#[tokio::test]
async fn every_mutation_of_behaviour_is_found_by_its_probe() -> Result<()> {
    let (_database, target) = target().await?;
    let proofs = prove(&behaviour::probes(), &target, TODAY, |_| ()).await;
    let survivors: Vec<_> = proofs.iter().filter(|proof| proof.survived.is_some()).collect();
    ensure!(survivors.is_empty(), "{survivors:#?}");
    Ok(())
}

/// Nobody edits a list: the table is there, so it is looked at.
#[tokio::test]
async fn a_new_table_without_a_policy_turns_the_reading_probe_red() -> Result<()> {
    let (database, target) = target().await?;
    sql(
        &database,
        "CREATE TABLE diary (org_id bigint NOT NULL REFERENCES organizations (id), id uuid, entry text NOT NULL,
           PRIMARY KEY (org_id, id));
         GRANT SELECT ON diary TO core_app",
    )
    .await?;
    let probes = behaviour::probes();
    let mut red = Vec::new();
    for probe in
        probes.iter().filter(|probe| ["BEH-01", "BEH-04", "BEH-05"].contains(&probe.about().id))
    {
        red.push(!examine(&**probe, &target, &[], TODAY).await.verdict.is_green());
    }
    ensure!(red == [true; 3], "{red:?}");
    Ok(())
}

/// Nothing of what was seeded stays, also after a probe that failed.
#[tokio::test]
async fn probes_leave_nothing_behind() -> Result<()> {
    let (database, target) = target().await?;
    sql(&database, "ALTER TABLE people ADD place point NOT NULL DEFAULT '(0,0)'").await?;
    let report = run(&behaviour::probes(), &target, &[], TODAY, |_| ()).await;
    ensure!(!report.is_green(), "a type that the generator does not know passed");
    sql(&database, "SELECT 1 / (count(*) = 0)::int FROM organizations").await
}
