use std::path::PathBuf;

use restartix_kernel::{ExposeSecret, Secret};
use ureq::http::Uri;

use crate::KeysError;

/// Which tokens are accepted.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose signature.
    pub keys: KeySource,
    /// From whom and for whom.
    pub expected: Expected,
}

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A secret shared with the identity provider, for HS256: at least 32 bytes (RFC 7518,
    /// section 3.2).
    Secret(Secret),
    /// A file with a JWK set (RFC 7517); read again as it grows old.
    JwksFile(PathBuf),
    /// The URL of a JWK set; https, except for a server on this machine.
    JwksUrl(String),
}

/// The claims `iss` and `aud` of an accepted token.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The issuer; absent: any.
    pub issuer: Option<String>,
    /// One of the audiences; absent: a token for an audience is refused.
    pub audience: Option<String>,
}

/// Why a [`Config`] cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The secret can be guessed.
    #[error("the HS256 secret must be at least 32 bytes")]
    ShortSecret,
    /// The URL would let others choose our keys, or is none.
    #[error("the JWKS URL must be https (http only to this machine), without user or fragment")]
    Url,
    /// The file holds no keys.
    #[error("the JWKS file holds no usable keys")]
    File(#[source] KeysError),
    /// A development token cannot be signed with the secret.
    #[error("the token cannot be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

impl KeySource {
    /// The source, when its form is right.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Secret(secret) => check_secret(secret),
            Self::JwksUrl(url) if !is_trustworthy(url) => Err(ConfigError::Url),
            Self::JwksUrl(_) | Self::JwksFile(_) => Ok(()),
        }
    }
}

/// Whether `secret` is long enough for HS256.
pub(crate) fn check_secret(secret: &Secret) -> Result<(), ConfigError> {
    let long_enough = secret.expose_secret().len() >= 32;
    if long_enough { Ok(()) } else { Err(ConfigError::ShortSecret) }
}

fn is_trustworthy(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let nobody = !uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let local = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
    let scheme = uri.scheme_str();
    nobody && !url.contains('#') && (scheme == Some("https") || (scheme == Some("http") && local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in ["https://id.example/jwks.json", "http://127.0.0.1:9/jwks", "http://[::1]/k"] {
            assert!(is_trustworthy(good), "{good}");
        }
        for bad in ["", "id.example", "http://id.example/k", "https://u:p@x/k", "file:///k"] {
            assert!(!is_trustworthy(bad), "{bad}");
        }
    }
}
