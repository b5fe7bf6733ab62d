//! The probes of the catalogue over a database as `core-api migrate` leaves it.

use anyhow::{Result, ensure};
use restartix_isolation::{Target, catalogue, prove, run, terminal};
use restartix_testkit::TestDatabase;

async fn target() -> Result<(TestDatabase, Target)> {
    use restartix_kernel::ExposeSecret;
    let database = TestDatabase::create().await?;
    let target = Target::connect(database.url("postgres").expose_secret()).await?;
    Ok((database, target))
}

#[tokio::test]
async fn a_migrated_database_is_green() -> Result<()> {
    let (_database, target) = target().await?;
    let report = run(&catalogue::probes(), &target, &[], "2026-11-24", |_| ()).await;
    ensure!(report.is_green(), "\n{}", terminal(&report));
    Ok(())
}

#[tokio::test]
async fn every_mutation_of_the_catalogue_is_found_by_its_probe() -> Result<()> {
    let (_database, target) = target().await?;
    let proofs = prove(&catalogue::probes(), &target, "2026-11-24", |_| ()).await;
    let survivors: Vec<_> = proofs.iter().filter(|proof| proof.survived.is_some()).collect();
    ensure!(survivors.is_empty(), "{survivors:#?}");
    ensure!(proofs.len() >= 50, "only {} mutations", proofs.len());
    Ok(())
}
