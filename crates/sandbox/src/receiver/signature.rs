//! Standard Webhooks 1.0.0, from the receiver's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{ExposeSecret, Secret};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::delivery::Fault;

/// How far a timestamp may be from the receiver's clock, in either direction.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// A secret, decoded.
pub(super) struct Key(Vec<u8>);

impl Key {
    /// `whsec_` and base64; the prefix may be missing, as the reference libraries have it.
    pub(super) fn parse(secret: &Secret) -> Option<Self> {
        let text = secret.expose_secret();
        let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    fn sign(&self, parts: [&[u8]; 5]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in parts {
            mac.update(part);
        }
        Some(STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// What the three headers say; empty where one is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    /// One or more signatures, separated by spaces: `v1,` and base64.
    pub(super) signatures: &'a str,
    pub(super) body: &'a [u8],
}

impl Signed<'_> {
    /// Whether one of the keys made one of the signatures, and lately, as seen at `received`.
    pub(super) fn verify(&self, keys: &[Key], received: DateTime<Utc>) -> Result<(), Fault> {
        if [self.id, self.timestamp, self.signatures].contains(&"") {
            return Err(Fault::MissingHeader);
        }
        let sent = self.timestamp.parse().ok().and_then(|at| DateTime::from_timestamp(at, 0));
        match sent {
            Some(sent) if (received - sent).abs() <= TOLERANCE => {}
            _ => return Err(Fault::Timestamp),
        }
        let expected = |key: &Key| {
            let (id, timestamp) = (self.id.as_bytes(), self.timestamp.as_bytes());
            key.sign([id, b".", timestamp, b".", self.body])
        };
        let signed = keys.iter().filter_map(expected).any(|expected| {
            let versions = self.signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
            let mut given = versions;
            given.any(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
        });
        if signed { Ok(()) } else { Err(Fault::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that Standard Webhooks publishes.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const PUBLISHED: Signed<'static> = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        body: br#"{"test": 2432232314}"#,
    };

    fn keys(secrets: &[&str]) -> Vec<Key> {
        secrets.iter().map(|secret| Key::parse(&Secret::from(*secret)).unwrap()).collect()
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn the_published_vector_is_valid() {
        let now = at(1_614_265_330);
        assert_eq!(PUBLISHED.verify(&keys(&[SECRET]), now), Ok(()));
        let several = keys(&["whsec_AAAA", SECRET]);
        assert_eq!(PUBLISHED.verify(&several, now), Ok(()), "one of several secrets is enough");
        let signatures = "v1,AAAA v2,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let rotated = Signed { signatures, ..PUBLISHED };
        assert_eq!(rotated.verify(&keys(&[SECRET]), now), Ok(()), "and one of several signatures");
    }

    #[test]
    fn anything_else_is_not() {
        let now = at(1_614_265_330);
        let keys = keys(&[SECRET]);
        let faults = [
            (Signed { body: br#"{"test":2432232314}"#, ..PUBLISHED }, Fault::Signature),
            (Signed { id: "msg_other", ..PUBLISHED }, Fault::Signature),
            (Signed { timestamp: "1614265331", ..PUBLISHED }, Fault::Signature),
            (Signed { signatures: "v1,AAAA", ..PUBLISHED }, Fault::Signature),
            (
                Signed {
                    signatures: "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                    ..PUBLISHED
                },
                Fault::Signature,
            ),
            (Signed { timestamp: "soon", ..PUBLISHED }, Fault::Timestamp),
            (Signed { timestamp: "1614265330000", ..PUBLISHED }, Fault::Timestamp),
            (Signed { signatures: "", ..PUBLISHED }, Fault::MissingHeader),
            (Signed { id: "", ..PUBLISHED }, Fault::MissingHeader),
        ];
        for (signed, fault) in faults {
            assert_eq!(signed.verify(&keys, now), Err(fault), "{signed:?}");
        }
        assert_eq!(PUBLISHED.verify(&[], now), Err(Fault::Signature));
    }

    #[test]
    fn five_minutes_either_way_are_tolerated() {
        let keys = keys(&[SECRET]);
        for (second, verdict) in [
            (1_614_265_330 + 300, Ok(())),
            (1_614_265_330 - 300, Ok(())),
            (1_614_265_330 + 301, Err(Fault::Timestamp)),
            (1_614_265_330 - 301, Err(Fault::Timestamp)),
        ] {
            assert_eq!(PUBLISHED.verify(&keys, at(second)), verdict, "{second}");
        }
    }

    #[test]
    fn what_is_not_base64_is_no_secret() {
        for bad in ["", "whsec_", "whsec_!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"] {
            assert!(Key::parse(&Secret::from(bad)).is_none(), "{bad:?}");
        }
    }
}
