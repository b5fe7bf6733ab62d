use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{START, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_runs_ends_with_the_meeting_and_is_deleted() {
    let stand = Stand::new().await;
    stand.room("r", json!({"enable_recording": "cloud"})).await;
    let start = || stand.api("POST", "/rooms/r/recordings/start", Value::Null);
    assert_eq!(start().await.0, 400, "nobody is there");
    let token = stand.token(json!({"room_name": "r", "is_owner": true})).await;
    let (_, joined) = stand.join("r", Some(&token)).await;
    assert_eq!(start().await.0, 200);
    let (_, list) = stand.api("GET", "/recordings?room_name=r", Value::Null).await;
    assert_eq!(
        (&list["total_count"], &list["data"][0]["status"]),
        (&json!(1), &json!("in-progress"))
    );
    stand.advance(90);
    let leave = json!({"participant_id": joined["participant_id"]});
    stand.control("POST", "/leave", leave).await;
    let id = list["data"][0]["id"].as_str().unwrap();
    let (_, recording) = stand.api("GET", &format!("/recordings/{id}"), Value::Null).await;
    assert_eq!(
        (&recording["status"], &recording["duration"], &recording["start_ts"]),
        (&json!("finished"), &json!(90), &json!(START))
    );
    let gone = stand.api("DELETE", &format!("/recordings/{id}"), Value::Null).await;
    assert_eq!(gone, (200, json!({"deleted": true, "id": id})));
    assert_eq!(stand.api("GET", &format!("/recordings/{id}"), Value::Null).await.0, 404);
    assert_eq!(
        stand.api("GET", "/recordings?room_name=other", Value::Null).await.1["total_count"],
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_link_works_byte_for_byte_until_it_expires() {
    let stand = Stand::new().await;
    let content = STANDARD.encode("moving pictures");
    let (_, made) =
        stand.control("POST", "/recordings", json!({"room": "r", "content": content})).await;
    let path =
        format!("/recordings/{}/access-link?valid_for_secs=60", made["id"].as_str().unwrap());
    let (_, link) = stand.api("GET", &path, Value::Null).await;
    assert_eq!(link["expires"], START + 60);
    let link = link["download_link"].as_str().unwrap();
    let local = link.strip_prefix(stand.daily.url()).unwrap();
    let got = stand.try_raw("GET", local, None, "").await;
    assert_eq!(got, Some((200, json!("moving pictures"))));
    let tidied = local.replace("%2F", "/");
    assert_ne!(tidied, local);
    assert_eq!(stand.try_raw("GET", &tidied, None, "").await.unwrap().0, 403);
    stand.daily.switch(|s| s.cut_downloads = 1);
    assert_eq!(stand.try_raw("GET", local, None, "").await, None, "broken off in the middle");
    stand.advance(60);
    assert_eq!(stand.try_raw("GET", local, None, "").await.unwrap().0, 403);
}
