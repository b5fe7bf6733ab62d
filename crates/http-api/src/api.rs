use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use restartix_kernel::{ApiClientId, AppointmentId, Clock, Random};
use restartix_telemetry::AuditLog;
use restartix_tenancy::{Authenticator, ClaimSource, RateLimits};
use restartix_video::RoomName;
use restartix_workflows::{
    Bookings, Calls, Clients, Clinic, Dashboards, Desk, Filing, JoinKey, KnownClient, Once,
    Recorder, Records, Rehab, Schedule, Visits, Webhooks,
};

use crate::Network;

/// Where join codes are looked up.
pub type JoinCodes = Arc<dyn ClaimSource<Key = JoinKey, Row = AppointmentId>>;

/// Where it is known whose room a name is.
pub type RoomNames = Arc<dyn ClaimSource<Key = RoomName, Row = AppointmentId>>;

/// Where programs are known by their ids.
pub type KnownClients = Arc<dyn ClaimSource<Key = ApiClientId, Row = KnownClient>>;

/// All that the handlers work with.
#[derive(Clone)]
pub struct Api {
    /// Who stands behind a token.
    pub authenticator: Authenticator,
    /// Holds and appointments.
    pub bookings: Bookings,
    /// Types, hours and availability.
    pub schedule: Schedule,
    /// The organisation and its people.
    pub clinic: Clinic,
    /// Files.
    pub files: Filing,
    /// The way into video rooms.
    pub visits: Visits<JoinCodes>,
    /// What the video provider tells of rooms.
    pub calls: Calls<RoomNames>,
    /// What is recorded of visits.
    pub recorder: Recorder,
    /// Where organisations' own systems listen, and what they are told.
    pub webhooks: Webhooks,
    /// Programs of organisations' own.
    pub clients: Clients<KnownClients>,
    /// What patients are to do, and what is reported of it.
    pub rehab: Rehab,
    /// What is told of what patients did.
    pub dashboards: Dashboards,
    /// What is kept of what was done.
    pub records: Records,
    /// What is done once, however often a client asks for it.
    pub once: Once,
    /// The trace of reads, refusals and failures.
    pub audit: Arc<dyn AuditLog>,
    /// How much one user of one organisation may ask.
    pub limits: Arc<dyn RateLimits>,
    /// What the server depends on.
    pub health: Arc<dyn Health>,
    /// What the server counted.
    pub metrics: Arc<dyn MetricsText>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// How the server presents itself.
    pub config: Config,
}

impl Api {
    /// The same services at another desk: what a handler does with them happens where `desk` says.
    pub(crate) fn at(&self, desk: &Desk) -> Self {
        Self {
            bookings: self.bookings.at(desk),
            schedule: self.schedule.at(desk),
            clinic: self.clinic.at(desk),
            files: self.files.at(desk),
            visits: self.visits.at(desk),
            calls: self.calls.at(desk),
            recorder: self.recorder.at(desk),
            clients: self.clients.at(desk),
            webhooks: self.webhooks.at(desk),
            rehab: self.rehab.at(desk),
            records: self.records.at(desk),
            ..self.clone()
        }
    }
}

/// How the server presents itself and whom it believes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients reach the server, without a trailing slash: `https://api.clinic.example`.
    pub public_url: String,
    /// The origins whose pages may call the API from a browser, as `https://app.clinic.example`.
    pub cors_origins: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How long each part of a request may take: its principal, its service with its body, its
    /// audit.
    pub request_timeout: Duration,
    /// How long the service may take whose body is taken as it comes.
    pub upload_timeout: Duration,
    /// The largest body that is read, in bytes.
    pub body_limit: usize,
}

impl Config {
    /// The defaults behind `public_url`: no other origin, no proxy, 15 seconds, 10
    /// minutes for an upload, 1 MiB.
    pub fn new(public_url: &str) -> Self {
        Self {
            public_url: public_url.trim_end_matches('/').to_owned(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            request_timeout: Duration::from_secs(15),
            upload_timeout: Duration::from_secs(600),
            body_limit: 1024 * 1024,
        }
    }
}

/// How one dependency fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Ok,
    /// It answers badly, or a way around it is in use.
    Degraded,
    /// It does not answer.
    Down,
}

/// One dependency of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its name, as in `postgres`.
    pub name: &'static str,
    /// How it fares.
    pub state: State,
    /// Whether nothing can be served without it.
    pub critical: bool,
    /// Why it does not fare well, as a stable code such as `schema_too_old`.
    pub code: Option<&'static str>,
}

/// Knows how the server's dependencies fare.
#[async_trait]
pub trait Health: Send + Sync {
    /// Each dependency, asked now or a moment ago; bounded in time.
    async fn report(&self) -> Vec<Dependency>;
}

/// Renders what was counted.
pub trait MetricsText: Send + Sync {
    /// The counters in Prometheus' text format (version 0.0.4).
    fn render(&self) -> String;
}
