//! The server, the Telemetry service and PostgreSQL are killed at random moments while a clinic works:
//! in the end the service has what the platform has, exactly, and the audit is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use restartix_kernel::{Clock as _, RandomExt as _, SystemClock, SystemRandom};
use restartix_sandbox::telemetry::{Options, Telemetry};
use restartix_testkit::{TestCluster, TestDatabase, free_port, sql};
use serde_json::{Value, json};

use crate::audit::{exported, verified};
use crate::client::{Answer, Client, wait_for};
use crate::rehab::{EXERCISE, assign};
use crate::support::{Clinic, Stack};

/// How long a client goes on trying while something is away.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long everything may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(600);
/// Reports in one request.
const REPORTS: usize = 20;
/// Whoever works in the clinic at once.
const PEOPLE: usize = 4;

const STORE: &str = "RESTARTIX_STAND_IN_STORE";
const PORT: &str = "RESTARTIX_STAND_IN_PORT";

/// The Telemetry service as a process of its own, with its store on the disk: started by the test below, as
/// this very program, because no other one of ours is sure to be built.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is a program, and no test"]
#[expect(clippy::disallowed_methods, reason = "its parent tells it by this what to do")]
async fn the_telemetry_service_as_a_process() -> Result<()> {
    let (Ok(store), Ok(port)) = (std::env::var(STORE), std::env::var(PORT)) else { return Ok(()) };
    let options = Options { store: Some(store.into()), port: port.parse()?, ..Options::default() };
    let _telemetry = Telemetry::start(options).await?;
    std::future::pending().await
}

