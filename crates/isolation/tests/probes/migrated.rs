//! The probes over a database that the migration has filled from the legacy fixtures.

use std::sync::Arc;

use anyhow::{Result, ensure};
use restartix_isolation::{Target, behaviour, catalogue, run, terminal};
use restartix_kernel::{ExposeSecret, SystemClock, SystemRandom};
use restartix_legacy::{Mapping, Migration, Objects, Settings, Unwatched};
use restartix_storage::memory::MemoryObjects;
use restartix_storage::{EicarScanner, ForeignKey};
use restartix_testkit::{TestDatabase, sql, tls_connector};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/legacy/", $name))
    };
}

const TODAY: &str = "2026-11-26";

async fn migrated() -> Result<TestDatabase> {
    let (strapi, intakes) = (TestDatabase::blank().await?, TestDatabase::blank().await?);
    for (database, statements) in [
        (&strapi, fixture!("strapi_schema.sql")),
        (&strapi, fixture!("strapi.sql")),
        (&intakes, fixture!("intakes_schema.sql")),
        (&intakes, fixture!("intakes.sql")),
    ] {
        sql(database, statements).await?;
    }
    let platform = TestDatabase::create().await?;
    let objects = Arc::new(MemoryObjects::new(Arc::new(SystemClock)));
    for name in ["radiografie_1.pdf", "acord_6.pdf"] {
        let key = ForeignKey::new(&format!("strapi/{name}"));
        let Some(key) = key else { continue };
        objects.place_foreign(&key, "%PDF-1.4".into());
    }
    let settings = Settings {
        strapi: strapi.url("postgres"),
        intakes: intakes.url("postgres"),
        privileged: None,
        target: platform.url("core_migrator"),
        tls: tls_connector(None)?,
        mapping: Mapping::built_in()?,
        objects: Some(Objects {
            import: objects.clone(),
            store: objects,
            scanner: Arc::new(EicarScanner),
        }),
        accepted: Vec::new(),
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    Migration::new(settings, Arc::new(Unwatched), clock, random).load().await?;
    Ok(platform)
}

/// While the staging tables hold everybody's rows, as between `load` and `forget`.
#[tokio::test]
async fn every_probe_of_the_database_is_green_after_a_migration() -> Result<()> {
    let platform = migrated().await?;
    let target = Target::connect(platform.url("postgres").expose_secret()).await?;
    let loaded = target.catalogue().query_one("SELECT count(*) FROM people", &[]).await?;
    ensure!(loaded.get::<_, i64>(0) > 5, "nothing was loaded");
    let mut probes = catalogue::probes();
    probes.extend(behaviour::probes());
    let report = run(&probes, &target, &[], TODAY, |_| ()).await;
    ensure!(report.is_green(), "\n{}", terminal(&report));
    Ok(())
}
