use std::fmt;
use std::sync::Arc;

use restartix_kernel::{Clock, Random};
use rusoto_s3::{HeadBucketRequest, S3 as _, S3Client};

use crate::dispatch;
use crate::encryption::Encryption;
use crate::engine::Engine;
use crate::failure::failed;
use crate::{Bucket, CallError, Config, ConfigError, Credentials, CredentialsError, Health};

/// One bucket at S3, as somebody. Cheap to clone: clones share connections and credentials.
#[derive(Clone)]
pub struct S3 {
    pub(crate) engine: Arc<Engine>,
    pub(crate) client: S3Client,
    pub(crate) bucket: String,
    region: String,
    pub(crate) encryption: Encryption,
}

impl S3 {
    /// As `config` says. Connects to nothing yet.
    ///
    /// # Errors
    /// What of `config` cannot work.
    pub fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ConfigError> {
        let engine = Arc::new(Engine::new(config, clock, random)?);
        Ok(Self {
            client: dispatch::client(&engine, &config.region),
            engine,
            bucket: config.bucket.clone(),
            region: config.region.clone(),
            encryption: Encryption::of(config),
        })
    }

    /// Where browsers put and get files: what a page's policy has to allow.
    pub fn origin(&self) -> String {
        self.engine.place.origin()
    }

    /// What the last call told.
    pub fn health(&self) -> Health {
        self.engine.health()
    }

    /// Asks whether the bucket is there, and so what [`S3::health`] is now.
    ///
    /// # Errors
    /// S3 does not answer, knows no such bucket or does not let us in.
    pub async fn probe(&self) -> Result<(), CallError> {
        let request = HeadBucketRequest { bucket: self.bucket.clone(), ..Default::default() };
        self.client.head_bucket(request).await.map_err(|error| failed("head bucket", error))
    }

    /// The access key that signs now: for another client of the same bucket.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        self.engine.credentials.get().await
    }

    /// The bucket's own rules; `origins` are those whose pages may put and get files.
    pub fn bucket(&self, origins: &[String]) -> Bucket {
        Bucket {
            engine: self.engine.clone(),
            client: self.client.clone(),
            name: self.bucket.clone(),
            region: self.region.clone(),
            encryption: self.encryption.clone(),
            origins: origins.to_vec(),
        }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
