//! Uploads by a form (`POST` to the bucket).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use restartix_kernel::{Clock as _, SystemClock};
use serde_json::json;

use crate::support::{Answer, REGION, Stand, USUAL, Way, signature};

const SSE: &str = "x-amz-server-side-encryption";

async fn post(stand: &Stand, way: Way<'_>, key: &str, sse: Option<&str>) -> Answer {
    let now = SystemClock.now();
    let at = now.format("%Y%m%dT%H%M%SZ").to_string();
    let credential = format!("sandbox-access-key/{}/{REGION}/s3/aws4_request", &at[..8]);
    let mut fields = vec![
        ("key", key.to_owned()),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("x-amz-credential", credential),
        ("x-amz-date", at.clone()),
    ];
    fields.extend(sse.map(|sse| (SSE, sse.to_owned())));
    let conditions = fields.iter().map(|(name, value)| json!({*name: value}));
    let conditions: Vec<_> = conditions.chain([json!({"bucket": "files"})]).collect();
    let expiration = (now + TimeDelta::minutes(5)).format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let policy = json!({"expiration": expiration, "conditions": conditions}).to_string();
    let policy = STANDARD.encode(policy);
    let signed = signature(way, &at, &policy);
    fields.extend([("policy", policy), ("x-amz-signature", signed)]);
    let field = |(name, value): &(&str, String)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut body: String = fields.iter().map(field).collect();
    body.push_str("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n");
    body.push_str("Content-Type: text/plain\r\n\r\nby a form\r\n--B--\r\n");
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    stand.send("POST", "/files", &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_obeys_the_policy_as_a_put_does() {
    let stand = Stand::new().await;
    let refuse = json!({
        "Action": "s3:PutObject", "Condition": {"StringNotEquals": {format!("s3:{SSE}"): "AES256"}},
    });
    stand.put_policy(&[refuse]).await;
    assert_eq!(post(&stand, USUAL, "1/a", None).await.told(), (403, "AccessDenied"));
    assert_eq!(post(&stand, USUAL, "1/a", Some("aws:kms")).await.told(), (403, "AccessDenied"));
    let wrong = Way { secret: "wrong", ..USUAL };
    let forged = post(&stand, wrong, "1/a", Some("AES256")).await;
    assert_eq!(forged.told(), (403, "SignatureDoesNotMatch"));
    assert_eq!(post(&stand, USUAL, "1/../2/a", Some("AES256")).await.status, 400);
    assert!(stand.keys().is_empty());
    let taken = post(&stand, USUAL, "1/a", Some("AES256")).await;
    assert_eq!(taken.status, 204, "{}", taken.body);
    assert_eq!(stand.ask("GET", "/files/1/a", &[], "").await.body, "by a form");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forms_signature_grows_old_too() {
    let stand = Stand::new().await;
    let old = json!({
        "Action": "s3:*", "Condition": {"NumericGreaterThan": {"s3:signatureAge": "60000"}},
    });
    stand.put_policy(&[old]).await;
    assert_eq!(post(&stand, USUAL, "1/a", None).await.status, 204);
    stand.clock.advance(TimeDelta::minutes(2));
    assert_eq!(post(&stand, USUAL, "1/a", None).await.told(), (403, "AccessDenied"));
}
