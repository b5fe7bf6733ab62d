use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{Random, RandomExt, Secret};
use sha2::Sha256;

/// What one endpoint's deliveries are signed with: 24 to 64 bytes (Standard Webhooks 1.0.0). Never
/// printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// The text or the bytes are no signing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signing secret")]
pub struct SecretError;

const PREFIX: &str = "whsec_";

impl SigningSecret {
    /// A fresh one: 32 random bytes.
    pub fn fresh(random: &dyn Random) -> Self {
        Self(random.bytes::<32>().to_vec())
    }

    /// The secret of these bytes, when there are 24 to 64.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }

    /// Reads `whsec_` and base64.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let text = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        Self::from_bytes(STANDARD.decode(text).map_err(|_| SecretError)?)
    }

    /// The bytes, to be sealed.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `whsec_` and base64: shown once.
    pub fn to_text(&self) -> Secret {
        Secret::from(format!("{PREFIX}{}", STANDARD.encode(&self.0)))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// The value of `webhook-signature`: one `v1,<base64>` per live secret, separated by spaces
/// (Standard Webhooks 1.0.0: HMAC-SHA256 of `id.timestamp.body`).
pub fn sign(secrets: &[SigningSecret], id: &str, timestamp: DateTime<Utc>, body: &[u8]) -> String {
    let head = format!("{id}.{}.", timestamp.timestamp());
    let signatures: Vec<_> = secrets
        .iter()
        .filter_map(|secret| Hmac::<Sha256>::new_from_slice(&secret.0).ok())
        .map(|mut mac| {
            mac.update(head.as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::{ExposeSecret, SeededRandom};

    /// The vector that the specification's own libraries publish.
    #[test]
    fn the_published_vector_is_met() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(std::slice::from_ref(&secret), id, at, body), one);
        let two = sign(&[secret.clone(), secret], id, at, body);
        assert_eq!(two, format!("{one} {one}"));
    }

    #[test]
    fn a_secret_has_one_spelling_and_is_not_printed() {
        let secret = SigningSecret::fresh(&SeededRandom::new(7));
        let text = secret.to_text();
        assert!(text.expose_secret().starts_with("whsec_"));
        assert_eq!(SigningSecret::parse(text.expose_secret()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "SigningSecret(..)");
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!"] {
            assert!(SigningSecret::parse(bad).is_err(), "{bad}");
        }
    }
}
