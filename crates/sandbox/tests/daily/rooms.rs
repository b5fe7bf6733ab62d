use serde_json::{Value, json};

use crate::support::{START, Stand, error};
use restartix_sandbox::daily::Switches;

const INVALID: (u16, &str) = (400, "invalid-request-error");

fn is(got: (u16, Value), expected: (u16, &str)) {
    let got = error(got);
    assert_eq!((got.0, got.1.as_str()), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_shows_what_differs_from_the_defaults_and_is_public_unless_told() {
    let stand = Stand::new().await;
    let body = json!({"name": "restartix-1-102",
        "properties": {"exp": START + 9, "enable_chat": false, "eject_at_room_exp": true}});
    let (status, room) = stand.api("POST", "/rooms", body).await;
    assert_eq!(status, 200);
    assert_eq!(room["privacy"], "public");
    assert_eq!(room["config"], json!({"exp": START + 9, "eject_at_room_exp": true}));
    assert_eq!(room["url"], format!("{}/restartix-1-102", stand.daily.url()));
    assert_eq!(room["created_at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(room["api_created"], true);
    assert_eq!(stand.api("GET", "/rooms/restartix-1-102", Value::Null).await, (200, room));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_room_of_a_name_is_refused_in_dailys_words() {
    let stand = Stand::new().await;
    stand.room("twice", json!({})).await;
    let refused = stand.api("POST", "/rooms", json!({"name": "twice"})).await;
    let words =
        json!({"error": "invalid-request-error", "info": "a room named twice already exists"});
    assert_eq!(refused, (400, words));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_creations_at_once_one_makes_the_room() {
    let stand = Stand::new().await;
    let tries = (0..50).map(|_| stand.api("POST", "/rooms", json!({"name": "one"})));
    let statuses = futures_util::future::join_all(tries).await;
    assert_eq!(statuses.iter().filter(|(status, _)| *status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|(status, _)| *status == 400).count(), 49);
    assert_eq!(stand.daily.room_names(), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_names_unknown_keys_and_wrong_types_are_refused() {
    let stand = Stand::new().await;
    for body in [
        json!({"name": "a b"}),
        json!({"name": "ä"}),
        json!({"name": ""}),
        json!({"name": "a".repeat(129)}),
        json!({"name": "a", "colour": 1}),
        json!({"name": "a", "privacy": "secret"}),
        json!({"name": "a", "properties": {"colour": 1}}),
        json!({"name": "a", "properties": {"exp": "soon"}}),
        json!([]),
    ] {
        is(stand.api("POST", "/rooms", body).await, INVALID);
    }
    assert!(stand.daily.room_names().is_empty());
    assert_eq!(stand.api("POST", "/rooms", json!({"name": "a".repeat(128)})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_names() {
    let stand = Stand::new().await;
    stand.room("r", json!({"max_participants": 2})).await;
    let patch = json!({"properties": {"exp": START + 7200}});
    let (status, room) = stand.api("POST", "/rooms/r", patch).await;
    assert_eq!((status, &room["privacy"]), (200, &json!("private")));
    assert_eq!(room["config"], json!({"nbf": START, "exp": START + 7200, "max_participants": 2}));
    is(stand.api("POST", "/rooms/missing", json!({})).await, (404, "not-found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_is_gone() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    let deleted = stand.api("DELETE", "/rooms/r", Value::Null).await;
    assert_eq!(deleted, (200, json!({"deleted": true, "name": "r"})));
    is(stand.api("DELETE", "/rooms/r", Value::Null).await, (404, "not-found"));
    is(stand.api("GET", "/rooms/r", Value::Null).await, (404, "not-found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_room_is_missing_and_says_so_when_deleted() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    stand.advance(3599);
    assert_eq!(stand.api("GET", "/rooms/r", Value::Null).await.0, 200);
    stand.advance(1);
    is(stand.api("GET", "/rooms/r", Value::Null).await, (404, "not-found"));
    assert_eq!(stand.api("GET", "/rooms", Value::Null).await.1["total_count"], 0);
    let (status, body) = stand.api("DELETE", "/rooms/r", Value::Null).await;
    assert_eq!(
        (status, &body["deleted"], &body["error"]),
        (404, &json!(true), &json!("not-found"))
    );
    assert_eq!(stand.api("POST", "/rooms", json!({"name": "r"})).await.0, 200, "the name is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_page_by_page_newest_first() {
    let stand = Stand::new().await;
    for name in ["a", "b", "c"] {
        stand.room(name, json!({})).await;
        stand.advance(1);
    }
    let names = |body: &Value| -> Vec<String> {
        let rooms = body["data"].as_array().unwrap();
        rooms.iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
    };
    let (_, first) = stand.api("GET", "/rooms?limit=2", Value::Null).await;
    assert_eq!((names(&first), &first["total_count"]), (vec!["c".into(), "b".into()], &json!(3)));
    let after =
        format!("/rooms?limit=2&starting_after={}", first["data"][1]["id"].as_str().unwrap());
    let (_, second) = stand.api("GET", &after, Value::Null).await;
    assert_eq!(names(&second), ["a"]);
    is(stand.api("GET", "/rooms?limit=101", Value::Null).await, INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_hipaa_mode_names_are_assigned_and_never_chosen() {
    let switches = Switches { hipaa: true, rate_limits: false, ..Switches::default() };
    let stand = Stand::with(switches).await;
    is(stand.api("POST", "/rooms", json!({"name": "chosen"})).await, INVALID);
    let (status, room) = stand.api("POST", "/rooms", json!({"privacy": "private"})).await;
    assert_eq!((status, room["name"].as_str().unwrap().len()), (200, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_nothing_is_answered() {
    let stand = Stand::new().await;
    let none = stand.try_raw("GET", "/v1/rooms", None, "").await.unwrap();
    is(none, (400, "authorization-header-error"));
    let basic = stand.try_raw("GET", "/v1/rooms", Some("Basic eA=="), "").await.unwrap();
    is(basic, (400, "authorization-header-error"));
    let wrong = stand.try_raw("GET", "/v1/rooms", Some("Bearer nope"), "").await.unwrap();
    is(wrong, (401, "authentication-error"));
    let key = Some("Bearer test-api-key");
    let broken = stand.try_raw("POST", "/v1/rooms", key, "{").await.unwrap();
    is(broken, (400, "json-parsing-error"));
    let (status, domain) = stand.api("GET", "/", Value::Null).await;
    assert_eq!(
        (status, &domain["domain_id"]),
        (200, &json!("30f866c3-9123-452a-8723-ff58322d09c5"))
    );
    is(stand.api("GET", "/nothing", Value::Null).await, (404, "not-found"));
}
