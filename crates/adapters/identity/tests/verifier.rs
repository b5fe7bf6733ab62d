//! Which tokens prove somebody, and which do not.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Header};
use restartix_identity::{
    Config, ConfigError, DevelopmentToken, Expected, KeySource, Verifier, sign_development_token,
};
use restartix_kernel::{ExposeSecret, Secret};
use restartix_tenancy::{Session, Subject, TokenVerifier};
use serde_json::{Value, json};
use support::{Publisher, SECRET, Signing, anna, anna_but, clock, outcome, set, start};

fn shared_secret(expected: Expected) -> Verifier {
    Verifier::new(Config { keys: KeySource::Secret(SECRET.into()), expected }, clock()).unwrap()
}

fn by_url(publisher: &Publisher, clock: std::sync::Arc<restartix_kernel::ManualClock>) -> Verifier {
    let keys = KeySource::JwksUrl(publisher.url.clone());
    Verifier::new(Config { keys, expected: Expected::default() }, clock).unwrap()
}

#[tokio::test]
async fn a_signed_token_proves_a_subject_and_a_session() {
    let verifier = shared_secret(Expected::default());
    let token = Signing::shared(SECRET).sign(&anna_but(&json!({ "sid": "tab-1" })));
    let proof = verifier.verify(&token).await.unwrap();
    assert_eq!(proof.subject, Subject::new("anna").unwrap());
    assert_eq!(proof.session, Some(Session::new("tab-1").unwrap()));
    let token = Signing::shared(SECRET).sign(&anna());
    assert_eq!(verifier.verify(&token).await.unwrap().session, None);
}

