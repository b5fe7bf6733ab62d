//! A second opinion: what AWS's own client for Python signs for the same requests.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{ExposeSecret, ManualClock, RandomExt as _, Secret, SeededRandom};
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

/// Characters that somebody's encoding gets wrong.
const ODD: &str = "aZ09-_.~ +%&=?#@!$'()*,;:ț漢\u{1F642}";

fn odd_text(random: &SeededRandom, length: u32) -> String {
    let odd: Vec<char> = ODD.chars().collect();
    let count = u32::try_from(odd.len()).unwrap();
    (0..length).map(|_| odd[usize::try_from(random.below(count)).unwrap()]).collect()
}

/// A request of some kind, as both are asked for it, and what we sign.
async fn asked(random: &SeededRandom, number: u32) -> (Value, Presigned) {
    let now: DateTime<Utc> = "2026-11-24T23:59:58Z".parse().unwrap();
    let now = now + TimeDelta::seconds(i64::from(number) * 40_503);
    let mut credentials = Credentials::new("AKIDEXAMPLE", "an/example+secret".into());
    let token = number.is_multiple_of(4).then(|| "a/session+token==".to_owned());
    credentials.session_token = token.as_deref().map(Secret::from);
    let config = Config::new("eu-central-1", "files", CredentialSource::Fixed(credentials));
    let clock = Arc::new(ManualClock::at(now));
    let engine = Engine::new(&config, clock, Arc::new(SeededRandom::new(1))).unwrap();
    let key = format!("7/{}/{}", odd_text(random, 9), odd_text(random, 1 + number % 40));
    let ttl = Duration::from_secs(1 + u64::from(number % 300));
    let sha256 = [u8::try_from(number % 251).unwrap(); 32];
    let size = u64::from(random.below(1 << 30));
    let (query, presigned) = match number % 3 {
        0 => {
            let kms = "arn:aws:kms:eu-central-1:1:key/k".to_owned();
            let encryption =
                if number.is_multiple_of(2) { Encryption::Aes256 } else { Encryption::Kms(kms) };
            let body = Body { content_type: "text/plain;  charset=utf-8", size, sha256: &sha256 };
            (Vec::new(), engine.presign_put(&key, &body, &encryption, ttl).await)
        }
        1 => {
            let (shown, version) = (odd_text(random, 30), odd_text(random, 12));
            let presentation = Presentation { disposition: &shown, content_type: "image/png" };
            let signed = engine.presign_get(&key, &version, presentation, ttl).await;
            let query = [
                ("response-content-disposition", shown),
                ("response-content-type", "image/png".to_owned()),
                ("versionId", version),
            ];
            (query.into(), signed)
        }
        _ => {
            let upload = odd_text(random, 20);
            let part = Part {
                number: 1 + u16::try_from(number).unwrap(),
                size,
                sha256: Sha256::from_bytes(sha256),
            };
            let signed = engine.presign_part(&key, &upload, &part, ttl).await;
            (vec![("partNumber", part.number.to_string()), ("uploadId", upload)], signed)
        }
    };
    let presigned = presigned.unwrap();
    let (place, _) = parts(presigned.url.expose_secret());
    let case = serde_json::json!({
        "access_key": "AKIDEXAMPLE", "secret_key": "an/example+secret", "session_token": token,
        "region": "eu-central-1", "amz_date": now.format("%Y%m%dT%H%M%SZ").to_string(),
        "method": presigned.method, "url": place, "query": query, "headers": presigned.headers,
        "expires": ttl.as_secs(),
    });
    (case, presigned)
}

/// Where `cargo xtask test` puts a Python that has botocore.
fn python() -> std::path::PathBuf {
    let given = std::env::var_os("RESTARTIX_BOTOCORE").map(Into::into);
    given.unwrap_or_else(|| {
        let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/botocore/bin/python");
        target.into()
    })
}

#[tokio::test]
async fn botocore_asked_now_signs_the_same_for_requests_of_every_kind() {
    const CASES: u32 = 240;
    let random = SeededRandom::new(20_261_126);
    let (mut input, mut ours) = (String::new(), Vec::new());
    for number in 0..CASES {
        let (case, presigned) = asked(&random, number).await;
        input.push_str(&format!("{case}\n"));
        ours.push((case, presigned));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/s3/presign.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a Python with botocore: `cargo xtask test` installs one");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "botocore failed");
    let theirs = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<_> = theirs.lines().collect();
    assert_eq!(theirs.len(), ours.len());
    for ((case, presigned), theirs) in ours.iter().zip(theirs) {
        assert_eq!(parts(presigned.url.expose_secret()), parts(theirs), "{case}");
    }
}
