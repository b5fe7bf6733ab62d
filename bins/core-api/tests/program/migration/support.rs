use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use restartix_kernel::ExposeSecret;
use restartix_sandbox::s3::{Options, S3 as StandIn};
use restartix_testkit::{TestDatabase, migrated_rows, sql};
use serde_json::Value;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../../fixtures/legacy/", $name))
    };
}

const BUCKET: &str = "clinic-files";
const FILES: u32 = 40;

/// Two generated legacy databases, a platform, and a bucket.
pub(crate) struct World {
    pub(crate) strapi: TestDatabase,
    pub(crate) intakes: TestDatabase,
    pub(crate) platform: TestDatabase,
    stand_in: StandIn,
}

impl World {
    pub(crate) async fn new(bookings: u32) -> Self {
        let sized =
            format!("SET generate.bookings = '{bookings}'; SET generate.files = '{FILES}';");
        let strapi = TestDatabase::blank().await.unwrap();
        sql(&strapi, fixture!("strapi_schema.sql")).await.unwrap();
        sql(&strapi, &format!("{sized} {}", fixture!("generate_strapi.sql"))).await.unwrap();
        let intakes = TestDatabase::blank().await.unwrap();
        sql(&intakes, fixture!("intakes_schema.sql")).await.unwrap();
        sql(&intakes, &format!("{sized} {}", fixture!("generate_intakes.sql"))).await.unwrap();
        let platform = TestDatabase::create().await.unwrap();
        // The new ids are the same each time.
        let seed = "INSERT INTO legacy.run (seed) VALUES (repeat('seed', 16))";
        sql(&platform, seed).await.unwrap();
        let stand_in = StandIn::start(Options::default()).await.unwrap();
        let world = Self { strapi, intakes, platform, stand_in };
        let made = world.command(&["bucket", "apply"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        for number in 1..=FILES {
            let key = format!("strapi/gen_{number}.pdf");
            assert!(world.stand_in.leave(
                BUCKET,
                &key,
                format!("%PDF-1.4 {number} %%EOF").as_bytes()
            ));
        }
        world
    }

    /// The same sources and bucket, with a platform of its own as it is now.
    pub(crate) async fn platform_copy(&self) -> TestDatabase {
        self.platform.copy().await.unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_on(&self.platform, arguments)
    }

    pub(crate) fn command_on(&self, platform: &TestDatabase, arguments: &[&str]) -> Command {
        let url = |database: &TestDatabase, role| database.url(role).expose_secret().to_owned();
        let mut command = Command::new(env!("CARGO_BIN_EXE_core-api"));
        command
            .args(arguments)
            .env("CORE_PROFILE", "development")
            .env("CORE_LOG__LEVEL", "warn")
            .env("CORE_DATABASE__MIGRATOR_URL", url(platform, "core_migrator"))
            .env("CORE_LEGACY__STRAPI_URL", url(&self.strapi, "postgres"))
            .env("CORE_LEGACY__INTAKES_URL", url(&self.intakes, "postgres"))
            .env("CORE_LEGACY__STRAPI_PRIVILEGED_URL", url(&self.strapi, "postgres"))
            .env("CORE_LEGACY__INTAKES_PRIVILEGED_URL", url(&self.intakes, "postgres"))
            .env("CORE_STORAGE__ENDPOINT", self.stand_in.url())
            .env("CORE_STORAGE__PATH_STYLE", "true")
            .env("CORE_STORAGE__REGION", "eu-central-1")
            .env("CORE_STORAGE__BUCKET", BUCKET)
            .env("CORE_STORAGE__ACCESS_KEY_ID", "sandbox-access-key")
            .env("CORE_STORAGE__SECRET_ACCESS_KEY", "sandbox-secret-access-key")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a phase to its end, and answers its report.
    pub(crate) fn phase(&self, arguments: &[&str]) -> (Output, Value) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let all = [&["migrate-legacy"], arguments, &["--json", path]].concat();
        let output = self.command(&all).output().unwrap();
        let report = std::fs::read_to_string(path).unwrap();
        let report = serde_json::from_str(&report).unwrap_or(Value::Null);
        (output, report)
    }
}

/// Kills a phase after `wait`, unless it has ended before; whether it was killed.
pub(crate) fn killed_after(mut command: Command, wait: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(wait);
    let killed = child.try_wait().unwrap().is_none();
    // SIGKILL, on every system that the tests run on.
    let _ = child.kill();
    child.wait().unwrap();
    killed
}

/// What the migration writes, and what each clinic says of it: it was made once, and says so once.
pub(crate) async fn dump(platform: &TestDatabase) -> String {
    let mut all = migrated_rows(platform).await.unwrap();
    let lines = "SELECT org_id || ' ' || operation || ' ' || count(*) FROM audit_events GROUP BY org_id, operation ORDER BY 1";
    for row in platform.client().await.unwrap().query(lines, &[]).await.unwrap() {
        writeln!(all, "audit {}", row.get::<_, String>(0)).unwrap();
    }
    all
}