#[tokio::test]
async fn claims_that_are_missing_malformed_or_out_of_their_time_prove_nothing() {
    let verifier = shared_secret(Expected::default());
    let at = |seconds| (start() + TimeDelta::seconds(seconds)).timestamp();
    let cases = [
        (json!({ "exp": null }), "invalid"),
        (json!({ "exp": "soon" }), "invalid"),
        (json!({ "exp": -1 }), "invalid"),
        (json!({ "exp": u64::MAX }), "invalid"),
        (json!({ "exp": 1e300 }), "invalid"),
        (json!({ "exp": at(-30) }), "invalid"),
        (json!({ "exp": at(-29) }), "anna"),
        (json!({ "exp": 1_800_000_001.5 }), "anna"),
        (json!({ "nbf": at(31) }), "invalid"),
        (json!({ "nbf": at(30) }), "anna"),
        (json!({ "nbf": "now" }), "invalid"),
        (json!({ "sub": null }), "invalid"),
        (json!({ "sub": "" }), "invalid"),
        (json!({ "sub": "two words" }), "invalid"),
        (json!({ "sub": "a".repeat(256) }), "invalid"),
        (json!({ "sub": 7 }), "invalid"),
        (json!({ "sid": "" }), "invalid"),
        (json!({ "aud": "another" }), "invalid"),
        (json!({ "iss": "anybody" }), "anna"),
    ];
    for (changes, expected) in cases {
        let token = Signing::shared(SECRET).sign(&anna_but(&changes));
        assert_eq!(outcome(&verifier, &token).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn issuer_and_audience_must_be_the_configured_ones() {
    let expected = Expected { issuer: Some("us".to_owned()), audience: Some("core".to_owned()) };
    let verifier = shared_secret(expected);
    let cases = [
        (json!({ "iss": "us", "aud": "core" }), "anna"),
        (json!({ "iss": "us", "aud": ["other", "core"] }), "anna"),
        (json!({ "iss": "us" }), "invalid"),
        (json!({ "aud": "core" }), "invalid"),
        (json!({ "iss": "them", "aud": "core" }), "invalid"),
        (json!({ "iss": "us", "aud": "other" }), "invalid"),
    ];
    for (changes, expected) in cases {
        let token = Signing::shared(SECRET).sign(&anna_but(&changes));
        assert_eq!(outcome(&verifier, &token).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn a_token_that_is_forged_unsigned_critical_or_endless_proves_nothing() {
    let verifier = shared_secret(Expected::default());
    let good = Signing::shared(SECRET).sign(&anna());
    let good = good.expose_secret();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"eve","exp":1900000000}"#);
    let header = message.split_once('.').unwrap().0;
    let bad = [
        String::new(),
        "a.b.c".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{other}.{signature}"),
        format!("{good}.{signature}"),
        format!("{good}{}", "A".repeat(8 * 1024)),
    ];
    for token in bad {
        assert_eq!(outcome(&verifier, &Secret::from(token.clone())).await, "invalid", "{token}");
    }
    let foreign = Signing::shared("another-secret-of-32-bytes-or-more").sign(&anna());
    assert_eq!(outcome(&verifier, &foreign).await, "invalid");
    let other_hash = Signing::shared(SECRET).with(Algorithm::HS512).sign(&anna());
    assert_eq!(outcome(&verifier, &other_hash).await, "invalid");
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..Header::default() };
    let critical = Signing::shared(SECRET).sign_with(&critical, &anna());
    assert_eq!(outcome(&verifier, &critical).await, "invalid");
}

#[tokio::test]
async fn published_keys_verify_their_own_algorithm_and_no_other() {
    let keys = [Signing::rsa(), Signing::ec(), Signing::ed()];
    let published: Vec<Value> = keys.iter().map(Signing::jwk).collect();
    let publisher = Publisher::of(set(&published));
    let verifier = by_url(&publisher, clock());
    for key in &keys {
        assert_eq!(outcome(&verifier, &key.sign(&anna())).await, "anna");
        let nameless = Header { kid: None, ..key.header() };
        assert_eq!(outcome(&verifier, &key.sign_with(&nameless, &anna())).await, "anna");
        let misnamed = Header { kid: Some("other".to_owned()), ..key.header() };
        assert_eq!(outcome(&verifier, &key.sign_with(&misnamed, &anna())).await, "invalid");
    }
    for algorithm in [Algorithm::PS256, Algorithm::RS512] {
        let other = Signing::rsa().with(algorithm).sign(&anna());
        assert_eq!(outcome(&verifier, &other).await, "invalid", "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let jwk = Signing::rsa().jwk();
    let publisher = Publisher::of(set(std::slice::from_ref(&jwk)));
    let verifier = by_url(&publisher, clock());
    let modulus = jwk["n"].as_str().unwrap();
    let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
    for secret in [modulus.to_owned(), jwk.to_string()] {
        let forged = Signing::shared(&secret).sign_with(&header, &anna());
        assert_eq!(outcome(&verifier, &forged).await, "invalid");
    }
}

#[tokio::test]
async fn weak_symmetric_and_encryption_keys_of_a_set_are_passed_over() {
    let mut for_encryption = Signing::ec().jwk();
    for_encryption["use"] = json!("enc");
    let mut for_another = Signing::rsa().jwk();
    for_another["alg"] = json!("RS512");
    let shared = Signing::shared(SECRET);
    let keys = [
        json!({ "kty": "unheard-of" }),
        for_encryption,
        for_another,
        shared.jwk(),
        Signing::weak_rsa().jwk(),
        Signing::ed().jwk(),
    ];
    let publisher = Publisher::of(set(&keys));
    let verifier = by_url(&publisher, clock());
    assert_eq!(outcome(&verifier, &Signing::ed().sign(&anna())).await, "anna");
    for key in [Signing::ec(), Signing::rsa(), shared, Signing::weak_rsa()] {
        assert_eq!(outcome(&verifier, &key.sign(&anna())).await, "invalid");
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_at_most_once_a_minute() {
    let publisher = Publisher::of(set(&[Signing::ec().jwk()]));
    let clock = clock();
    let verifier = by_url(&publisher, clock.clone());
    let (old, new) = (Signing::ec().sign(&anna()), Signing::next_ec().sign(&anna()));
    assert_eq!(outcome(&verifier, &old).await, "anna");
    publisher.answers(200, set(&[Signing::next_ec().jwk()]));
    for _ in 0..9 {
        assert_eq!(outcome(&verifier, &new).await, "invalid", "fetched moments ago");
    }
    assert_eq!(publisher.asked(), 1);
    clock.advance(TimeDelta::minutes(1));
    assert_eq!(outcome(&verifier, &new).await, "anna");
    assert_eq!(outcome(&verifier, &old).await, "invalid", "the old key was withdrawn");
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test]
async fn keys_that_grow_old_are_fetched_again_beside_the_requests() {
    let publisher = Publisher::of(set(&[Signing::ec().jwk()]));
    let clock = clock();
    let verifier = by_url(&publisher, clock.clone());
    let old = Signing::ec().sign(&anna());
    assert_eq!(outcome(&verifier, &old).await, "anna");
    publisher.answers(200, set(&[Signing::next_ec().jwk()]));
    clock.advance(TimeDelta::minutes(10));
    assert_eq!(outcome(&verifier, &old).await, "anna", "nobody waits for the fetch");
    while outcome(&verifier, &old).await == "anna" {
        tokio::task::yield_now().await;
    }
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test]
async fn known_keys_serve_through_an_outage_for_a_day_and_unknown_ones_are_unavailable() {
    let publisher = Publisher::of(String::new());
    publisher.answers(503, String::new());
    let clock = clock();
    let verifier = by_url(&publisher, clock.clone());
    let tomorrow = (start() + TimeDelta::days(3)).timestamp();
    let token = Signing::ec().sign(&anna_but(&json!({ "exp": tomorrow })));
    assert_eq!(outcome(&verifier, &token).await, "unavailable: the JWKS URL answered 503");
    assert!(outcome(&verifier, &token).await.starts_with("unavailable"));
    assert_eq!(publisher.asked(), 1, "the failure is remembered for a moment");

    publisher.answers(200, set(&[Signing::ec().jwk()]));
    clock.advance(TimeDelta::seconds(2));
    assert_eq!(outcome(&verifier, &token).await, "anna");
    publisher.answers(503, String::new());
    clock.advance(TimeDelta::hours(23));
    assert_eq!(outcome(&verifier, &token).await, "anna");
    clock.advance(TimeDelta::hours(1));
    assert!(outcome(&verifier, &token).await.starts_with("unavailable"));
    publisher.answers(200, set(&[Signing::ec().jwk()]));
    clock.advance(TimeDelta::seconds(2));
    assert_eq!(outcome(&verifier, &token).await, "anna");
}

#[tokio::test]
async fn what_is_no_set_of_keys_is_unavailable() {
    let token = Signing::ec().sign(&anna());
    for (body, cause) in [
        ("<html>".to_owned(), "unavailable: the JWK set cannot be read"),
        (set(&[]), "unavailable: the JWK set has no usable key"),
        (" ".repeat(300 * 1024), "unavailable: the JWK set is too large"),
    ] {
        let publisher = Publisher::of(body);
        assert_eq!(outcome(&by_url(&publisher, clock()), &token).await, cause);
    }
}

#[tokio::test]
async fn a_file_of_keys_is_read_at_once_and_again_as_it_grows_old() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (clock, expected) = (clock(), Expected::default());
    let keys = KeySource::JwksFile(file.path().to_owned());
    let config = Config { keys, expected };
    let refused = Verifier::new(config.clone(), clock.clone());
    assert!(matches!(refused, Err(ConfigError::File(_))), "{refused:?}");

    std::fs::write(file.path(), set(&[Signing::ec().jwk()])).unwrap();
    let verifier = Verifier::new(config, clock.clone()).unwrap();
    let (old, new) = (Signing::ec().sign(&anna()), Signing::next_ec().sign(&anna()));
    assert_eq!(outcome(&verifier, &old).await, "anna");
    std::fs::write(file.path(), set(&[Signing::next_ec().jwk()])).unwrap();
    clock.advance(TimeDelta::minutes(1));
    assert_eq!(outcome(&verifier, &new).await, "anna");
}

#[tokio::test]
async fn a_development_token_passes_the_verifier_of_its_secret_alone() {
    let expected = Expected { issuer: Some("us".to_owned()), audience: Some("core".to_owned()) };
    let subject = Subject::new("anna").unwrap();
    let session = Session::new("tab-1").unwrap();
    let expires_at = start() + TimeDelta::hours(1);
    let wanted = DevelopmentToken { subject: &subject, session: Some(&session), expires_at };
    let token = sign_development_token(&SECRET.into(), &expected, wanted).unwrap();
    let proof = shared_secret(expected).verify(&token).await.unwrap();
    assert_eq!((proof.subject, proof.session), (subject.clone(), Some(session.clone())));
    assert_eq!(outcome(&shared_secret(Expected::default()), &token).await, "invalid");
}

#[test]
fn a_short_secret_and_an_untrustworthy_url_are_refused() {
    let made = |keys| Verifier::new(Config { keys, expected: Expected::default() }, clock());
    let short = made(KeySource::Secret("a-secret-of-31-bytes-for-tests!".into()));
    assert!(matches!(short, Err(ConfigError::ShortSecret)), "{short:?}");
    let open = made(KeySource::JwksUrl("http://id.example/jwks.json".to_owned()));
    assert!(matches!(open, Err(ConfigError::Url)), "{open:?}");
}
