use serde_json::{Value, json};

use crate::support::{START, Stand};

fn user(id: &str) -> Value {
    json!({"room_name": "r", "user_id": id, "exp": START + 3600})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_room_and_no_other() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    stand.room("other", json!({})).await;
    let token = stand.token(json!({"room_name": "r", "user_id": "u", "is_owner": true})).await;
    let (status, body) = stand.join("r", Some(&token)).await;
    assert_eq!((status, &body["user_id"], &body["is_owner"]), (200, &json!("u"), &json!(true)));
    assert_eq!(stand.verdict("other", Some(&token)).await, "token_other_room");
    let url = format!("{}/r?t={token}", stand.daily.url());
    assert_eq!(stand.control("POST", "/join", json!({"url": url})).await.0, 200);
    assert_eq!(stand.present("r").await, ["u", "u"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_room_needs_a_token_and_a_public_one_does_not() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    stand.api("POST", "/rooms", json!({"name": "open"})).await;
    assert_eq!(stand.verdict("r", None).await, "token_required");
    assert_eq!(stand.verdict("open", None).await, "admitted");
    assert_eq!(stand.verdict("missing", None).await, "room_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_and_tokens_open_and_close_on_time() {
    let stand = Stand::new().await;
    stand.room("r", json!({"nbf": START + 10, "exp": START + 100})).await;
    let token = stand.token(json!({"room_name": "r"})).await;
    let narrow = json!({"room_name": "r", "nbf": START + 20, "exp": START + 30});
    let narrow = stand.token(narrow).await;
    assert_eq!(stand.verdict("r", Some(&token)).await, "room_not_yet_open");
    stand.advance(10);
    assert_eq!(stand.verdict("r", Some(&token)).await, "admitted");
    assert_eq!(stand.verdict("r", Some(&narrow)).await, "token_not_yet_valid");
    stand.advance(10);
    assert_eq!(stand.verdict("r", Some(&narrow)).await, "admitted");
    stand.advance(10);
    assert_eq!(stand.verdict("r", Some(&narrow)).await, "token_expired");
    stand.advance(69);
    assert_eq!(stand.verdict("r", Some(&token)).await, "admitted");
    stand.advance(1);
    assert_eq!(stand.verdict("r", Some(&token)).await, "room_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_room_admits_again_when_somebody_leaves() {
    let stand = Stand::new().await;
    stand.room("r", json!({"max_participants": 2})).await;
    let (a, b, c) =
        (stand.token(user("a")).await, stand.token(user("b")).await, stand.token(user("c")).await);
    let (_, first) = stand.join("r", Some(&a)).await;
    assert_eq!(stand.verdict("r", Some(&b)).await, "admitted");
    assert_eq!(stand.verdict("r", Some(&c)).await, "room_full");
    let leave = json!({"participant_id": first["participant_id"]});
    assert_eq!(stand.control("POST", "/leave", leave.clone()).await.0, 200);
    assert_eq!(stand.control("POST", "/leave", leave).await.0, 404);
    assert_eq!(stand.verdict("r", Some(&c)).await, "admitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_unique_users_the_newcomer_takes_the_seat_of_the_twin() {
    let stand = Stand::new().await;
    stand.room("r", json!({"max_participants": 1, "enforce_unique_user_ids": true})).await;
    let token = stand.token(user("a")).await;
    let (_, first) = stand.join("r", Some(&token)).await;
    let (status, second) = stand.join("r", Some(&token)).await;
    assert_eq!(status, 200);
    assert_ne!(first["participant_id"], second["participant_id"]);
    let (_, presence) = stand.api("GET", "/rooms/r/presence", Value::Null).await;
    assert_eq!(
        (&presence["total_count"], &presence["data"][0]["id"]),
        (&json!(1), &second["participant_id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejected_user_comes_back_unless_banned_and_a_ban_lasts_as_long_as_the_meeting() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    let (a, b) = (stand.token(user("a")).await, stand.token(user("b")).await);
    stand.join("r", Some(&a)).await;
    let (_, other) = stand.join("r", Some(&b)).await;
    let eject = |body| stand.api("POST", "/rooms/r/eject", body);
    let (status, ejected) = eject(json!({"user_ids": ["a", "nobody"]})).await;
    assert_eq!((status, ejected["ejectedIds"].as_array().unwrap().len()), (200, 1));
    assert_eq!(stand.verdict("r", Some(&a)).await, "admitted");
    eject(json!({"user_ids": ["a"], "ban": true})).await;
    assert_eq!(stand.verdict("r", Some(&a)).await, "banned");
    assert_eq!(stand.present("r").await, ["b"]);
    eject(json!({"ids": [other["participant_id"]]})).await;
    assert_eq!(stand.verdict("r", Some(&a)).await, "admitted", "a new meeting");
    assert_eq!(eject(json!({"users": []})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_ejected_when_the_room_says_so() {
    let stand = Stand::new().await;
    stand.room("r", json!({"exp": START + 100, "eject_at_room_exp": true})).await;
    let token = stand.token(json!({"room_name": "r", "user_id": "a", "exp": START + 50})).await;
    stand.join("r", Some(&token)).await;
    stand.advance(99);
    assert_eq!(stand.present("r").await, ["a"], "the end of a token alone ejects nobody");
    stand.api("POST", "/rooms/r", json!({"properties": {"exp": START + 200}})).await;
    stand.advance(100);
    assert_eq!(stand.present("r").await, ["a"], "the room was moved");
    stand.advance(1);
    let (_, rooms) = stand.control("GET", "/rooms", Value::Null).await;
    assert_eq!(rooms["rooms"][0]["participants"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokens_eject_property_silences_the_rooms() {
    let stand = Stand::new().await;
    stand.room("r", json!({"eject_after_elapsed": 10})).await;
    let until = json!({"room_name": "r", "user_id": "until", "exp": START + 50, "eject_at_token_exp": true});
    let after = json!({"room_name": "r", "user_id": "after", "eject_after_elapsed": 30});
    for token in [until, after, json!({"room_name": "r", "user_id": "plain"})] {
        stand.join("r", Some(&stand.token(token).await)).await;
    }
    stand.advance(10);
    assert_eq!(stand.present("r").await, ["until", "after"]);
    stand.advance(20);
    assert_eq!(stand.present("r").await, ["until"]);
    stand.advance(20);
    assert!(stand.present("r").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_page_lets_a_person_in_and_out_by_form() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    let token = stand.token(user("<b>a</b>")).await;
    let page = stand.try_raw("GET", &format!("/r?t={token}"), None, "").await.unwrap();
    let html = page.1.as_str().unwrap();
    assert!(page.0 == 200 && html.contains("Nobody yet.") && html.contains(&token));
    let (refused, html) = stand.try_raw("POST", "/r", None, "t=").await.unwrap();
    assert!(refused == 403 && html.as_str().unwrap().contains("needs a token"));
    assert_eq!(stand.try_raw("POST", "/r", None, &format!("t={token}")).await.unwrap().0, 303);
    let (_, html) = stand.try_raw("GET", "/r", None, "").await.unwrap();
    assert!(html.as_str().unwrap().contains("&lt;b&gt;a&lt;/b&gt;"), "names are escaped");
    assert_eq!(stand.try_raw("GET", "/missing", None, "").await.unwrap().0, 404);
    let journal = format!("{:?}", stand.daily.journal());
    assert!(!journal.contains(&token) && journal.contains("/r?t=[blanked]"));
}
