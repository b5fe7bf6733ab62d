//! Who we are to AWS: four sources, one cache. Reads no environment: values are handed in.

mod cache;
mod container;
mod document;
mod instance;
mod profile;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use cache::CredentialCache;
pub use source::{Authorization, CredentialSource, CredentialsError};

use std::fmt;

use chrono::{DateTime, Utc};
use restartix_kernel::{ExposeSecret, Secret};

/// An access key, for a while or for good.
#[derive(Clone)]
pub struct Credentials {
    /// Its id: no secret, it stands in every signed URL.
    pub access_key_id: String,
    /// What signs.
    pub secret_access_key: Secret,
    /// What temporary keys come with.
    pub session_token: Option<Secret>,
    /// When it ends; `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Credentials {
    /// A key that does not expire.
    pub fn new(access_key_id: &str, secret_access_key: Secret) -> Self {
        let access_key_id = access_key_id.to_owned();
        Self { access_key_id, secret_access_key, session_token: None, expires_at: None }
    }

    /// Whether both sign alike.
    pub(crate) fn same_key(&self, other: &Self) -> bool {
        self.access_key_id == other.access_key_id
            && self.secret_access_key.expose_secret() == other.secret_access_key.expose_secret()
    }

    /// Whether every part can stand in a request.
    pub(crate) fn is_sendable(&self) -> bool {
        let sendable = |text: &str| crate::config::is_sendable(text, 16 * 1024);
        sendable(&self.access_key_id)
            && sendable(self.secret_access_key.expose_secret())
            && self.session_token.as_ref().is_none_or(|token| sendable(token.expose_secret()))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
