use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use restartix_kernel::{ExposeSecret as _, Secret};

/// A key that signs.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// The session's token, of a temporary key.
    pub token: Option<Secret>,
    /// Until when it is good, where it is a temporary one.
    pub expires_at: Option<SystemTime>,
}

/// Who we are, asked at each call: whoever answers keeps the key for as long as it is good.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key of now.
    async fn key(&self) -> Result<AccessKey, Box<dyn StdError + Send + Sync>>;
}

/// A source of ours in the SDK's words.
pub(crate) struct Provided(pub(crate) Arc<dyn KeySource>);

impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provided(..)")
    }
}

impl Provided {
    pub(crate) async fn credentials(&self) -> Result<Credentials, Box<dyn StdError + Send + Sync>> {
        let AccessKey { id, secret, token, expires_at } = self.0.key().await?;
        let token = token.map(|token| token.expose_secret().to_owned());
        Ok(Credentials::new(id, secret.expose_secret(), token, expires_at, "restartix"))
    }
}

/// The same as the SDK asks for it.
#[derive(Debug)]
pub(crate) struct Asked(pub(crate) Arc<Provided>);

impl ProvideCredentials for Asked {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.0.credentials().await.map_err(CredentialsError::provider_error)
        })
    }
}
