//! The examples that AWS publishes: `fixtures/s3/sigv4_vectors.json`.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::key::{Keyring, SigningKey};
use super::moment::Moment;
use super::request::{Payload, Unsigned, sha256};
use crate::Credentials;

/// The secret key that AWS's pages print for `AKIAIOSFODNN7EXAMPLE`.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The one of the pages on key derivation: the same but for one character.
const SECRET_OF_IAM: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn vectors(kind: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../../../fixtures/s3/sigv4_vectors.json"))
            .unwrap();
    let all = all["vectors"].as_array().unwrap().clone();
    let found: Vec<_> = all.into_iter().filter(|vector| vector["kind"] == kind).collect();
    assert!(!found.is_empty(), "no vector of the kind {kind}");
    found
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    let pairs = value.as_array().into_iter().flatten();
    pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect()
}

fn at(vector: &Value) -> DateTime<Utc> {
    let format = "%Y%m%dT%H%M%SZ";
    NaiveDateTime::parse_from_str(text(vector, "amz_date"), format).unwrap().and_utc()
}

fn credentials(vector: &Value) -> Credentials {
    Credentials::new(text(vector, "access_key"), SECRET.into())
}

fn to_sign(ring: &Keyring, vector: &Value, request: &Unsigned) -> String {
    let moment = Moment::of(at(vector));
    super::string_to_sign(&moment, &ring.scope(&moment), request)
}

fn method(vector: &Value) -> &'static str {
    match text(vector, "method") {
        "GET" => "GET",
        "PUT" => "PUT",
        other => panic!("a vector with the method {other}"),
    }
}

#[test]
fn requests_are_signed_in_their_headers_as_published() {
    for vector in vectors("header") {
        let id = text(&vector, "id");
        let mut request =
            Unsigned::new(method(&vector), text(&vector, "host"), text(&vector, "path"));
        for (name, value) in pairs(&vector["query"]) {
            request.add_query(name, value);
        }
        for (name, value) in pairs(&vector["headers"]) {
            request.set_header(name, value);
        }
        request.payload = Payload::of(text(&vector, "payload_utf8").as_bytes());
        assert_eq!(request.canonical(), text(&vector, "canonical_request"), "{id}");

        let ring = Keyring::new(text(&vector, "region"), "s3");
        assert_eq!(to_sign(&ring, &vector, &request), text(&vector, "string_to_sign"), "{id}");
        let signed = ring.sign_headers(&credentials(&vector), at(&vector), request);
        let found = signed.headers().iter().find(|(name, _)| name == "authorization");
        let (_, authorization) = found.unwrap();
        let expected = format!("Signature={}", text(&vector, "signature"));
        assert!(authorization.ends_with(&expected), "{id}: {authorization}");
    }
}

#[test]
fn urls_are_presigned_as_published() {
    for vector in vectors("presign") {
        let request = Unsigned::new(method(&vector), text(&vector, "host"), text(&vector, "path"));
        let ring = Keyring::new(text(&vector, "region"), "s3");
        let expires = Duration::from_secs(vector["expires"].as_u64().unwrap());
        let signed = ring.presign(&credentials(&vector), at(&vector), expires, request);
        let url = format!("https://{}{}", text(&vector, "host"), signed.target());
        assert_eq!(url, text(&vector, "url"));
    }
}

#[test]
fn chunks_are_signed_as_published() {
    for vector in vectors("aws-chunked") {
        let canonical = text(&vector, "canonical_request");
        let mut lines = canonical.lines();
        let (_, path) = (lines.next().unwrap(), lines.next().unwrap());
        let headers = pairs(&vector["headers"]);
        let host = headers.iter().find(|(name, _)| *name == "host").unwrap().1;
        let mut request = Unsigned::new("PUT", host, path);
        for (name, value) in headers {
            request.set_header(name, value);
        }
        request.payload = Payload::Named("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
        assert_eq!(request.canonical(), canonical);

        let ring = Keyring::new(text(&vector, "region"), "s3");
        assert_eq!(to_sign(&ring, &vector, &request), text(&vector, "string_to_sign"));
        let key = ring.key(&credentials(&vector), at(&vector));
        let mut previous = key.sign(text(&vector, "string_to_sign"));
        assert_eq!(previous, text(&vector, "signature"));
        for chunk in vector["chunks"].as_array().unwrap() {
            let length = usize::try_from(chunk["bytes"].as_u64().unwrap()).unwrap();
            let body = text(chunk, "fill").repeat(length);
            let to_sign = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{previous}\n{}\n{}",
                text(&vector, "amz_date"),
                ring.scope(&Moment::of(at(&vector))),
                sha256(b""),
                sha256(body.as_bytes()),
            );
            assert_eq!(to_sign, text(chunk, "string_to_sign"));
            previous = key.sign(&to_sign);
            assert_eq!(previous, text(chunk, "signature"));
        }
    }
}

fn day(vector: &Value) -> NaiveDate {
    NaiveDate::parse_from_str(text(vector, "date"), "%Y%m%d").unwrap()
}

#[test]
fn a_policy_is_signed_as_published() {
    for vector in vectors("post-policy") {
        let policy = BASE64_STANDARD.encode(text(&vector, "policy_utf8"));
        assert_eq!(policy, text(&vector, "policy_base64"));
        let key = SigningKey::derive(SECRET, day(&vector), text(&vector, "region"), "s3");
        assert_eq!(key.sign(&policy), text(&vector, "signature"));
    }
}

#[test]
fn signing_keys_are_derived_as_published() {
    for vector in vectors("signing-key") {
        let (region, service) = (text(&vector, "region"), text(&vector, "service"));
        let key = SigningKey::derive(SECRET_OF_IAM, day(&vector), region, service);
        // The key itself is not told; what it signs is.
        let published = hex::decode(text(&vector, "signing_key_hex")).unwrap();
        let signed = Hmac::<Sha256>::new_from_slice(&published).unwrap().chain_update("a text");
        assert_eq!(key.sign("a text"), hex::encode(signed.finalize().into_bytes()));
    }
}

#[test]
fn every_published_vector_is_tested() {
    let kinds = ["header", "presign", "aws-chunked", "post-policy", "signing-key"];
    let tested: usize = kinds.iter().map(|kind| vectors(kind).len()).sum();
    let all: Value =
        serde_json::from_str(include_str!("../../../../../fixtures/s3/sigv4_vectors.json"))
            .unwrap();
    assert_eq!(tested, all["vectors"].as_array().unwrap().len());
}
