//! AWS's own client as the store of files: signed by the same keys, watched and vouched for by the same
//! rules.

use std::sync::Arc;

use async_trait::async_trait;
use restartix_kernel::Clock;
use restartix_s3::{Config, S3};
use restartix_s3_aws_sdk::{AccessKey, AwsS3, KeySource};
use restartix_storage::ObjectStore;

/// The keys of whoever we are to the other client.
struct Keys(S3);

#[async_trait]
impl KeySource for Keys {
    async fn key(&self) -> Result<AccessKey, Box<dyn std::error::Error + Send + Sync>> {
        let key = self.0.credentials().await?;
        Ok(AccessKey {
            id: key.access_key_id,
            secret: key.secret_access_key,
            token: key.session_token,
            expires_at: key.expires_at.map(Into::into),
        })
    }
}

/// The store that `config` speaks of.
pub(crate) fn objects(config: &Config, s3: &S3, clock: Arc<dyn Clock>) -> Arc<dyn ObjectStore> {
    let sdk = restartix_s3_aws_sdk::Config {
        endpoint: config.endpoint.clone(),
        region: config.region.clone(),
        bucket: config.bucket.clone(),
        path_style: config.path_style,
        kms_key_id: config.kms_key_id.clone(),
        connect: config.timeouts.connect,
        call: config.timeouts.call,
        stream: config.timeouts.stream,
        attempts: u32::from(config.attempts),
    };
    Arc::new(AwsS3::new(&sdk, Arc::new(Keys(s3.clone())), clock))
}
