//! Keys, tokens, and a server that publishes keys.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use restartix_kernel::{ManualClock, Secret};
use restartix_tenancy::{TokenError, TokenVerifier};
use serde_json::{Value, json};

/// A secret of 32 bytes.
pub(crate) const SECRET: &str = "a-secret-of-32-bytes-for-tests-!";

/// The instant at which every test begins.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(start()))
}

/// A private key with its id and algorithm.
pub(crate) struct Signing {
    key: EncodingKey,
    algorithm: Algorithm,
    id: &'static str,
}

impl Signing {
    pub(crate) fn rsa() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem")).unwrap();
        Self { key, algorithm: Algorithm::RS256, id: "rsa" }
    }

    pub(crate) fn weak_rsa() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("../keys/weak-rsa.pem")).unwrap();
        Self { key, algorithm: Algorithm::RS256, id: "weak" }
    }

    pub(crate) fn ec() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../keys/ec.pem")).unwrap();
        Self { key, algorithm: Algorithm::ES256, id: "ec" }
    }

    pub(crate) fn next_ec() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../keys/next-ec.pem")).unwrap();
        Self { key, algorithm: Algorithm::ES256, id: "next-ec" }
    }

    pub(crate) fn ed() -> Self {
        let key = EncodingKey::from_ed_pem(include_bytes!("../keys/ed.pem")).unwrap();
        Self { key, algorithm: Algorithm::EdDSA, id: "ed" }
    }

    pub(crate) fn shared(secret: &str) -> Self {
        let key = EncodingKey::from_secret(secret.as_bytes());
        Self { key, algorithm: Algorithm::HS256, id: "shared" }
    }

    /// The same key under another algorithm of its family.
    pub(crate) fn with(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn header(&self) -> Header {
        Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> Secret {
        self.sign_with(&self.header(), claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> Secret {
        encode(header, claims, &self.key).unwrap().into()
    }
}

/// A JWK set of `keys`.
pub(crate) fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The claims of somebody signed in for an hour.
pub(crate) fn anna() -> Value {
    json!({ "sub": "anna", "exp": (start() + TimeDelta::hours(1)).timestamp() })
}

/// Those claims with `changes`; null takes a claim away.
pub(crate) fn anna_but(changes: &Value) -> Value {
    let mut claims = anna();
    let fields = claims.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    fields.retain(|_, value| !value.is_null());
    claims
}

/// How a token fares: its subject, or why not.
pub(crate) async fn outcome(verifier: &dyn TokenVerifier, token: &Secret) -> String {
    match verifier.verify(token).await {
        Ok(proof) => proof.subject.as_str().to_owned(),
        Err(TokenError::Invalid) => "invalid".to_owned(),
        Err(TokenError::Unavailable(cause)) => format!("unavailable: {cause}"),
    }
}

/// Publishes keys on a free port of this machine.
pub(crate) struct Publisher {
    pub(crate) url: String,
    state: Arc<Mutex<(u16, String, usize)>>,
}

impl Publisher {
    pub(crate) fn of(body: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new((200, body, 0)));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(&mut stream).lines();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let mut state = shared.lock().unwrap();
                state.2 += 1;
                let (status, body) = (state.0, &state.1);
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                // A reader that has had enough may hang up first.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, state }
    }

    /// From now on answers `status` and `body`.
    pub(crate) fn answers(&self, status: u16, body: String) {
        let mut state = self.state.lock().unwrap();
        (state.0, state.1) = (status, body);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().2
    }
}
