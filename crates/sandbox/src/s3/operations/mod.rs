//! What can be asked, one function for each.

mod bucket;
mod listing;
mod multipart;
mod objects;
mod read;
mod rules;

pub(super) use objects::fresh;

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::server::Shared;

pub(super) use objects::leave;

/// The operations, as s3s calls them.
pub(super) struct Desk(pub(super) Arc<Shared>);

/// An instant in s3s's words.
fn told(at: DateTime<Utc>) -> Timestamp {
    Timestamp::from(SystemTime::from(at))
}

/// Each operation of the trait, by the function that does it.
macro_rules! desk {
    ($($operation:ident($input:ty) -> $output:ty = $work:path;)*) => {
        #[async_trait]
        impl S3 for Desk {
            $(
                async fn $operation(
                    &self,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    $work(&self.0, request).await.map(S3Response::new)
                }
            )*
        }
    };
}

desk! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput = bucket::create;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = bucket::head;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = bucket::delete;
    put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput
        = bucket::put_public_access;
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput
        = bucket::get_public_access;
    delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput
        = bucket::delete_public_access;
    put_bucket_ownership_controls(PutBucketOwnershipControlsInput)
        -> PutBucketOwnershipControlsOutput = bucket::put_ownership;
    get_bucket_ownership_controls(GetBucketOwnershipControlsInput)
        -> GetBucketOwnershipControlsOutput = bucket::get_ownership;
    delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput)
        -> DeleteBucketOwnershipControlsOutput = bucket::delete_ownership;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput
        = bucket::put_versioning;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput
        = bucket::get_versioning;
    put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput
        = rules::put_encryption;
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput
        = rules::get_encryption;
    delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput
        = rules::delete_encryption;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput)
        -> PutBucketLifecycleConfigurationOutput = rules::put_lifecycle;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput = rules::get_lifecycle;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput
        = rules::delete_lifecycle;
    put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput = rules::put_cors;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput = rules::get_cors;
    delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput = rules::delete_cors;
    put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput = rules::put_policy;
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput = rules::get_policy;
    delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput
        = rules::delete_policy;
    put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput = rules::put_bucket_acl;
    put_object_acl(PutObjectAclInput) -> PutObjectAclOutput = rules::put_object_acl;
    put_object(PutObjectInput) -> PutObjectOutput = objects::put;
    copy_object(CopyObjectInput) -> CopyObjectOutput = objects::copy;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = objects::delete;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = objects::delete_many;
    get_object(GetObjectInput) -> GetObjectOutput = read::get;
    head_object(HeadObjectInput) -> HeadObjectOutput = read::head;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = listing::versions;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput
        = listing::uploads;
    list_parts(ListPartsInput) -> ListPartsOutput = listing::parts;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput
        = multipart::create;
    upload_part(UploadPartInput) -> UploadPartOutput = multipart::part;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput
        = multipart::complete;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput
        = multipart::abort;
}
