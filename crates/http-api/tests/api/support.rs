//! The assembled API over twins: two organisations, no database. The services' store is always
//! away, so whatever reaches them answers 503; what is tested here stands before and behind them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use async_trait::async_trait;
use chrono::DateTime;
use restartix_http_api::{Api, Config, Dependency, Health, MetricsText, Route, RouteTable};
use restartix_kernel::{
    ApiClientId, AppointmentId, Clock, ManualClock, PersonId, Random, SeededRandom, StoreError,
    UserId, WebhookEndpointId,
};
use restartix_scheduling::memory::MemoryHolds;
use restartix_storage::EicarScanner;
use restartix_telemetry::insights::SmallestCell;
use restartix_telemetry::memory::{MemoryAuditLog, MemoryInsights};
use restartix_tenancy::memory::{MemoryDirectory, PlainTokens};
use restartix_tenancy::{
    Authenticator, ClaimError, ClaimSource, Found, Limited, OrgId, RateClass, RateLimits, Role,
    Subject, Tenant,
};
use restartix_video::RoomName;
use restartix_video::memory::MemoryProvider;
use restartix_webhooks::{
    Attempt, Dispatch, Purpose, SealError, SealedSecret, SecretSealer, UrlRefused, WebhookSender,
};
use restartix_workflows::{
    Access, AnswerKey, AnswerSealer, Bookings, Calls, Clients, Clinic, Dashboards, Desk, Filing,
    JoinKey, KnownClient, Once, Recorder, Records, Rehab, Schedule, UnitOfWork, Visits, Webhooks,
    Work,
};
use serde_json::Value;

pub(crate) struct Bench {
    pub(crate) api: Arc<Api>,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) audit: Arc<MemoryAuditLog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: Arc<MemoryDirectory>,
    pub(crate) limits: Arc<Switch>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// Asserts that this is a problem of `status` and `code`, in its one form.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        let body = self.json();
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code), "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("urn:restartix:problem:{code}"));
        assert_eq!(body["request_id"], self.header("x-request-id"));
    }
}

pub(crate) struct Away;

#[async_trait]
impl WebhookSender for Away {
    fn check(&self, url: &str) -> Result<(), UrlRefused> {
        if url.starts_with("https://") { Ok(()) } else { Err(UrlRefused) }
    }

    async fn send(&self, _: &Tenant, _: Dispatch<'_>) -> Attempt {
        unreachable!("no worker runs here")
    }
}

impl SecretSealer for Away {
    fn seal(
        &self,
        _: &Tenant,
        _: Purpose,
        _: WebhookEndpointId,
        version: u32,
        secret: &[u8],
    ) -> Result<SealedSecret, SealError> {
        Ok(SealedSecret { version, bytes: secret.to_vec() })
    }

    fn open(
        &self,
        _: &Tenant,
        _: Purpose,
        _: WebhookEndpointId,
        sealed: &SealedSecret,
    ) -> Result<Vec<u8>, SealError> {
        Ok(sealed.bytes.clone())
    }
}

impl AnswerSealer for Away {
    fn seal(&self, _: &Tenant, _: &AnswerKey, answer: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(answer.to_vec())
    }

    fn open(&self, _: &Tenant, _: &AnswerKey, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(sealed.to_vec())
    }
}

#[async_trait]
impl UnitOfWork for Away {
    async fn begin(&self, _: &Tenant, _: Access) -> Result<Box<dyn Work>, StoreError> {
        Err(StoreError::Unavailable("no store in this test: secret-cause".into()))
    }
}

/// Knows no room's name.
struct Nameless;

#[async_trait]
impl ClaimSource for Nameless {
    type Key = RoomName;
    type Row = AppointmentId;

    async fn claim(&self, _: &RoomName) -> Result<Vec<Found<AppointmentId>>, ClaimError> {
        Ok(Vec::new())
    }
}

/// Knows no program.
struct Programless;

#[async_trait]
impl ClaimSource for Programless {
    type Key = ApiClientId;
    type Row = KnownClient;

