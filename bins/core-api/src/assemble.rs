//! Adapters behind ports, ports in services, services in the API: the one place that sees both
//! sides.

use std::sync::Arc;

use anyhow::Context;
use restartix_daily::{Daily, Notices};
use restartix_http_api::{Api, JoinCodes, KnownClients, MetricsText, RoomNames};
use restartix_identity::Verifier;
use restartix_kernel::{Clock, Random};
use restartix_postgres::{
    Database, DatabaseConfig, PgAuditLog, PgClients, PgDirectory, PgDueFiles, PgDueRecordings,
    PgDueReminders, PgEventQueue, PgExpiredAnswers, PgInsights, PgJoinCodes, PgOpenCalls,
    PgRoomDuties, PgRoomNames, PgStalePatients, PgUnits,
};
use restartix_redis::{Redis, RedisConfig, RedisHolds, RedisRateLimits};
use restartix_scheduling::Holds;
use restartix_storage::{MalwareScanner, ObjectStore};
use restartix_telemetry_service::TelemetryClient;
use restartix_tenancy::Authenticator;
use restartix_video::{NoticeReader, VideoProvider};
use restartix_workflows::{
    AnswerSweeper, Bookings, CallWatcher, Calls, Clients, Clinic, Dashboards, Desk, FileKeeper,
    Filing, InsightKeeper, Once, Recorder, RecordingKeeper, Records, Rehab, ReminderKeeper,
    RoomKeeper, RoomSweeper, Schedule, Visits, Webhooks, Worker,
};

use crate::config;
use crate::readiness::{Readiness, Watched};
use crate::scanner;
use crate::storage::Storage;
use crate::{telemetry, webhooks};

/// Everything that a server does, put together and not yet begun.
pub struct App {
    /// What answers requests.
    pub api: Api,
    /// What carries events onward.
    pub workers: Vec<Box<dyn Worker>>,
    /// What knows how the dependencies fare.
    pub readiness: Arc<Readiness>,
    /// The files' bucket, where there is one.
    pub(crate) storage: Option<Arc<Storage>>,
    /// The Telemetry service, where there is one.
    pub(crate) telemetry: Option<Arc<TelemetryClient>>,
}

/// Puts the server together. Connects to nothing: what is not there shows in `readyz`. Needs a
/// tokio runtime.
pub fn assemble(
    config: &config::Server,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    metrics: Arc<dyn MetricsText>,
) -> anyhow::Result<App> {
    let app = Database::new(&config.database.app()).context("database.app_url")?;
    let redis = Redis::open(&RedisConfig::new(config.redis.url.clone())).context("redis.url")?;
    let daily = Daily::new(&config.daily, clock.clone(), random.clone()).context("daily")?;
    let daily = Arc::new(daily);
    let storage = storage(config, &clock, &random)?;
    let mut vendors: Vec<Arc<dyn Watched + Send + Sync>> = vec![daily.clone()];
    if let Some(storage) = &storage {
        vendors.push(storage.clone());
    }
    let telemetry = telemetry::client(config, &clock)?;
    if let Some(telemetry) = &telemetry {
        vendors.push(telemetry.clone());
    }
    let clamd = scanner::clamd(config);
    if let Some(clamd) = &clamd {
        vendors.push(Arc::new(clamd.clone()));
    }
    let readiness = Arc::new(readiness(config, &redis, vendors, &clock)?);

    let desk = Desk::new(Arc::new(PgUnits::new(app.clone())), clock.clone(), random.clone());
    let verifier = Verifier::new(config.identity.clone(), clock.clone()).context("identity")?;
    let directory = PgDirectory::new(app.clone());
    let clients = PgClients::new(app.clone(), clock.clone());
    let known: KnownClients = Arc::new(clients.clone());
    let holds: Arc<dyn Holds> = Arc::new(RedisHolds::new(redis.clone()));
    let codes: JoinCodes = Arc::new(PgJoinCodes::new(app.clone()));
    let names: RoomNames = Arc::new(PgRoomNames::new(app.clone()));
    let notices = Notices::new(&config.daily, clock.clone()).context("daily.notice_key")?;
    let notices = notices.map(|notices| -> Arc<dyn NoticeReader> { Arc::new(notices) });
    let objects = storage.as_ref().map(|storage| storage.objects());
    let scanner = scanner::port(clamd);
    let stored = objects.clone().map(|objects| (objects, scanner.clone()));
    let mut workers = workers(config, &daily, stored, &clock, &random)?;
    let provider: Arc<dyn VideoProvider> = daily;
    workers.extend(telemetry::workers(config, telemetry.as_ref(), &clock, &random)?);
    let (sender, sealer) = webhooks::outfit(config, &clock, &random)?;
    let files = Filing::new(desk.clone(), objects, scanner);
    let api = Api {
        authenticator: Authenticator::new(Arc::new(verifier), Arc::new(directory))
            .with_clients(Arc::new(clients)),
        bookings: Bookings::new(desk.clone(), holds.clone()),
        schedule: Schedule::new(desk.clone(), holds),
        clinic: Clinic::new(desk.clone()),
        recorder: Recorder::new(desk.clone(), files.clone()),
        files,
        visits: Visits::new(desk.clone(), codes, provider),
        calls: Calls::new(desk.clone(), names, notices),
        clients: Clients::new(desk.clone(), known),
        webhooks: Webhooks::new(desk.clone(), sender, sealer.clone()),
        rehab: Rehab::new(desk.clone()),
        dashboards: Dashboards::new(
            desk.clone(),
            Arc::new(PgInsights::new(app.clone())),
            config.insights.smallest_cell,
        ),
        records: Records::new(desk.clone()),
        once: Once::new(desk, sealer),
        audit: Arc::new(PgAuditLog::start(app, clock.clone())),
        limits: Arc::new(RedisRateLimits::new(redis, config.http.rate_limits, clock.clone())),
        health: readiness.clone(),
        metrics,
        clock,
        random,
        config: config.http.presentation(),
    };
    Ok(App { api, workers, readiness, storage, telemetry })
}

