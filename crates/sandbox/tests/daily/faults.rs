use serde_json::{Value, json};

use crate::support::{KEY, Stand, error};

#[tokio::test(flavor = "multi_thread")]
async fn told_to_fail_it_fails_so_often_and_does_nothing() {
    let stand = Stand::new().await;
    stand.control("POST", "/switches", json!({"status_5xx": 1, "status_429": 1})).await;
    let create = || stand.api("POST", "/rooms", json!({"name": "r"}));
    assert_eq!(error(create().await), (503, "server-error".to_owned()));
    assert_eq!(error(create().await), (429, "rate-limit-error".to_owned()));
    assert!(stand.daily.room_names().is_empty());
    assert_eq!(create().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_lost_after_the_commit_without_a_byte_of_it() {
    let stand = Stand::new().await;
    stand.daily.switch(|s| s.faults.lose_answer_after_commit = 1);
    assert_eq!(stand.api("GET", "/rooms", Value::Null).await.0, 200, "only changes lose answers");
    let body = r#"{"name":"r"}"#;
    let request = format!(
        "POST /v1/rooms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(stand.bytes(&request), b"");
    assert_eq!(stand.daily.room_names(), ["r"]);
    let last = stand.daily.journal().pop().unwrap();
    assert_eq!((last.status, last.answer_lost), (None, true));
    assert_eq!(stand.api("POST", "/rooms", json!({"name": "r"})).await.0, 400, "it is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_request_is_dropped_after_ten_minutes() {
    let stand = Stand::new().await;
    stand.daily.switch(|s| s.faults.timeout = 1);
    let (answer, ()) = tokio::join!(stand.try_api("POST", "/rooms", json!({"name": "r"})), async {
        while stand.daily.journal().is_empty() {
            tokio::task::yield_now().await;
        }
        while stand.daily.switches().faults.timeout > 0 {
            tokio::task::yield_now().await;
        }
        stand.advance(601);
    });
    assert_eq!(answer, None);
    assert!(stand.daily.room_names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_arrives_whole_when_the_clock_has_moved() {
    let stand = Stand::new().await;
    stand.daily.switch(|s| s.faults.slow_body_ms = 3000);
    let answer = stand.api("GET", "/", Value::Null);
    tokio::pin!(answer);
    let (_, body) = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            () = tokio::task::yield_now() => stand.advance(3),
        }
    };
    assert_eq!(body["domain_name"], "sandbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_with_everything_still_there() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    stand.daily.stop().await.unwrap();
    assert_eq!(stand.try_api("GET", "/rooms/r", Value::Null).await, None);
    stand.daily.restart().await.unwrap();
    assert_eq!(stand.api("GET", "/rooms/r", Value::Null).await.0, 200);
    stand.control("POST", "/switches", json!({"outage": true})).await;
    assert_eq!(stand.try_api("GET", "/rooms/r", Value::Null).await, None);
    stand.control("POST", "/switches", json!({"outage": false})).await;
    assert_eq!(stand.api("GET", "/rooms/r", Value::Null).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn switches_are_shown_and_misspelt_ones_refused() {
    let stand = Stand::new().await;
    let (status, shown) = stand.control("POST", "/switches", json!({"hipaa": true})).await;
    assert_eq!((status, &shown["hipaa"], &shown["timeout"]), (200, &json!(true), &json!(0)));
    assert_eq!(stand.control("GET", "/switches", Value::Null).await, (200, shown));
    assert_eq!(stand.control("POST", "/switches", json!({"hippa": true})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_keeps_requests_and_no_secrets() {
    let stand = Stand::new().await;
    let token = stand.token(json!({"room_name": "r", "user_name": "Guest"})).await;
    stand.api("GET", &format!("/meeting-tokens/{token}"), Value::Null).await;
    stand.join("r", Some(&token)).await;
    let (_, journal) = stand.control("GET", "/journal", Value::Null).await;
    let text = journal.to_string();
    assert!(!text.contains(&token) && !text.contains(KEY));
    let entries = journal["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["body"]["properties"]["user_name"], "Guest");
    assert_eq!(
        (&entries[1]["path"], &entries[1]["status"]),
        (&json!("/v1/meeting-tokens/[blanked]"), &json!(200))
    );
    assert_eq!(
        (&entries[2]["path"], &entries[2]["status"]),
        (&json!("/_sandbox/join"), &json!(403))
    );
    stand.control("DELETE", "/journal", Value::Null).await;
    assert!(stand.daily.journal().is_empty());
}