    async fn claim(&self, _: &ApiClientId) -> Result<Vec<Found<KnownClient>>, ClaimError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl ClaimSource for Away {
    type Key = JoinKey;
    type Row = AppointmentId;

    async fn claim(&self, _: &JoinKey) -> Result<Vec<Found<AppointmentId>>, ClaimError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Health for Away {
    async fn report(&self) -> Vec<Dependency> {
        Vec::new()
    }
}

impl MetricsText for Away {
    fn render(&self) -> String {
        "up 1\n".to_owned()
    }
}

/// A limit that is reached when the test says so.
#[derive(Default)]
pub(crate) struct Switch(AtomicBool);

impl Switch {
    pub(crate) fn close(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl RateLimits for Switch {
    async fn take(&self, _: &Tenant, _: RateClass) -> Result<(), Limited> {
        if self.0.load(Ordering::SeqCst) {
            return Err(Limited { retry_after: Duration::from_millis(1_200) });
        }
        Ok(())
    }
}

/// The API with `extra` routes. Tokens are the subjects `patient-1`, `specialist-1`, `admin-1`
/// (organisation 1), `admin-2` (organisation 2) and `both` (a patient of 1 and of 2).
pub(crate) fn bench(extra: Vec<Route>) -> Bench {
    bench_with(extra, Config::new("https://api.clinic.example"))
}

pub(crate) fn bench_with(extra: Vec<Route>, config: Config) -> Bench {
    let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_767_603_600, 0).unwrap()));
    let random = Arc::new(SeededRandom::new(7));
    let directory = Arc::new(MemoryDirectory::default());
    let member = |subject: &str, user: UserId, organisation: i64, role: Role| {
        let organisation = OrgId::new(organisation).unwrap();
        let person = PersonId::fresh(&*random);
        directory.add_member(&Subject::new(subject).unwrap(), user, organisation, person, role);
    };
    let user = || UserId::fresh(&*random);
    member("patient-1", user(), 1, Role::Patient);
    member("specialist-1", user(), 1, Role::Specialist);
    member("admin-1", user(), 1, Role::Admin);
    member("admin-2", user(), 2, Role::Admin);
    let both = user();
    member("both", both, 1, Role::Patient);
    member("both", both, 2, Role::Patient);

    let ports: (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), random);
    let desk = Desk::new(Arc::new(Away), ports.0.clone(), ports.1.clone());
    let holds = Arc::new(MemoryHolds::default());
    let audit = Arc::new(MemoryAuditLog::default());
    let limits = Arc::new(Switch::default());
    let files = Filing::new(desk.clone(), None, Arc::new(EicarScanner));
    let api = Api {
        authenticator: Authenticator::new(Arc::new(PlainTokens), directory.clone()),
        bookings: Bookings::new(desk.clone(), holds.clone()),
        schedule: Schedule::new(desk.clone(), holds),
        clinic: Clinic::new(desk.clone()),
        recorder: Recorder::new(desk.clone(), files.clone()),
        files,
        visits: Visits::new(desk.clone(), Arc::new(Away), Arc::new(MemoryProvider::default())),
        calls: Calls::new(desk.clone(), Arc::new(Nameless), None),
        clients: Clients::new(desk.clone(), Arc::new(Programless)),
        webhooks: Webhooks::new(desk.clone(), Arc::new(Away), Arc::new(Away)),
        rehab: Rehab::new(desk.clone()),
        dashboards: Dashboards::new(
            desk.clone(),
            Arc::new(MemoryInsights::new(clock.now())),
            SmallestCell::default(),
        ),
        records: Records::new(desk.clone()),
        once: Once::new(desk, Arc::new(Away)),
        audit: audit.clone(),
        limits: limits.clone(),
        health: Arc::new(Away),
        metrics: Arc::new(Away),
        clock: ports.0,
        random: ports.1,
        config,
    };
    let table = Arc::new(RouteTable::new(extra));
    Bench { api: Arc::new(api), table, audit, clock, directory, limits }
}

impl Bench {
    /// Sends one request.
    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        let app = init_service(App::new().configure(self.table.configure(&self.api))).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: read_body(response).await.to_vec() }
    }

    /// Sends one request as `subject`.
    pub(crate) async fn send_as(&self, subject: &str, request: TestRequest) -> Answer {
        self.send(request.insert_header(("authorization", format!("Bearer {subject}")))).await
    }

    /// What the audit holds, a line each: organisation, operation, resource, outcome.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.audit.lines().into_iter().map(|(organisation, _, event)| {
            let id = event.resource.id.unwrap_or_else(|| "-".to_owned());
            format!(
                "{organisation} {} {} {id} {} {}",
                event.act.operation.as_str(),
                event.resource.kind.as_str(),
                event.outcome.as_str(),
                event.outcome.code().unwrap_or("-"),
            )
        });
        lines.collect()
    }
}
