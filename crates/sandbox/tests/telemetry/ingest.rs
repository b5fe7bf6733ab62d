use restartix_sandbox::telemetry::Summary;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Sent, Stand, event};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_once_and_each_of_its_events_once() {
    let stand = Stand::new(None).await;
    let (one, two, three) = (event(1), event(2), event(3));
    let first = || stand.sent(1, &[one.clone(), two.clone()]);
    let (status, told) = stand.post(first()).await.unwrap();
    assert_eq!((status, &told["accepted"]), (202, &json!(2)));
    assert_eq!(stand.post(first()).await.unwrap().1["duplicates"], 2);
    let (_, told) = stand.post(stand.sent(2, &[two.clone(), three.clone()])).await.unwrap();
    assert_eq!((&told["accepted"], &told["duplicates"]), (&json!(1), &json!(1)));
    let expected = Summary {
        batches: 2,
        events: 3,
        duplicate_batches: 1,
        duplicate_events: 1,
        ..Summary::default()
    };
    assert_eq!(stand.telemetry.summary(), expected);
    let (_, told) = stand.control("GET", "/_sandbox/events?kind=analytics&after=1", "").await;
    assert_eq!(told["events"].as_array().unwrap().len(), 2, "{told}");
    let (_, none) = stand.control("GET", "/_sandbox/events?organization_id=7", "").await;
    assert_eq!(none["events"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_the_key_lately_and_whole_is_refused() {
    let stand = Stand::new(None).await;
    let sent = || stand.sent(1, &[event(1)]);
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
    let old = sent().timestamp - 301;
    for forged in [Sent { key: other, ..sent() }, Sent { timestamp: old, ..sent() }] {
        assert_eq!(stand.post(forged).await.unwrap().0, 401);
    }
    let bomb = zstd::encode_all(vec![b' '; 3 << 20].as_slice(), 0).unwrap();
    let text = zstd::encode_all(event(1).as_bytes(), 0).unwrap();
    let of_another = event(2).replace("\"organization_id\":42", "\"organization_id\":43");
    let too_many: Vec<_> = (0..=500_u16).map(|n| event(u8::try_from(n % 256).unwrap())).collect();
    for malformed in [
        Sent { encoding: "gzip", ..sent() },
        Sent { batch: "7".to_owned(), ..sent() },
        Sent { body: b"{}\n".to_vec(), ..sent() },
        Sent { body: bomb, ..sent() },
        Sent { body: text, ..sent() },
        stand.sent(1, &[]),
        stand.sent(1, &[event(1), of_another]),
        stand.sent(1, &too_many),
    ] {
        assert_eq!(stand.post(malformed).await.unwrap().0, 400);
    }
    assert_eq!(stand.telemetry.summary(), Summary::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_event_is_named_and_nothing_of_its_batch_is_kept() {
    let stand = Stand::new(None).await;
    let prose = event(2).replace("\"appointment_id\":102", "\"note\":\"Ana Pop\"");
    let (status, told) = stand.post(stand.sent(1, &[event(1), prose])).await.unwrap();
    assert_eq!((status, &told["code"]), (422, &json!("events_refused")));
    let events = told["events"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert!(events[0]["id"].as_str().unwrap().ends_with("02"));
    assert_eq!(events[0]["reason"], "schema");
    let id = events[0]["id"].as_str().unwrap();
    let patch = json!({"refuse_events": [id], "refuse_types": []}).to_string();
    assert_eq!(stand.control("POST", "/_sandbox/switches", &patch).await.0, 200);
    let (_, told) = stand.post(stand.sent(1, &[event(1), event(2)])).await.unwrap();
    assert_eq!(told["events"][0]["reason"], "other");
    let patch = r#"{"refuse_events": [], "refuse_types": ["appointment.started"]}"#;
    stand.control("POST", "/_sandbox/switches", patch).await;
    let (_, told) = stand.post(stand.sent(1, &[event(1)])).await.unwrap();
    assert_eq!(told["events"][0]["reason"], "unknown_type");
    assert_eq!(stand.telemetry.summary().events, 0);
    assert_eq!(stand.control("POST", "/_sandbox/switches", r#"{"refuse": 1}"#).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_come_before_a_batch_is_kept_and_a_lost_answer_after() {
    let stand = Stand::new(None).await;
    let sent = || stand.sent(1, &[event(1)]);
    stand.telemetry.switch(|switches| switches.faults.status_5xx = 1);
    assert_eq!(stand.post(sent()).await.unwrap().0, 503);
    stand.telemetry.switch(|switches| switches.faults.outage = true);
    assert!(stand.post(sent()).await.is_none());
    assert_eq!(stand.telemetry.summary().batches, 0);
    stand.telemetry.switch(|switches| {
        switches.faults.outage = false;
        switches.faults.lose_answer_after_commit = 1;
    });
    assert!(stand.post(sent()).await.is_none());
    assert_eq!(stand.telemetry.summary().events, 1);
    assert_eq!(stand.post(sent()).await.unwrap().1["accepted"], 0);
    assert!(stand.telemetry.journal().iter().any(|entry| entry.answer_lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_a_restart_and_what_was_not_written_whole_is_not() {
    let store = TempDir::new().unwrap();
    let directory = store.path().join("telemetry");
    let stand = Stand::new(Some(directory.clone())).await;
    stand.post(stand.sent(1, &[event(1), event(2)])).await.unwrap();
    drop(stand);
    let file = directory.join("batches.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str(r#"{"batch":"half"#);
    std::fs::write(&file, text).unwrap();
    let stand = Stand::new(Some(directory)).await;
    assert_eq!(stand.telemetry.events().len(), 2);
    assert_eq!(stand.post(stand.sent(1, &[event(1)])).await.unwrap().1["accepted"], 0);
    let (_, told) = stand.post(stand.sent(2, &[event(2), event(3)])).await.unwrap();
    assert_eq!(told["accepted"], 1, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_with_everything_still_there() {
    let stand = Stand::new(None).await;
    stand.post(stand.sent(1, &[event(1)])).await.unwrap();
    stand.telemetry.stop().await.unwrap();
    assert!(stand.post(stand.sent(2, &[event(2)])).await.is_none());
    stand.telemetry.restart().await.unwrap();
    stand.post(stand.sent(2, &[event(2)])).await.unwrap();
    assert_eq!(stand.telemetry.until(|summary| summary.events >= 2).await.batches, 2);
    assert_eq!(stand.control("GET", "/healthz", "").await.0, 200);
}
