use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_core_api::config::Environment;
use restartix_kernel::{Clock, ExposeSecret, SystemClock};
use restartix_sandbox::daily::{Daily, Options, Subscription};
use restartix_sandbox::s3::{self, S3};
use restartix_sandbox::telemetry::{self, Telemetry};
use restartix_testkit::{TestDatabase, TestRedis, free_port};
use serde_json::{Value, json};

use crate::client::{Client, wait_for};

/// What Daily signs its notices with.
pub(crate) const NOTICE_KEY: &str = "cmVzdGFydGl4LWxvY2FsLWRhaWx5LXdlYmhvb2sta2V5";

/// Where the clinics' files are.
pub(crate) const BUCKET: &str = "clinic-files";

/// Two clinics and everything that they need.
pub(crate) struct Stack {
    pub(crate) database: TestDatabase,
    pub(crate) redis: TestRedis,
    pub(crate) daily: Daily,
    pub(crate) s3: S3,
    pub(crate) telemetry: Telemetry,
    port: u16,
    server: Option<Child>,
    /// Settings beside the usual ones.
    more: Vec<(String, String)>,
}

/// A second server of the same clinics.
pub(crate) struct Peer {
    port: u16,
    server: Option<Child>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Peer {
    /// Where it is.
    pub(crate) fn base(&self) -> String {
        base(self.port)
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn serve(&mut self, stack: &Stack) -> Result<()> {
        self.server = Some(stack.start_server(self.port)?);
        Ok(())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.server);
    }
}

fn base(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn kill(server: &mut Option<Child>) {
    if let Some(mut server) = server.take() {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = server.kill();
        let _ = server.wait();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A clinic that is ready to be booked.
#[derive(Clone)]
pub(crate) struct Clinic {
    pub(crate) organisation: String,
    pub(crate) name: String,
    pub(crate) admin: Client,
    pub(crate) specialist: Client,
    pub(crate) patient: Client,
    pub(crate) admin_id: String,
    pub(crate) specialist_id: String,
    pub(crate) patient_id: String,
    pub(crate) kind: String,
}

impl Stack {
    /// Everything running, nobody there yet.
    pub(crate) async fn start() -> Result<Self> {
        Self::with_settings(&[]).await
    }

    /// As [`Stack::start`], with these settings besides.
    pub(crate) async fn with_settings(more: &[(&'static str, &str)]) -> Result<Self> {
        Self::start_with(Options::default(), more).await
    }

    /// As [`Stack::start`], where nobody is held back: for crowds.
    pub(crate) async fn start_for_crowds() -> Result<Self> {
        Self::start_with(Options::default(), &[("CORE_HTTP__RATE_LIMITS", "lifted")]).await
    }

    /// As [`Stack::start`], with Daily's stand-in so and with these settings besides.
    pub(crate) async fn start_with(daily: Options, more: &[(&'static str, &str)]) -> Result<Self> {
        let mut stack = Self::prepare(daily, more).await?;
        stack.serve()?;
        Ok(stack)
    }

    /// Everything running but the server.
    pub(crate) async fn prepare(daily: Options, more: &[(&'static str, &str)]) -> Result<Self> {
        Self::prepare_in(TestDatabase::create().await?, daily, more).await
    }

    /// As [`Stack::prepare`], over this database.
    pub(crate) async fn prepare_in(
        database: TestDatabase,
        daily: Options,
        more: &[(&'static str, &str)],
    ) -> Result<Self> {
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}/v1/integrations/daily/events");
        let webhooks = vec![Subscription { url, hmac: NOTICE_KEY.into() }];
        let daily = Daily::start(Options { webhooks, ..daily }).await?;
        let redis = TestRedis::start()?;
        let s3 = S3::start(s3::Options::default()).await?;
        let telemetry = Telemetry::start(telemetry::Options::default()).await?;
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let more = more.collect();
        let stack = Self { database, redis, daily, s3, telemetry, port, server: None, more };
        stack.operator(&["bucket", "apply"])?;
        Ok(stack)
    }

    /// Starts the server, and waits until it answers.
    pub(crate) fn serve(&mut self) -> Result<()> {
        self.server = Some(self.start_server(self.port)?);
        Ok(())
    }

    fn start_server(&self, port: u16) -> Result<Child> {
        let mut command = self.command_at(port);
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null());
        let server = command.spawn().context("start the server")?;
        let anybody = Client::new(&base(port), None);
        wait_for("the first answer", Duration::from_secs(20), || {
            Ok(anybody.get("/readyz").ok().filter(|answer| answer.status == 200).map(|_| ()))
        })?;
        Ok(server)
    }

    /// A second server beside the first.
    pub(crate) fn peer(&self) -> Result<Peer> {
        let mut peer = Peer { port: free_port()?, server: None };
        peer.serve(self)?;
        Ok(peer)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.server);
    }

    /// Gives a setting another value, from the next start on; that of a file takes the place of the
    /// secret itself.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.more.push((name.to_owned(), value.to_owned()));
    }

    /// The settings, as the program gets them.
    pub(crate) fn environment(&self) -> Environment {
        self.environment_at(self.port)
    }

    /// The settings of a server on another port; 0: on any that is free.
    pub(crate) fn environment_at(&self, port: u16) -> Environment {
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let command = self.command_at(port);
        Environment::of(
            command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))),
        )
    }

    /// The server's process.
    pub(crate) fn process(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Where the server listens.
    pub(crate) fn base(&self) -> String {
        base(self.port)
    }

    /// Somebody without a token.
    pub(crate) fn anybody(&self) -> Client {
        Client::new(&self.base(), None)
    }

    /// Somebody with this token.
    pub(crate) fn bearer(&self, token: &str) -> Client {
        Client::new(&self.base(), Some(token.to_owned()))
    }

    fn command_at(&self, port: u16) -> Command {
        let mut command = self.command();
        command.env("CORE_HTTP__BIND", format!("127.0.0.1:{port}"));
        command
    }

    fn command(&self) -> Command {
        let url = |role| self.database.url(role).expose_secret().to_owned();
        // `cargo xtask soak files` measures the server as it is shipped.
        let shipped = std::env::var_os("RESTARTIX_CORE_API");
        let program = shipped.unwrap_or_else(|| env!("CARGO_BIN_EXE_core-api").into());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("CORE_PROFILE", "development")
            .env("CORE_HTTP__BIND", format!("127.0.0.1:{}", self.port))
            .env("CORE_HTTP__PUBLIC_URL", self.base())
            .env("CORE_HTTP__WORKERS", "2")
            .env("CORE_DATABASE__APP_URL", url("core_app"))
            .env("CORE_DATABASE__WORKER_URL", url("core_worker"))
            .env("CORE_DATABASE__MIGRATOR_URL", url("core_migrator"))
            .env("CORE_REDIS__URL", self.redis.url())
            .env("CORE_IDENTITY__HS256_SECRET", "development-secret-of-the-tests-0123456789")
            .env("CORE_DAILY__BASE_URL", self.daily.api_url())
            .env("CORE_DAILY__API_KEY", "sandbox-api-key")
            .env("CORE_DAILY__DOMAIN_ID", "30f866c3-9123-452a-8723-ff58322d09c5")
            .env("CORE_DAILY__NOTICE_KEY", NOTICE_KEY)
            .env("CORE_STORAGE__ENDPOINT", self.s3.url())
            .env("CORE_STORAGE__PATH_STYLE", "true")
            .env("CORE_STORAGE__REGION", "eu-central-1")
            .env("CORE_STORAGE__BUCKET", BUCKET)
            .env("CORE_STORAGE__ACCESS_KEY_ID", "sandbox-access-key")
            .env("CORE_STORAGE__SECRET_ACCESS_KEY", "sandbox-secret-access-key")
            .env("CORE_TELEMETRY__URL", self.telemetry.url())
            .env("CORE_TELEMETRY__KEY", telemetry::DEFAULT_KEY)
            .env("CORE_TELEMETRY__PSEUDONYM_KEYS", format!("1:{}=", "B".repeat(42) + "A"))
            .env("CORE_WEBHOOKS__SECRET_KEYS", format!("test:{}=", "A".repeat(43)))
            .env("CORE_WEBHOOKS__ALLOW_LOOPBACK", "true")
            .env("CORE_LOG__LEVEL", "warn");
        for (name, value) in &self.more {
            // A file takes the place of the secret itself.
            if let Some(secret) = name.strip_suffix("_FILE") {
                command.env(secret, "");
            }
            command.env(name, value);
        }
        command
    }

    /// What an operator's command prints.
    pub(crate) fn operator(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command().args(arguments).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {error}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The client of `subject`.
    pub(crate) fn sign_in(&self, subject: &str) -> Result<Client> {
        let token = ["token", "--subject", subject, "--ttl-minutes", "1440"];
        Ok(self.bearer(&self.operator(&token)?))
    }

    pub(crate) fn add_member(
        &self,
        organisation: &str,
        subject: &str,
        role: &str,
    ) -> Result<String> {
        let name = format!("{subject} the {role}");
        let told = self.operator(&[
            "member",
            "add",
            "--organization",
            organisation,
            "--subject",
            subject,
            "--role",
            role,
            "--name",
            &name,
        ])?;
        text(&serde_json::from_str::<Value>(&told)?["person_id"])
    }

    /// A clinic with an administrator, a specialist who works around the clock, a patient, and one
    /// type of appointment, by video.
    pub(crate) fn clinic(&self, name: &str) -> Result<Clinic> {
        let told =
            self.operator(&["org", "create", "--name", name, "--timezone", "Europe/Bucharest"])?;
        let organisation = serde_json::from_str::<Value>(&told)?["id"].to_string();
        let member = |role: &str| {
            let subject = format!("{name}-{role}");
            let person = self.add_member(&organisation, &subject, role)?;
            anyhow::Ok((self.sign_in(&subject)?, person))
        };
        let (admin, admin_id) = member("admin")?;
        let (specialist, specialist_id) = member("specialist")?;
        let (patient, patient_id) = member("patient")?;
        admin.patch("/v1/organization", &json!({"lead_minutes": 1440}))?.expect(200)?;
        around_the_clock(&admin, &specialist_id)?;
        let kind = json!({"name": "Consultation", "duration_minutes": 30, "online": true});
        let kind = text(&admin.post("/v1/appointment-types", &kind)?.expect(201)?["id"])?;
        Ok(Clinic {
            organisation,
            name: name.to_owned(),
            admin,
            specialist,
            patient,
            admin_id,
            specialist_id,
            patient_id,
            kind,
        })
    }
}

fn around_the_clock(admin: &Client, specialist: &str) -> Result<()> {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours: Vec<_> =
        days.map(|day| json!({"weekday": day, "start": "00:00", "end": "24:00"})).into();
    let week = json!({"timezone": "Europe/Bucharest", "hours": hours});
    let path = format!("/v1/specialists/{specialist}/weekly-hours");
    admin.put(&path, &week)?.expect(200)?;
    Ok(())
}

impl Stack {
    /// A second specialist of a clinic, who works around the clock as well.
    pub(crate) fn another_specialist(&self, clinic: &Clinic) -> Result<String> {
        let subject = format!("{}-specialist-2", clinic.name);
        let person = self.add_member(&clinic.organisation, &subject, "specialist")?;
        around_the_clock(&clinic.admin, &person)?;
        Ok(person)
    }

    /// Further patients of a clinic.
    pub(crate) fn patients(&self, clinic: &Clinic, count: usize) -> Result<Vec<(Client, String)>> {
        let patient = |number: usize| {
            let subject = format!("{}-patient-{number}", clinic.name);
            let person = self.add_member(&clinic.organisation, &subject, "patient")?;
            anyhow::Ok((self.sign_in(&subject)?, person))
        };
        (0..count).map(patient).collect()
    }

    /// The number that a query of one number answers, above row-level security.
    pub(crate) async fn number(&self, query: &str) -> Result<i64> {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let mut connection = self.database.superuser().await?;
        let query = format!("SELECT ({query})::bigint AS number");
        let row: Row = diesel::sql_query(query).get_result(&mut connection).await?;
        Ok(row.number)
    }
}

impl Clinic {
    /// The slots on offer from an hour from now, for two days.
    pub(crate) fn slots(&self) -> Result<Vec<String>> {
        let from = SystemClock.now() + chrono::TimeDelta::hours(1);
        let stamp = |instant: chrono::DateTime<chrono::Utc>| instant.format("%Y-%m-%dT%H:%M:%SZ");
        let path = format!(
            "/v1/availability?appointment_type_id={}&specialist_id={}&from={}&to={}",
            self.kind,
            self.specialist_id,
            stamp(from),
            stamp(from + chrono::TimeDelta::days(2)),
        );
        let told = self.patient.get(&path)?.expect(200)?;
        let slots = told["slots"].as_array().context("slots")?;
        slots.iter().map(|slot| text(&slot["starts_at"])).collect()
    }

    /// The words of a slot, for a hold or a booking.
    pub(crate) fn slot(&self, starts_at: &str) -> Value {
        json!({
            "appointment_type_id": self.kind,
            "specialist_id": self.specialist_id,
            "starts_at": starts_at,
        })
    }

    /// The same clinic, with appointments of another type.
    pub(crate) fn offering(&self, kind: &Value) -> Result<Self> {
        let made = self.admin.post("/v1/appointment-types", kind)?.expect(201)?;
        Ok(Self { kind: text(&made["id"])?, ..self.clone() })
    }

    /// Books a slot for the patient, who asks for it; answers the id.
    pub(crate) fn book(&self, starts_at: &str) -> Result<i64> {
        let told = self.patient.post("/v1/appointments", &self.slot(starts_at))?.expect(201)?;
        told["id"].as_i64().context("an id")
    }

    /// Calls an appointment off, for the patient.
    pub(crate) fn cancel(&self, id: i64) -> Result<Value> {
        let reason = json!({"reason_code": "patient_request"});
        self.patient.post(&format!("/v1/appointments/{id}/cancel"), &reason)?.expect(200)
    }

    /// Lets each patient have a hundred appointments to come.
    pub(crate) fn allow_many(&self) -> Result<()> {
        let policies = json!({"policies": {"max_open_appointments": 100}});
        self.admin.patch("/v1/organization", &policies)?.expect(200).map(drop)
    }
}

/// A JSON text.
pub(crate) fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("a text: {value}"))?.to_owned())
}

/// Standard base64.
pub(crate) fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
