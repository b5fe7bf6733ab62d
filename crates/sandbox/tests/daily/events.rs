use std::net::TcpListener;
use std::sync::Arc;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::support::{START, Stand, error};

/// What a webhook brought: timestamp, whether the signature is right, the body.
type Event = (String, bool, Value);

struct Receiver {
    url: String,
    events: mpsc::UnboundedReceiver<Event>,
    status: Arc<watch::Sender<u16>>,
}

const HMAC: &str = "cmVzdGFydGl4LWxvY2FsLWRhaWx5LXdlYmhvb2sta2V5";

impl Receiver {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", socket.local_addr().unwrap());
        let (sender, events) = mpsc::unbounded_channel();
        let status = Arc::new(watch::Sender::new(200));
        let answer = status.clone();
        let server = HttpServer::new(move || {
            let (sender, answer) = (sender.clone(), answer.clone());
            App::new().default_service(web::to(move |request: HttpRequest, body: Bytes| {
                let header =
                    |name| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
                let timestamp = header("x-webhook-timestamp");
                let mut mac =
                    Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(HMAC).unwrap()).unwrap();
                mac.update(timestamp.as_bytes());
                mac.update(b".");
                mac.update(&body);
                let genuine =
                    STANDARD.encode(mac.finalize().into_bytes()) == header("x-webhook-signature");
                let body = serde_json::from_slice(&body).unwrap();
                // Read before the test hears of the event and goes on to change it.
                let status = *answer.borrow();
                sender.send((timestamp, genuine, body)).unwrap();
                async move {
                    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap())
                        .finish()
                }
            }))
        });
        tokio::spawn(server.workers(1).disable_signals().listen(socket).unwrap().run());
        Self { url, events, status }
    }

    /// The next event; the test's own time limit ends a wait in vain.
    async fn next(&mut self) -> Event {
        self.events.recv().await.unwrap()
    }

    async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(self.next().await.2["type"].as_str().unwrap().to_owned());
        }
        kinds
    }
}

