use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{KEY, START, Stand, error};

const DOMAIN: &str = "30f866c3-9123-452a-8723-ff58322d09c5";

fn signed(key: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// The claims that are readable in a token.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_makes_tokens_with_dailys_claims() {
    let stand = Stand::new().await;
    let properties = json!({"room_name": "r", "user_id": "u-1", "user_name": "Guest",
        "is_owner": true, "nbf": START, "exp": START + 60, "eject_at_token_exp": true,
        "eject_after_elapsed": 30, "enable_recording": "cloud", "start_cloud_recording": false,
        "enable_recording_ui": false, "lang": "en", "permissions": {"canSend": ["audio"]}});
    let token = stand.token(properties.clone()).await;
    assert_eq!(
        claims(&token),
        json!({"r": "r", "ud": "u-1", "u": "Guest", "o": true, "nbf": START, "exp": START + 60,
            "ejt": true, "eje": 30, "er": "cloud", "sr": false, "erui": false, "uil": "en",
            "p": {"canSend": ["audio"]}, "iat": START, "d": DOMAIN})
    );
    let validated = stand.api("GET", &format!("/meeting-tokens/{token}"), Value::Null).await;
    assert_eq!(validated, (200, properties));
    stand.advance(60);
    let over = stand.api("GET", &format!("/meeting-tokens/{token}"), Value::Null).await;
    assert_eq!(error(over), (400, "invalid-request-error".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_properties_and_long_user_ids_are_refused() {
    let stand = Stand::new().await;
    for properties in [
        json!({"room_name": "r", "colour": 1}),
        json!({"user_id": "x".repeat(37)}),
        json!({"exp": "soon"}),
    ] {
        let refused = stand.api("POST", "/meeting-tokens", json!({"properties": properties})).await;
        assert_eq!(error(refused), (400, "invalid-request-error".to_owned()));
    }
    stand.token(json!({"user_id": "x".repeat(36)})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn self_signed_tokens_go_the_same_way_and_need_room_domain_and_issue_time() {
    let stand = Stand::new().await;
    stand.room("r", json!({})).await;
    let good = json!({"r": "r", "d": DOMAIN, "iat": START, "ud": "u", "exp": START + 60});
    assert_eq!(stand.verdict("r", Some(&signed(KEY, &good))).await, "admitted");
    for missing in ["r", "d", "iat"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(missing);
        assert_eq!(stand.verdict("r", Some(&signed(KEY, &claims))).await, "token_invalid");
    }
    assert_eq!(stand.verdict("r", Some(&signed("other-key", &good))).await, "token_invalid");
    assert_eq!(stand.verdict("r", Some("nonsense")).await, "token_invalid");
    let mut foreign = good.clone();
    foreign["d"] = json!("00000000-0000-4000-8000-000000000000");
    assert_eq!(stand.verdict("r", Some(&signed(KEY, &foreign))).await, "token_other_domain");
    let mut mistyped = good.clone();
    mistyped["o"] = json!("true");
    assert_eq!(stand.verdict("r", Some(&signed(KEY, &mistyped))).await, "token_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_api_without_a_room_opens_every_room_for_ever() {
    let stand = Stand::new().await;
    stand.room("a", json!({})).await;
    stand.room("b", json!({})).await;
    let token = stand.token(json!({})).await;
    assert_eq!(stand.verdict("a", Some(&token)).await, "admitted");
    assert_eq!(stand.verdict("b", Some(&token)).await, "admitted");
}
