//! A stand-in, two organisations, and a clock on which waiting takes no time.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_daily::{Config, Daily};
use restartix_kernel::{
    AppointmentId, Clock, ExposeSecret, PersonId, Random, SeededRandom, SystemClock,
};
use restartix_sandbox::daily as sandbox;
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};
use restartix_video::{Grant, ProviderError, Room, TokenTerms, VideoProvider, conformance};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

/// The API key of the stand-in.
pub(crate) const KEY: &str = "a-key-for-tests-only";

/// One stand-in and two organisations.
pub(crate) struct Bench {
    pub(crate) sandbox: sandbox::Daily,
    pub(crate) one: Principal,
    pub(crate) two: Principal,
    pub(crate) random: Arc<dyn Random>,
}

/// Appointment 102.
pub(crate) fn appointment() -> AppointmentId {
    AppointmentId::new(102).unwrap()
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(SystemClock)).await
    }

    /// With a stand-in on this clock.
    pub(crate) async fn on(clock: Arc<dyn Clock>) -> Self {
        let options =
            sandbox::Options { api_key: KEY.into(), clock, ..sandbox::Options::default() };
        let sandbox = sandbox::Daily::start(options).await.unwrap();
        let random = Arc::new(SeededRandom::new(1));
        let one = principal(1, Role::Specialist, &*random).await;
        let two = principal(2, Role::Specialist, &*random).await;
        Self { sandbox, one, two, random }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    pub(crate) fn person(&self) -> PersonId {
        PersonId::fresh(&*self.random)
    }

    /// A provider whose waits take no time.
    pub(crate) fn daily(&self, change: impl FnOnce(&mut Config)) -> Daily {
        self.daily_on(Arc::new(Hasty(Mutex::new(self.now()))), change)
    }

    /// A provider that keeps to Daily's limits, which the stand-in counts on the system's clock.
    pub(crate) fn patient_daily(&self, change: impl FnOnce(&mut Config)) -> Daily {
        self.daily_on(Arc::new(SystemClock), change)
    }

    pub(crate) fn daily_on(
        &self,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(&mut Config),
    ) -> Daily {
        let domain_id = Some(sandbox::Options::default().domain_id);
        let base_url = self.sandbox.api_url();
        let mut config = Config { base_url, domain_id, ..Config::new(KEY.into()) };
        change(&mut config);
        Daily::new(&config, clock, Arc::clone(&self.random)).unwrap()
    }

    /// Asks for the room of organisation 1's appointment 102.
    pub(crate) async fn create(&self, daily: &Daily) -> Result<Room, ProviderError> {
        let terms = conformance::terms(self.second());
        daily.create_room(self.one.tenant().unwrap(), appointment(), &terms).await
    }

    /// How many requests a failing call sends.
    pub(crate) async fn asked(&self, daily: &Daily) -> usize {
        let before = self.requests().len();
        self.create(daily).await.unwrap_err();
        self.requests().len() - before
    }

    /// The methods of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.sandbox.journal().into_iter().map(|entry| entry.method).collect()
    }

    /// Tries to enter a room: the status, and what is said.
    pub(crate) async fn join(&self, room: &str, token: Option<&str>) -> (u16, Value) {
        let url = format!("{}/_sandbox/join", self.sandbox.url());
        ask("POST", url, &json!({ "room": room, "token": token })).await
    }

    /// Lets somebody into a room of organisation 1 or 2 with a key of their own.
    pub(crate) async fn enter(&self, daily: &Daily, room: &Room, person: PersonId) {
        let terms = TokenTerms { person, grant: Grant::Owner };
        let key = daily.meeting_token(self.one.tenant().unwrap(), room, &terms).await.unwrap();
        let (status, told) = self.join(room.name.as_str(), Some(key.token.expose_secret())).await;
        assert_eq!(status, 200, "{told}");
    }

    /// Now, to the second: what Daily keeps of an instant.
    pub(crate) fn second(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.now().timestamp(), 0).unwrap()
    }

    /// Asks a control endpoint of the stand-in: a body is posted.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> (u16, Value) {
        let method = if body.is_null() { "GET" } else { "POST" };
        ask(method, format!("{}{path}", self.sandbox.url()), body).await
    }

    /// Asks the API of the stand-in behind the adapter's back.
    pub(crate) async fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        ask(method, format!("{}{path}", self.sandbox.api_url()), body).await
    }
}

async fn ask(method: &str, url: String, body: &Value) -> (u16, Value) {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("Authorization", format!("Bearer {KEY}"));
    let body = if body.is_null() { None } else { Some(body.to_string()) };
    let exchange = move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = match body {
            Some(body) => agent.run(request.body(body).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        }
        .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

/// A clock that moves only when somebody sleeps on it, and then at once.
struct Hasty(Mutex<DateTime<Utc>>);

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = instant.max(*now);
    }
}

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// A subscriber that writes everything into this log.
    pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .finish()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
