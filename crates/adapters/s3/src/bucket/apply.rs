use rusoto_s3::{
    CreateBucketConfiguration, CreateBucketRequest, DeleteBucketCorsRequest, HeadBucketRequest,
    PutBucketCorsRequest, PutBucketEncryptionRequest, PutBucketLifecycleConfigurationRequest,
    PutBucketOwnershipControlsRequest, PutBucketPolicyRequest, PutBucketVersioningRequest,
    PutPublicAccessBlockRequest, S3 as _,
};

use super::{Bucket, wanted};
use crate::CallError;
use crate::failure::{failed, is_absent};

impl Bucket {
    /// Makes the bucket where there is none, and sets every rule. Idempotent. What is written
    /// before the policy is not refused by it: run it before the bucket is used.
    ///
    /// # Errors
    /// With the first call that failed: the rules before it are set.
    pub async fn apply(&self) -> Result<(), CallError> {
        self.make().await?;
        let bucket = || self.name.clone();
        let request = PutPublicAccessBlockRequest {
            bucket: bucket(),
            public_access_block_configuration: wanted::public_access(),
            ..Default::default()
        };
        let put = self.client.put_public_access_block(request).await;
        put.map_err(|error| failed("put public access block", error))?;

        let request = PutBucketOwnershipControlsRequest {
            bucket: bucket(),
            ownership_controls: wanted::ownership(),
            ..Default::default()
        };
        let put = self.client.put_bucket_ownership_controls(request).await;
        put.map_err(|error| failed("put ownership controls", error))?;

        let request = PutBucketVersioningRequest {
            bucket: bucket(),
            versioning_configuration: wanted::versioning(),
            ..Default::default()
        };
        let put = self.client.put_bucket_versioning(request).await;
        put.map_err(|error| failed("put versioning", error))?;

        let request = PutBucketEncryptionRequest {
            bucket: bucket(),
            server_side_encryption_configuration: self.wanted_encryption(),
            ..Default::default()
        };
        let put = self.client.put_bucket_encryption(request).await;
        put.map_err(|error| failed("put default encryption", error))?;

        let request = PutBucketLifecycleConfigurationRequest {
            bucket: bucket(),
            lifecycle_configuration: Some(wanted::lifecycle()),
            ..Default::default()
        };
        let put = self.client.put_bucket_lifecycle_configuration(request).await;
        put.map_err(|error| failed("put lifecycle", error))?;
        self.apply_cors().await?;

        let request = PutBucketPolicyRequest {
            bucket: bucket(),
            policy: self.wanted_policy().to_string(),
            ..Default::default()
        };
        let put = self.client.put_bucket_policy(request).await;
        put.map_err(|error| failed("put policy", error))
    }

    async fn apply_cors(&self) -> Result<(), CallError> {
        let bucket = self.name.clone();
        let Some(cors_configuration) = self.wanted_cors() else {
            let request = DeleteBucketCorsRequest { bucket, ..Default::default() };
            let deleted = self.client.delete_bucket_cors(request).await;
            return deleted.map_err(|error| failed("delete CORS", error));
        };
        let request = PutBucketCorsRequest { bucket, cors_configuration, ..Default::default() };
        let put = self.client.put_bucket_cors(request).await;
        put.map_err(|error| failed("put CORS", error))
    }

    async fn make(&self) -> Result<(), CallError> {
        let bucket = self.name.clone();
        let request = HeadBucketRequest { bucket: bucket.clone(), ..Default::default() };
        match self.client.head_bucket(request).await {
            Ok(()) => return Ok(()),
            Err(error) if is_absent(&error) || is_no_such_bucket(&error) => {}
            Err(error) => return Err(failed("head bucket", error)),
        }
        // The oldest region is the one that is not named.
        let located = (self.region != "us-east-1")
            .then(|| CreateBucketConfiguration { location_constraint: Some(self.region.clone()) });
        let create_bucket_configuration = located;
        let request =
            CreateBucketRequest { bucket, create_bucket_configuration, ..Default::default() };
        let made = self.client.create_bucket(request).await;
        made.map(drop).map_err(|error| failed("create bucket", error))
    }
}

fn is_no_such_bucket(error: &rusoto_core::RusotoError<rusoto_s3::HeadBucketError>) -> bool {
    use rusoto_s3::HeadBucketError::NoSuchBucket;
    matches!(error, rusoto_core::RusotoError::Service(NoSuchBucket(_)))
}
