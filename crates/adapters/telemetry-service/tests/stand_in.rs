//! [`TelemetryClient`] against the stand-in over real sockets.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use restartix_kernel::{Clock, EventId, Random, SeededRandom, SystemClock};
use restartix_sandbox::telemetry::{DEFAULT_KEY, Options, Telemetry};
use restartix_telemetry::conformance::{self, FarSide};
use restartix_telemetry::{SendError, TelemetryService};
use restartix_telemetry_service::{Config, Health, TelemetryClient, Timeouts};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};

struct Far(Telemetry);

impl FarSide for Far {
    fn received(&self) -> Vec<EventId> {
        let id = |event: &serde_json::Value| event["id"].as_str().unwrap().parse().unwrap();
        self.0.events().iter().map(|one| id(&one.event)).collect()
    }

    fn set_away(&self, away: bool) {
        self.0.switch(|switches| switches.faults.outage = away);
    }

    fn lose_next_answer(&self) {
        self.0.switch(|switches| switches.faults.lose_answer_after_commit = 1);
    }

    fn refuse(&self, event: EventId) {
        self.0.switch(|switches| switches.refuse_events.push(event.to_string()));
    }

    fn dislike(&self, event: EventId) {
        self.0.switch(|switches| switches.refuse_unnamed.push(event.to_string()));
    }
}

struct Bench {
    far: Far,
    clinic: Principal,
    random: SeededRandom,
}

impl Bench {
    async fn new() -> Self {
        let far = Far(Telemetry::start(Options::default()).await.unwrap());
        let random = SeededRandom::new(1);
        Self { far, clinic: principal(42, Role::Admin, &random).await, random }
    }

    fn chance(&self) -> (&dyn Clock, &dyn Random) {
        (&SystemClock, &self.random)
    }

    fn config(&self) -> Config {
        Config {
            base_url: self.far.0.url().to_owned(),
            key: DEFAULT_KEY.into(),
            authorities: None,
            timeouts: Timeouts::default(),
        }
    }

    async fn send(&self, client: &TelemetryClient) -> Result<(), SendError> {
        let (clock, random) = self.chance();
        let tenant = self.clinic.tenant().unwrap();
        client.send(tenant, &conformance::batch(tenant, 1, clock, random)).await
    }
}

fn client(config: &Config) -> TelemetryClient {
    TelemetryClient::new(config, Arc::new(SystemClock)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_keeps_the_rules_of_the_port() {
    let bench = Bench::new().await;
    let (client, far) = (client(&bench.config()), &bench.far);
    let (tenant, chance) = (bench.clinic.tenant().unwrap(), bench.chance());
    conformance::what_is_sent_again_arrives_once(&client, far, tenant, chance).await;
    conformance::an_outage_and_a_lost_answer_lose_and_double_nothing(&client, far, tenant, chance)
        .await;
    conformance::poison_is_named_and_the_rest_goes_on(&client, far, tenant, chance).await;
    conformance::what_is_refused_without_a_name_is_found_by_halves(&client, far, tenant, chance)
        .await;
    let other = principal(43, Role::Admin, &bench.random).await;
    let both = (tenant, other.tenant().unwrap());
    conformance::an_hour_is_counted_and_summed_up(&client, both, chance).await;
    assert_eq!(client.health(), Health::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_as_many_events_as_may_be_arrives() {
    let bench = Bench::new().await;
    let (clock, random) = bench.chance();
    let tenant = bench.clinic.tenant().unwrap();
    let batch = conformance::batch(tenant, restartix_telemetry::MAX_EVENTS, clock, random);
    client(&bench.config()).send(tenant, &batch).await.unwrap();
    assert_eq!(bench.far.received(), conformance::ids(&batch));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_refused_and_failures_of_the_service_pass() {
    let bench = Bench::new().await;
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let stranger = client(&Config { key: other.into(), ..bench.config() });
    match bench.send(&stranger).await {
        Err(SendError::Refused(_)) => assert_eq!(stranger.health(), Health::Failing),
        other => panic!("{other:?}"),
    }
    let client = client(&bench.config());
    for fault in [503, 429] {
        bench.far.0.switch(|switches| match fault {
            503 => switches.faults.status_5xx = 1,
            _ => switches.faults.status_429 = 1,
        });
        match bench.send(&client).await {
            Err(SendError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    bench.send(&client).await.unwrap();
    assert_eq!(bench.far.0.summary().events, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_says_nothing_is_unavailable_in_time() {
    let bench = Bench::new().await;
    bench.far.0.switch(|switches| switches.faults.timeout = 1);
    let timeouts = Timeouts { call: Duration::from_millis(300), ..Timeouts::default() };
    let client = client(&Config { timeouts, ..bench.config() });
    let began = std::time::Instant::now();
    match bench.send(&client).await {
        Err(SendError::Unavailable(_)) => {}
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let bench = Bench::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let elsewhere = bench.far.0.url().to_owned();
    let answer = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 16 * 1024]).unwrap();
        let head = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\nconnection: close\r\n";
        write!(stream, "{head}location: {elsewhere}/v1/ingest\r\n\r\n").unwrap();
    };
    let answered = tokio::task::spawn_blocking(answer);
    match bench.send(&client(&Config { base_url, ..bench.config() })).await {
        Err(SendError::Refused(_)) => {}
        other => panic!("{other:?}"),
    }
    answered.await.unwrap();
    assert!(bench.far.0.journal().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_judged_by_where_it_leads() {
    let bench = Bench::new().await;
    let port = bench.far.0.url().rsplit(':').next().unwrap().to_owned();
    let named = Config { base_url: format!("http://localhost:{port}"), ..bench.config() };
    let client = client(&named);
    client.vouch().await.unwrap();
    client.probe().await.unwrap();
    assert_eq!(client.health(), Health::Ok);
    bench.far.0.stop().await.unwrap();
    assert!(client.probe().await.is_err());
    assert_eq!(client.health(), Health::Failing);
    let nowhere = Config { base_url: "http://telemetry.invalid".to_owned(), ..bench.config() };
    TelemetryClient::new(&nowhere, Arc::new(SystemClock)).unwrap().vouch().await.unwrap();
}