/// A stand-in with one webhook, whose test request has been received.
async fn registered(more: Value) -> (Stand, Receiver) {
    let stand = Stand::new().await;
    let mut receiver = Receiver::start();
    let mut body = json!({"url": receiver.url, "hmac": HMAC});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, webhook) = stand.api("POST", "/webhooks", body).await;
    assert_eq!((status, &webhook["state"]), (200, &json!("ACTIVE")));
    let (_, genuine, test) = receiver.next().await;
    assert_eq!((genuine, test), (true, json!({"test": "test"})));
    stand.api("POST", "/rooms", json!({"name": "r"})).await;
    (stand, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_is_told_in_signed_events() {
    let (stand, mut receiver) = registered(json!({})).await;
    let token = stand.token(json!({"room_name": "r", "user_id": "u"})).await;
    let (_, joined) = stand.join("r", Some(&token)).await;
    let (timestamp, genuine, started) = receiver.next().await;
    assert_eq!((timestamp, genuine), (START.to_string(), true));
    assert_eq!(
        (&started["type"], &started["payload"]["room"]),
        (&json!("meeting.started"), &json!("r"))
    );
    let (_, _, event) = receiver.next().await;
    assert_eq!(event["type"], "participant.joined");
    assert_eq!((&event["payload"]["user_id"], &event["event_ts"]), (&json!("u"), &json!(START)));
    stand.advance(7);
    let leave = json!({"participant_id": joined["participant_id"]});
    stand.control("POST", "/leave", leave).await;
    let (_, _, left) = receiver.next().await;
    assert_eq!(
        (&left["type"], &left["payload"]["duration"]),
        (&json!("participant.left"), &json!(7))
    );
    assert_eq!(receiver.kinds(1).await, ["meeting.ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejection_by_time_is_told_without_any_request() {
    let (stand, mut receiver) = registered(json!({"eventTypes": ["participant.left"]})).await;
    let token = stand.token(json!({"room_name": "r", "eject_after_elapsed": 60})).await;
    stand.join("r", Some(&token)).await;
    stand.advance(3600);
    let (_, _, left) = receiver.next().await;
    assert_eq!(left["payload"]["duration"], 60, "they left when their time was over");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_twice_reordered_late_in_milliseconds_forged_or_not_at_all() {
    let (stand, mut receiver) = registered(json!({})).await;
    stand.daily.switch(|s| s.duplicate_events = true);
    stand.join("r", None).await;
    let (first, again) = (receiver.next().await.2, receiver.next().await.2);
    assert_eq!(first, again);
    assert_eq!(receiver.kinds(2).await, ["participant.joined", "participant.joined"]);

    stand.daily.switch(|s| (s.duplicate_events, s.reorder_events) = (false, true));
    stand.api("POST", "/rooms", json!({"name": "r2"})).await;
    stand.join("r2", None).await;
    assert_eq!(receiver.kinds(2).await, ["participant.joined", "meeting.started"]);

    stand.daily.switch(|s| {
        (s.reorder_events, s.event_timestamps_in_ms) = (false, true);
        (s.delay_events_ms, s.forge_event_signatures) = (5000, true);
    });
    stand.join("r", None).await;
    stand.advance(5);
    let (timestamp, genuine, event) = receiver.next().await;
    assert_eq!((timestamp, genuine), (format!("{}000", START + 5), false));
    assert_eq!(event["event_ts"], START, "the event itself is not late");

    stand.daily.switch(|s| (s.delay_events_ms, s.drop_events) = (0, true));
    stand.join("r", None).await;
    stand.daily.switch(|s| s.drop_events = false);
    stand.api("DELETE", "/rooms/r2", Value::Null).await;
    assert_eq!(receiver.kinds(1).await, ["participant.left"], "the join before was never told");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_failures_break_the_circuit_and_exponential_webhooks_try_again() {
    let (stand, mut receiver) = registered(json!({})).await;
    receiver.status.send_replace(500);
    stand.join("r", None).await;
    stand.join("r", None).await;
    receiver.kinds(3).await;
    let (_, webhooks) = until(&stand, "FAILED").await;
    assert_eq!(webhooks[0]["failedCount"], 3);

    let (stand, mut receiver) = registered(json!({"retryType": "exponential"})).await;
    receiver.status.send_replace(500);
    stand.join("r", None).await;
    let first = receiver.next().await.2;
    receiver.kinds(1).await;
    receiver.status.send_replace(200);
    loop {
        // Both failures must be booked before the clock moves, or the retry is due later still.
        let (_, webhooks) = stand.api("GET", "/webhooks", Value::Null).await;
        if webhooks[0]["failedCount"] == 2 {
            break;
        }
    }
    stand.advance(1);
    assert_eq!(receiver.next().await.2, first);
}

async fn until(stand: &Stand, state: &str) -> (u16, Value) {
    loop {
        let answer = stand.api("GET", "/webhooks", Value::Null).await;
        if answer.1[0]["state"] == state {
            return answer;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_registered_only_when_its_url_answers_and_can_be_deleted() {
    let (stand, receiver) = registered(json!({})).await;
    receiver.status.send_replace(204);
    for body in [
        json!({"url": receiver.url, "hmac": HMAC}),
        json!({"url": "http://127.0.0.1:1/", "hmac": HMAC}),
        json!({"url": receiver.url, "hmac": "not base64!"}),
        json!({"url": receiver.url, "eventTypes": ["nonsense"]}),
        json!({"url": receiver.url, "event_types": []}),
        json!({"url": "/hook"}),
    ] {
        let refused = stand.api("POST", "/webhooks", body).await;
        assert_eq!(error(refused), (400, "invalid-request-error".to_owned()));
    }
    let (_, webhooks) = stand.api("GET", "/webhooks", Value::Null).await;
    assert_eq!(webhooks.as_array().unwrap().len(), 1);
    let path = format!("/webhooks/{}", webhooks[0]["uuid"].as_str().unwrap());
    assert_eq!(stand.api("GET", &path, Value::Null).await.0, 200);
    assert_eq!(stand.api("DELETE", &path, Value::Null).await.0, 200);
    assert_eq!(stand.api("DELETE", &path, Value::Null).await.0, 404);
    let journal = format!("{:?}", stand.daily.journal());
    assert!(!journal.contains(HMAC), "the secret is not in the journal");
}
