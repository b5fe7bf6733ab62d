//! Signatures, from the service's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{ExposeSecret, Secret};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far a timestamp may be from the service's clock, in either direction.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// The key, decoded.
pub(super) struct Key(Vec<u8>);

/// What the headers say; empty where one is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) batch: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signature: &'a str,
    pub(super) body: &'a [u8],
}

impl Key {
    /// Base64 of at least 32 bytes.
    pub(super) fn parse(secret: &Secret) -> Option<Self> {
        let bytes = STANDARD.decode(secret.expose_secret()).ok()?;
        (bytes.len() >= 32).then_some(Self(bytes))
    }

    /// Whether this key signed, and lately, as seen at `now`.
    pub(super) fn verifies(&self, signed: &Signed<'_>, now: DateTime<Utc>) -> bool {
        let at = signed.timestamp.parse().ok().and_then(|at| DateTime::from_timestamp(at, 0));
        if at.is_none_or(|at| (now - at).abs() > TOLERANCE) {
            return false;
        }
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return false };
        for part in ["v1.", signed.timestamp, ".", signed.batch, "."] {
            mac.update(part.as_bytes());
        }
        mac.update(signed.body);
        let digest = mac.finalize().into_bytes();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let given = signed.signature.strip_prefix("v1=").unwrap_or_default();
        bool::from(given.as_bytes().ct_eq(hex.as_bytes()))
    }
}
