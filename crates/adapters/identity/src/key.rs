use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use restartix_kernel::{ExposeSecret, Secret};

use crate::Expected;
use crate::claims::Claims;

/// The smallest RSA key in bytes: 2,048 bits (RFC 7518, section 3.3).
const MIN_RSA_BYTES: usize = 256;

/// A key with the one algorithm that it admits. Made once, used for many tokens.
pub(crate) struct Key {
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    decoding: DecodingKey,
    validation: Validation,
}

impl Key {
    /// A shared secret, for HS256.
    pub(crate) fn secret(secret: &Secret, expected: &Expected) -> Self {
        Self {
            id: None,
            algorithm: Algorithm::HS256,
            decoding: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
            validation: validation(Algorithm::HS256, expected),
        }
    }

    /// A published key, when it is one that we verify with. A set may hold others beside.
    pub(crate) fn published(jwk: &Jwk, expected: &Expected) -> Option<Self> {
        if matches!(&jwk.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature) {
            return None;
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(ed) if ed.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            // A symmetric key that is published is no secret.
            _ => return None,
        };
        if jwk.common.key_algorithm.is_some_and(|other| other != named) {
            return None;
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        if is_weak(&decoding) {
            return None;
        }
        let validation = validation(algorithm, expected);
        Some(Self { id: jwk.common.key_id.clone(), algorithm, decoding, validation })
    }

    /// The claims of `token`, when this key signed it and it is from and for whom it must be.
    pub(crate) fn open(&self, token: &str) -> Option<Claims> {
        let token = decode(token, &self.decoding, &self.validation).ok()?;
        // Extensions that must be understood, and none is (RFC 7515, section 4.1.11): the library
        // reads them and leaves them to us.
        token.header.crit.is_none().then_some(token.claims)
    }
}

fn validation(algorithm: Algorithm, expected: &Expected) -> Validation {
    let mut rules = Validation::new(algorithm);
    let mut required = vec!["exp", "sub"];
    // The library would ask the system's clock: `Claims::proof` asks ours.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    if let Some(issuer) = &expected.issuer {
        rules.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &expected.audience {
        rules.set_audience(&[audience]);
        required.push("aud");
    }
    rules.set_required_spec_claims(&required);
    rules
}

fn is_weak(key: &DecodingKey) -> bool {
    match key.kind() {
        jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } => {
            n.iter().skip_while(|byte| **byte == 0).count() < MIN_RSA_BYTES
        }
        jsonwebtoken::DecodingKeyKind::SecretOrDer(_) => false,
    }
}
