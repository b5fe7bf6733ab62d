//! Tokens for development: in production an identity provider signs.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use restartix_kernel::{ExposeSecret, Secret};
use restartix_tenancy::{Session, Subject};
use serde::Serialize;

use crate::config::check_secret;
use crate::{ConfigError, Expected};

/// What a development token is to say.
#[derive(Clone, Copy, Debug)]
pub struct DevelopmentToken<'a> {
    /// Who signs in.
    pub subject: &'a Subject,
    /// In which session; absent: in none.
    pub session: Option<&'a Session>,
    /// Until then.
    pub expires_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// A token that a [`Verifier`](crate::Verifier) with the same secret and expectations accepts.
pub fn sign_development_token(
    secret: &Secret,
    expected: &Expected,
    token: DevelopmentToken<'_>,
) -> Result<Secret, ConfigError> {
    check_secret(secret)?;
    let claims = Claims {
        sub: token.subject.as_str(),
        exp: token.expires_at.timestamp(),
        sid: token.session.map(Session::as_str),
        iss: expected.issuer.as_deref(),
        aud: expected.audience.as_deref(),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key)
        .map(Secret::from)
        .map_err(ConfigError::Signing)
}