/// The service, which may be killed.
struct Service {
    store: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Service {
    fn start() -> Result<Self> {
        let (store, port) = (tempfile::tempdir()?, free_port()?);
        let mut service = Self { store, port, process: None };
        service.resume()?;
        Ok(service)
    }

    fn client(&self) -> Client {
        Client::new(&self.url(), None)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; either way it is gone afterwards.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn resume(&mut self) -> Result<()> {
        self.kill();
        let name = "soak::the_telemetry_service_as_a_process";
        let process = Command::new(std::env::current_exe()?)
            .args([name, "--exact", "--ignored", "--nocapture"])
            .env(STORE, self.store.path())
            .env(PORT, self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.process = Some(process);
        let client = self.client();
        wait_for("the Telemetry service", PATIENCE, || {
            Ok(client.get("/healthz").ok().filter(|answer| answer.status == 200).map(|_| ()))
        })
    }

    /// The ids of everything that it has, by organisation.
    fn events(&self) -> Result<Vec<(i64, String)>> {
        let (client, mut all, mut after) = (self.client(), Vec::new(), Some(0));
        while let Some(number) = after {
            let page = client.get(&format!("/_sandbox/events?after={number}"))?.expect(200)?;
            let events = page["events"].as_array().context("events")?;
            all.extend(events.iter().map(|one| {
                let event = &one["event"];
                let id = event["id"].as_str().unwrap_or_default().to_owned();
                (event["organization_id"].as_i64().unwrap_or_default(), id)
            }));
            after = page["next_after"].as_u64();
        }
        Ok(all)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Short in the tests; at full length under `cargo xtask soak`.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask soak` tells its tests by this alone")]
fn extent() -> (usize, usize) {
    if std::env::var("RESTARTIX_SOAK").is_ok_and(|soak| soak == "1") {
        (100_000, 50)
    } else {
        (2_000, 6)
    }
}

/// Asks until there is an answer that is no excuse.
fn insist(ask: impl Fn() -> Result<Answer>) -> Result<Answer> {
    wait_for("an answer", PATIENCE, || Ok(ask().ok().filter(|answer| answer.status < 500)))
}

/// Somebody who works until enough has happened: reads, is refused, reports what was done.
struct Person<'a> {
    clinic: &'a Clinic,
    program: &'a str,
    appointment: i64,
    done: &'a AtomicUsize,
    wanted: usize,
}

impl Person<'_> {
    /// Answers the ids of the requests that were answered.
    fn work(&self) -> Result<Vec<String>> {
        let Clinic { patient, specialist, admin, .. } = self.clinic;
        let appointment = format!("/v1/appointments/{}", self.appointment);
        let mut answered = Vec::new();
        let mut turn = 0_usize;
        while self.done.load(Ordering::Relaxed) < self.wanted {
            let (answer, events) = match turn % 8 {
                0 => (self.report()?, REPORTS + 1),
                1 => (insist(|| specialist.get("/v1/appointments/7"))?, 1),
                2 => (insist(|| admin.get("/v1/programs"))?, 1),
                3 => (insist(|| specialist.get("/v1/audit-events"))?, 1),
                _ => (insist(|| patient.get(&appointment))?, 1),
            };
            let request = answer.headers.iter().find(|(name, _)| name == "x-request-id");
            answered.push(request.context("a request's id")?.1.clone());
            self.done.fetch_add(events, Ordering::Relaxed);
            turn += 1;
        }
        Ok(answered)
    }

    /// Reported again under the same ids until somebody says that they are known.
    fn report(&self) -> Result<Answer> {
        let event = || {
            json!({
                "id": SystemRandom.uuid_v4().to_string(), "type": "exercise.completed",
                "occurred_at": SystemClock.now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "program_id": self.program, "exercise_id": EXERCISE, "sets": 3, "reps": 10,
                "pain": 2, "effort": 4, "duration_seconds": 600, "source": "self_reported",
            })
        };
        let events: Vec<Value> = (0..REPORTS).map(|_| event()).collect();
        let told =
            insist(|| self.clinic.patient.post("/v1/rehab/events", &json!({"events": events})))?;
        let known = |name: &str| told.body[name].as_u64().unwrap_or_default();
        ensure!(known("accepted") + known("duplicates") == u64::try_from(REPORTS)?, "{told:?}");
        Ok(told)
    }
}

/// What a query without parameters finds, as (number, text).
async fn found(database: &TestDatabase, query: &str) -> Result<Vec<(i64, String)>> {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
        #[diesel(sql_type = diesel::sql_types::Text)]
        t: String,
    }
    let mut connection = database.superuser().await?;
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut connection).await?;
    Ok(rows.into_iter().map(|row| (row.n, row.t)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_telemetry_has_exactly_what_the_platform_has_however_often_either_is_killed()
-> Result<()> {
    let (events, kills) = extent();
    let mut cluster = TestCluster::start().await?;
    let mut service = Service::start()?;
    let database = TestDatabase::create_in(&cluster.url()).await?;
    let daily = restartix_sandbox::daily::Options::default();
    let mut stack =
        Stack::prepare_in(database, daily, &[("CORE_HTTP__RATE_LIMITS", "lifted")]).await?;
    stack.set("CORE_TELEMETRY__URL", &service.url());
    stack.set("CORE_LOG__LEVEL", "off");
    stack.serve()?;
    let clinics = [stack.clinic("one")?, stack.clinic("two")?];
    let mut work = Vec::new();
    for clinic in &clinics {
        work.push((clinic.book(&clinic.slots()?[0])?, assign(&clinic.admin, clinic)?));
    }

    let done = AtomicUsize::new(0);
    let people: Vec<_> = (0..PEOPLE)
        .filter_map(|n| Some((clinics.get(n % 2)?, work.get(n % 2)?)))
        .map(|(clinic, (appointment, program))| Person {
            clinic,
            program,
            appointment: *appointment,
            done: &done,
            wanted: events,
        })
        .collect();
    let mut killed = BTreeMap::<_, usize>::new();
    let answered = std::thread::scope(|scope| -> Result<BTreeSet<String>> {
        let workers: Vec<_> = people.iter().map(|person| scope.spawn(|| person.work())).collect();
        // The kills are spread over all that is to happen.
        for kill in 0..kills {
            let due = events * kill / kills + usize::try_from(SystemRandom.below(50))?;
            wait_for("the moment of the next kill", ARRIVAL, || {
                let over = workers.iter().all(std::thread::ScopedJoinHandle::is_finished);
                ensure!(!over || done.load(Ordering::Relaxed) >= events, "everybody gave up");
                Ok((done.load(Ordering::Relaxed) >= due || over).then_some(()))
            })?;
            std::thread::sleep(Duration::from_millis(u64::from(SystemRandom.below(200))));
            let victim = match SystemRandom.below(3) {
                0 => {
                    stack.kill();
                    stack.serve()?;
                    "server"
                }
                1 => {
                    service.kill();
                    std::thread::sleep(Duration::from_millis(u64::from(SystemRandom.below(500))));
                    service.resume()?;
                    "telemetry"
                }
                _ => {
                    cluster.kill();
                    cluster.resume()?;
                    "postgresql"
                }
            };
            *killed.entry(victim).or_default() += 1;
        }
        let mut all = BTreeSet::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow::anyhow!("somebody panicked"))??);
        }
        Ok(all)
    })?;
    assert_eq!(killed.values().sum::<usize>(), kills);

    // Everything arrives, and is compared, and both sides agree about every hour.
    let database = &stack.database;
    let deadline = std::time::Instant::now() + ARRIVAL;
    loop {
        // Those that a worker has its hands on come with the next look: waiting for them in an order of
        // our own could end in a deadlock.
        let due = "UPDATE telemetry_hours SET due_at = now() WHERE (org_id, hour) IN (
            SELECT org_id, hour FROM telemetry_hours WHERE state = 'open' AND lease IS NULL
            FOR UPDATE SKIP LOCKED)";
        sql(database, due).await?;
        let open = "SELECT (SELECT count(*) FROM telemetry_events)
            + (SELECT count(*) FROM telemetry_hours WHERE state <> 'agreed')
            + (SELECT count(*) FROM audit_events e WHERE NOT EXISTS (
                SELECT FROM audit_leaves l WHERE l.org_id = e.org_id AND l.event_id = e.id)) AS n, '' AS t";
        let left = found(database, open).await?;
        if left.first().is_some_and(|(n, _)| *n == 0) {
            break;
        }
        ensure!(std::time::Instant::now() < deadline, "{left:?} left");
        SystemClock.sleep(Duration::from_millis(500)).await;
    }
    let ours = found(
        database,
        "SELECT org_id AS n, id::text AS t FROM audit_events
         UNION ALL SELECT org_id, id::text FROM telemetry_sent",
    )
    .await?;
    let theirs = service.events()?;
    let (all, set) = (theirs.len(), theirs.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(all, set.len(), "something arrived twice");
    let ours: BTreeSet<_> = ours.into_iter().collect();
    ensure!(ours.len() >= events, "only {} events", ours.len());
    let (lost, strange) = (ours.difference(&set).count(), set.difference(&ours).count());
    assert_eq!((lost, strange), (0, 0), "lost, and of nobody");
    // The audit knows of whatever was answered.
    let known = "SELECT 0::bigint AS n, request_id::text AS t FROM audit_events WHERE request_id IS NOT NULL";
    let known: BTreeSet<_> = found(database, known).await?.into_iter().map(|(_, id)| id).collect();
    let unknown = answered.difference(&known).count();
    assert_eq!(unknown, 0, "answers of which the audit does not know");
    // A report counts once, as an event and as a fact.
    let facts = "SELECT (SELECT count(*) FROM rehab_events WHERE type = 'exercise.completed')
        - (SELECT count(*) FROM telemetry_sent WHERE type = 'exercise.completed') AS n, '' AS t";
    assert_eq!(found(database, facts).await?, [(0, String::new())]);
    for organisation in [1, 2] {
        whole_and_tamper_evident(&stack, organisation)?;
    }
    Ok(())
}

/// The chain of an organisation verifies, and any byte of an event that is altered is named.
fn whole_and_tamper_evident(stack: &Stack, organisation: i64) -> Result<()> {
    let (export, key) = exported(stack, organisation)?;
    let told = verified(stack, &export, &key)?;
    ensure!(told["events"].as_u64().unwrap_or_default() > 0, "{told}");
    let lines: Vec<_> = export.split_inclusive('\n').collect();
    let events: Vec<_> = (0..lines.len()).filter(|n| lines[*n].starts_with(r#"{"seq":"#)).collect();
    let at = events[usize::try_from(SystemRandom.below(u32::try_from(events.len())?))?];
    let line = lines[at];
    let from = line.find(r#""event":"#).context("an event")?;
    let byte =
        from + 8 + usize::try_from(SystemRandom.below(u32::try_from(line.len() - from - 10)?))?;
    let start: usize = lines[..at].iter().map(|line| line.len()).sum();
    let mut altered = export.clone().into_bytes();
    altered[start + byte] ^= 1;
    let Err(broken) = verified(stack, &String::from_utf8(altered)?, &key) else {
        bail!("an altered byte is not found");
    };
    let broken = broken.to_string();
    ensure!(broken.contains(&format!("line {}: ", at + 1)), "line {}: {broken}", at + 1);
    Ok(())
}