/// The workers alone: they need no identity provider and no Redis.
pub(crate) fn workers(
    config: &config::Server,
    daily: &Arc<Daily>,
    stored: Option<(Arc<dyn ObjectStore>, Arc<dyn MalwareScanner>)>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> anyhow::Result<Vec<Box<dyn Worker>>> {
    let worker = Database::new(&config.database.worker()).context("database.worker_url")?;
    let units = Arc::new(PgUnits::new(worker.clone()));
    let desk = Desk::new(units, clock.clone(), random.clone());
    let queue = PgEventQueue::new(worker.clone(), clock.clone(), random.clone());
    let mut workers: Vec<Box<dyn Worker>> = vec![
        Box::new(RoomKeeper::opening(desk.clone(), queue.clone(), daily.clone())),
        Box::new(RoomKeeper::closing(desk.clone(), queue, daily.clone())),
        Box::new(RoomSweeper::new(
            desk.clone(),
            PgRoomDuties::new(worker.clone()),
            daily.clone(),
            daily.clone(),
        )),
        Box::new(CallWatcher::new(desk.clone(), PgOpenCalls::new(worker.clone()), daily.clone())),
        Box::new(ReminderKeeper::new(desk.clone(), PgDueReminders::new(worker.clone()))),
        Box::new(AnswerSweeper::new(PgExpiredAnswers::new(worker.clone()), clock.clone())),
        Box::new(InsightKeeper::new(desk.clone(), PgStalePatients::new(worker.clone()))),
    ];
    workers.extend(webhooks::workers(config, worker.clone(), clock, random)?);
    if let Some((objects, scanner)) = stored {
        let filing = Filing::new(desk.clone(), Some(objects), scanner);
        workers.push(Box::new(FileKeeper::new(filing.clone(), PgDueFiles::new(worker.clone()))));
        let due = PgDueRecordings::new(worker);
        workers.push(Box::new(RecordingKeeper::new(desk, filing, due, daily.clone())));
    }
    Ok(workers)
}

/// The files' bucket. Production wants proof of its rules.
pub(crate) fn storage(
    config: &config::Server,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> anyhow::Result<Option<Arc<Storage>>> {
    let Some(s3) = &config.storage else { return Ok(None) };
    let strict = config.profile == config::Profile::Production;
    let origins = config.http.web_origins();
    let client = config.storage_client;
    let storage = Storage::new(s3, client, &origins, strict, clock, random.clone())?;
    Ok(Some(Arc::new(storage)))
}

fn readiness(
    config: &config::Server,
    redis: &Redis,
    vendors: Vec<Arc<dyn Watched + Send + Sync>>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Readiness> {
    let single = DatabaseConfig { pool_size: 1, ..config.database.app() };
    let database = Database::new(&single).context("database.app_url")?;
    Ok(Readiness::new(database, redis.clone(), vendors, clock.clone()))
}
