use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::decode_header;
use restartix_kernel::{Clock, ExposeSecret, Secret};
use restartix_tenancy::{TokenError, TokenVerifier, VerifiedToken};

use crate::key::Key;
use crate::published::Published;
use crate::source::Source;
use crate::{Config, ConfigError, KeySource};

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// Verifies bearer tokens.
pub struct Verifier {
    keys: Keys,
    clock: Arc<dyn Clock>,
}

enum Keys {
    Shared(Box<Key>),
    Published(Arc<Published>),
}

impl Verifier {
    /// A verifier by `config`. Reads the file of [`KeySource::JwksFile`], so that a wrong one shows
    /// at once; fetches nothing from a URL before the first token, and needs a tokio runtime then.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let Config { keys, expected } = config;
        keys.check()?;
        let keys = match keys {
            KeySource::Secret(secret) => Keys::Shared(Box::new(Key::secret(&secret, &expected))),
            KeySource::JwksUrl(url) => {
                let source = Source::url(url);
                Keys::Published(Arc::new(Published::new(source, expected, Arc::clone(&clock))))
            }
            KeySource::JwksFile(path) => {
                let published = Published::new(Source::File(path), expected, Arc::clone(&clock));
                published.load_blocking().map_err(ConfigError::File)?;
                Keys::Published(Arc::new(published))
            }
        };
        Ok(Self { keys, clock })
    }
}

#[async_trait]
impl TokenVerifier for Verifier {
    async fn verify(&self, bearer: &Secret) -> Result<VerifiedToken, TokenError> {
        let token = bearer.expose_secret();
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Invalid);
        }
        let claims = match &self.keys {
            Keys::Shared(key) => key.open(token),
            Keys::Published(published) => {
                let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
                let keys = published.keys_for(&header).await;
                keys.map_err(|error| TokenError::Unavailable(Box::new(error)))?.open(token, &header)
            }
        };
        claims.and_then(|claims| claims.proof(self.clock.now())).ok_or(TokenError::Invalid)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = match self.keys {
            Keys::Shared(_) => "shared secret",
            Keys::Published(_) => "published",
        };
        f.debug_struct("Verifier").field("keys", &keys).finish_non_exhaustive()
    }
}
