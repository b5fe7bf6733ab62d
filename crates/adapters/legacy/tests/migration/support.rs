use std::sync::Arc;

use restartix_kernel::{SystemClock, SystemRandom};
use restartix_legacy::report::Report;
use restartix_legacy::{Mapping, Migration, MigrationError, Objects, Settings, Unwatched};
use restartix_storage::memory::MemoryObjects;
use restartix_storage::{EicarScanner, ForeignKey};
use restartix_testkit::{TestDatabase, migrated_rows, sql, tls_connector};

/// The mapping that comes along, as a text to edit.
pub(crate) const MAPPING: &str = include_str!("../../src/mapping.toml");

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../../fixtures/legacy/", $name))
    };
}

/// Two legacy databases, a platform, and a bucket.
pub(crate) struct World {
    pub(crate) strapi: TestDatabase,
    pub(crate) intakes: TestDatabase,
    pub(crate) platform: TestDatabase,
    pub(crate) objects: Arc<MemoryObjects>,
    pub(crate) mapping: String,
    pub(crate) accepted: Vec<String>,
}

impl World {
    /// The fixtures, and an empty platform whose new ids are the same each time.
    pub(crate) async fn new() -> Self {
        let strapi = TestDatabase::blank().await.unwrap();
        sql(&strapi, fixture!("strapi_schema.sql")).await.unwrap();
        sql(&strapi, fixture!("strapi.sql")).await.unwrap();
        let intakes = TestDatabase::blank().await.unwrap();
        sql(&intakes, fixture!("intakes_schema.sql")).await.unwrap();
        sql(&intakes, fixture!("intakes.sql")).await.unwrap();
        let platform = TestDatabase::create().await.unwrap();
        let seed = "INSERT INTO legacy.run (seed) VALUES (repeat('seed', 16))";
        sql(&platform, seed).await.unwrap();
        let objects = Arc::new(MemoryObjects::new(Arc::new(SystemClock)));
        for (name, bytes) in [
            ("radiografie_1.pdf", &b"%PDF-1.4 radiografie %%EOF"[..]),
            ("plan_2.pdf", b"%PDF-1.4 plan %%EOF"),
            ("logo_4.svg", b"<svg/>"),
            ("nobodys_5.pdf", b"%PDF-1.4 nobody %%EOF"),
            ("acord_6.pdf", b"%PDF-1.4 acord %%EOF"),
            ("semnatura_7.png", b"\x89PNG\r\n\x1a\n and so on\0\0\0\0IEND\xaeB`\x82"),
            ("page_8.pdf", b"<html><script>"),
            ("up_9.pdf", b"%PDF-1.4 up %%EOF"),
        ] {
            let key = ForeignKey::new(&format!("strapi/{name}")).unwrap();
            objects.place_foreign(&key, bytes.into());
        }
        let (mapping, accepted) = (MAPPING.to_owned(), Vec::new());
        Self { strapi, intakes, platform, objects, mapping, accepted }
    }

    /// The fixtures without what cannot be loaded.
    pub(crate) async fn sound() -> Self {
        let mut world = Self::new().await;
        let report = world.migration().plan().await.unwrap();
        world.accepted = report.findings.into_iter().map(|one| one.reason).collect();
        let unmapped = ["checksum_mismatch", "missing_object", "type_mismatch"];
        world.accepted.extend(unmapped.map(str::to_owned));
        world
    }

    pub(crate) fn migration(&self) -> Migration {
        let settings = Settings {
            strapi: self.strapi.url("postgres"),
            intakes: self.intakes.url("postgres"),
            privileged: Some([self.strapi.url("postgres"), self.intakes.url("postgres")]),
            target: self.platform.url("core_migrator"),
            tls: tls_connector(None).unwrap(),
            mapping: Mapping::parse(&self.mapping).unwrap(),
            objects: Some(Objects {
                import: self.objects.clone(),
                store: self.objects.clone(),
                scanner: Arc::new(EicarScanner),
            }),
            accepted: self.accepted.clone(),
        };
        Migration::new(settings, Arc::new(Unwatched), Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    pub(crate) async fn load(&self) -> Result<Report, MigrationError> {
        self.migration().load().await
    }

    /// Everything that the migration writes.
    pub(crate) async fn dump(&self) -> String {
        migrated_rows(&self.platform).await.unwrap()
    }

    /// One column of a query of the platform, above row-level security.
    pub(crate) async fn column(&self, query: &str) -> Vec<String> {
        let client = self.platform.client().await.unwrap();
        let rows = client.query(query, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// A report without what differs from run to run.
pub(crate) fn steady(report: &Report) -> serde_json::Value {
    let mut value = serde_json::to_value(report).unwrap();
    value.as_object_mut().unwrap().remove("seconds");
    value
}
