//! A second opinion: what AWS's own client for Python signs for the same requests.

use std::sync::Arc;
use std::time::Duration;

use restartix_kernel::{ExposeSecret, ManualClock, Secret, SeededRandom};
use restartix_storage::{Part, Sha256};
use serde_json::Value;

use crate::encryption::Encryption;
use crate::engine::Engine;
use crate::presign::{Body, Presentation, Presigned};
use crate::{Config, CredentialSource, Credentials};

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn of<'a>(pairs: &'a Value, name: &str) -> Option<&'a str> {
    let pair = pairs.as_array().unwrap().iter().find(|pair| pair[0] == name)?;
    pair[1].as_str()
}

fn engine(file: &Value, case: &Value) -> Engine {
    let mut key =
        Credentials::new(text(file, "access_key"), Secret::from(text(file, "secret_key")));
    key.session_token = case["session_token"].as_str().map(Secret::from);
    let config = Config::new(text(file, "region"), "files", CredentialSource::Fixed(key));
    let now = "2026-11-24T10:00:00Z".parse().unwrap();
    assert_eq!(text(file, "amz_date"), "20261124T100000Z");
    Engine::new(&config, Arc::new(ManualClock::at(now)), Arc::new(SeededRandom::new(1))).unwrap()
}

async fn signed(engine: &Engine, case: &Value) -> Presigned {
    let (key, headers, query) = (text(case, "key"), &case["headers"], &case["query"]);
    let ttl = Duration::from_secs(case["expires"].as_u64().unwrap());
    let body = Body {
        content_type: of(headers, "content-type").unwrap_or_default(),
        size: 1234,
        sha256: &[7; 32],
    };
    let kms = of(headers, "x-amz-server-side-encryption-aws-kms-key-id");
    let encryption = kms.map_or(Encryption::Aes256, |key| Encryption::Kms(key.to_owned()));
    let presigned = match text(case, "id") {
        "get" => {
            let presentation = Presentation {
                disposition: of(query, "response-content-disposition").unwrap(),
                content_type: of(query, "response-content-type").unwrap(),
            };
            engine.presign_get(key, of(query, "versionId").unwrap(), presentation, ttl).await
        }
        "part" => {
            let part = Part { number: 3, size: 1234, sha256: Sha256::from_bytes([7; 32]) };
            engine.presign_part(key, of(query, "uploadId").unwrap(), &part, ttl).await
        }
        _ => engine.presign_put(key, &body, &encryption, ttl).await,
    };
    presigned.unwrap()
}

/// The parts of a URL; the order within its query means nothing.
fn parts(url: &str) -> (&str, Vec<&str>) {
    let (place, query) = url.split_once('?').unwrap();
    let mut pairs: Vec<_> = query.split('&').collect();
    pairs.sort_unstable();
    (place, pairs)
}

#[tokio::test]
async fn urls_are_presigned_as_awss_own_client_does() {
    let file = include_str!("../../../../fixtures/s3/presigned_by_botocore.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let presigned = signed(&engine(&file, case), case).await;
        assert_eq!(
            parts(presigned.url.expose_secret()),
            parts(text(case, "url")),
            "{}",
            case["id"]
        );
        assert_eq!(presigned.method, text(case, "method"));
        let headers: Vec<_> = presigned
            .headers
            .iter()
            .map(|(name, value)| serde_json::json!([name, value]))
            .collect();
        assert_eq!(Value::from(headers), case["headers"], "{}", case["id"]);
    }
}
