use serde_json::{Value, json};

use crate::support::{SECRET, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_endpoint_leaves_the_others_alone() {
    let stand = Stand::new().await;
    let told = json!({"outage": true});
    assert_eq!(stand.control("POST", "/endpoints/dead/switches", told).await.0, 200);
    assert!(stand.send("dead", 1, &[]).await.is_none());
    assert_eq!(stand.send("well", 1, &[]).await.unwrap().status, 200);
    stand.control("POST", "/endpoints/dead/switches", json!({"outage": false})).await;
    assert_eq!(stand.send("dead", 1, &[]).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_how_to_answer_it_answers_so() {
    let stand = Stand::new().await;
    let told = json!({"status": 503, "retry_after": "120", "body_bytes": 40_000});
    stand.control("POST", "/switches", told).await;
    let answer = stand.send("make", 1, &[]).await.unwrap();
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("120")));
    assert_eq!(answer.body.len(), 40_000);
    let told = json!({"status": 302, "location": "http://169.254.169.254/"});
    stand.control("POST", "/switches", told).await;
    let answer = stand.send("make", 1, &[]).await.unwrap();
    assert_eq!((answer.status, answer.location.as_deref()), (302, Some("http://169.254.169.254/")));
    stand.control("POST", "/switches", json!({"status": 200, "status_429": 1})).await;
    assert_eq!(stand.send("make", 1, &[]).await.unwrap().status, 429);
    assert_eq!(stand.send("make", 1, &[]).await.unwrap().status, 200);
    for bad in [json!({"status": 99}), json!({"stauts": 200}), json!([])] {
        assert_eq!(stand.control("POST", "/switches", bad).await.0, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_waits_on_the_clock() {
    let stand = Stand::new().await;
    stand.receiver.switch_all(|s| s.delay_ms = 20_000);
    let answer = stand.send("make", 1, &[]);
    tokio::pin!(answer);
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer.unwrap(),
            () = tokio::task::yield_now() => stand.advance(20),
        }
    };
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_answers_nothing_and_is_dropped_after_ten_minutes() {
    let stand = Stand::new().await;
    stand.receiver.switch("make", |s| s.faults.timeout = 1);
    let answer = stand.send("make", 1, &[]);
    tokio::pin!(answer);
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            () = tokio::task::yield_now() => stand.advance(601),
        }
    };
    assert!(answer.is_none());
    assert!(stand.receiver.deliveries("make").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_the_senders_refuses_its_verification() {
    let stand = Stand::new().await;
    let verify = r#"{"id":"evt_v","type":"endpoint.verification"}"#;
    assert_eq!(stand.send_body("make", "evt_v", verify, &[SECRET]).await.unwrap().status, 200);
    stand.receiver.switch("make", |s| s.refuse_verification = true);
    assert_eq!(stand.send_body("make", "evt_v", verify, &[SECRET]).await.unwrap().status, 404);
    assert_eq!(stand.send("make", 1, &[SECRET]).await.unwrap().status, 200, "events are taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_with_everything_still_there() {
    let stand = Stand::new().await;
    stand.tell("make", &[SECRET]);
    stand.send("make", 1, &[SECRET]).await.unwrap();
    stand.receiver.stop().await.unwrap();
    assert!(stand.send("make", 2, &[SECRET]).await.is_none());
    stand.receiver.restart().await.unwrap();
    assert_eq!(stand.send("make", 2, &[SECRET]).await.unwrap().status, 200);
    assert_eq!(stand.receiver.summary("make").verified, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_are_nobodys() {
    let stand = Stand::new().await;
    let long = "x".repeat(65);
    for path in ["/nothing", "/endpoints/a.b/switches", &format!("/endpoints/{long}/switches")] {
        assert_eq!(stand.control("GET", path, Value::Null).await.0, 404, "{path}");
    }
    let names: Vec<_> = stand.receiver.summaries().into_keys().collect();
    assert!(names.is_empty(), "{names:?}");
}
