//! Buckets, and whose their objects are.

use s3s::dto::*;
use s3s::{S3Request, S3Result};

use crate::s3::fault::refusal;
use crate::s3::server::Shared;
use crate::s3::settings::{Settings, Versioning};
use crate::s3::store::Bucket;

/// Since April 2023 AWS makes buckets closed: nothing public, no ACLs.
pub(super) async fn create(
    shared: &Shared,
    request: S3Request<CreateBucketInput>,
) -> S3Result<CreateBucketOutput> {
    let CreateBucketInput { bucket: name, create_bucket_configuration, .. } = request.input;
    let located = create_bucket_configuration.and_then(|told| told.location_constraint);
    let located = located.as_ref().map_or("us-east-1", |told| told.as_str());
    if located != shared.region {
        let why = "The location constraint does not fit the endpoint";
        return Err(refusal(400, "IllegalLocationConstraintException", why));
    }
    let mut state = shared.state();
    if state.buckets.contains_key(&name) {
        return Err(refusal(409, "BucketAlreadyOwnedByYou", "The bucket is there already"));
    }
    let closed = PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    };
    let enforced = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    let rule = OwnershipControlsRule { object_ownership: enforced };
    let settings = Settings {
        public_access: Some(closed),
        ownership: Some(OwnershipControls { rules: vec![rule] }),
        ..Settings::default()
    };
    let location = Some(format!("/{name}"));
    state.buckets.insert(name, Bucket { settings, ..Bucket::default() });
    Ok(CreateBucketOutput { location })
}

pub(super) async fn head(
    shared: &Shared,
    request: S3Request<HeadBucketInput>,
) -> S3Result<HeadBucketOutput> {
    shared.state().bucket(&request.input.bucket)?;
    Ok(HeadBucketOutput { bucket_region: Some(shared.region.clone()), ..Default::default() })
}

pub(super) async fn delete(
    shared: &Shared,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<DeleteBucketOutput> {
    let mut state = shared.state();
    let bucket = state.bucket(&request.input.bucket)?;
    if !bucket.objects.is_empty() || !bucket.uploads.is_empty() {
        return Err(refusal(409, "BucketNotEmpty", "The bucket is not empty"));
    }
    state.buckets.remove(&request.input.bucket);
    Ok(DeleteBucketOutput::default())
}

pub(super) async fn put_public_access(
    shared: &Shared,
    request: S3Request<PutPublicAccessBlockInput>,
) -> S3Result<PutPublicAccessBlockOutput> {
    let input = request.input;
    let told = input.public_access_block_configuration;
    // What is not said is off.
    let whole = PublicAccessBlockConfiguration {
        block_public_acls: told.block_public_acls.or(Some(false)),
        block_public_policy: told.block_public_policy.or(Some(false)),
        ignore_public_acls: told.ignore_public_acls.or(Some(false)),
        restrict_public_buckets: told.restrict_public_buckets.or(Some(false)),
    };
    shared.state().bucket_mut(&input.bucket)?.settings.public_access = Some(whole);
    Ok(PutPublicAccessBlockOutput::default())
}

pub(super) async fn get_public_access(
    shared: &Shared,
    request: S3Request<GetPublicAccessBlockInput>,
) -> S3Result<GetPublicAccessBlockOutput> {
    let found = shared.state().bucket(&request.input.bucket)?.settings.public_access.clone();
    let absent = || {
        let why = "The public access block configuration was not found";
        refusal(404, "NoSuchPublicAccessBlockConfiguration", why)
    };
    let public_access_block_configuration = Some(found.ok_or_else(absent)?);
    Ok(GetPublicAccessBlockOutput { public_access_block_configuration })
}

pub(super) async fn delete_public_access(
    shared: &Shared,
    request: S3Request<DeletePublicAccessBlockInput>,
) -> S3Result<DeletePublicAccessBlockOutput> {
    shared.state().bucket_mut(&request.input.bucket)?.settings.public_access = None;
    Ok(DeletePublicAccessBlockOutput::default())
}

pub(super) async fn put_ownership(
    shared: &Shared,
    request: S3Request<PutBucketOwnershipControlsInput>,
) -> S3Result<PutBucketOwnershipControlsOutput> {
    let PutBucketOwnershipControlsInput { bucket, ownership_controls, .. } = request.input;
    let known = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];
    let fits = |rule: &OwnershipControlsRule| known.contains(&rule.object_ownership.as_str());
    if ownership_controls.rules.len() != 1 || !ownership_controls.rules.iter().all(fits) {
        return Err(refusal(400, "MalformedXML", "One rule with a known owner is needed"));
    }
    shared.state().bucket_mut(&bucket)?.settings.ownership = Some(ownership_controls);
    Ok(PutBucketOwnershipControlsOutput::default())
}

pub(super) async fn get_ownership(
    shared: &Shared,
    request: S3Request<GetBucketOwnershipControlsInput>,
) -> S3Result<GetBucketOwnershipControlsOutput> {
    let found = shared.state().bucket(&request.input.bucket)?.settings.ownership.clone();
    let why = "The bucket ownership controls were not found";
    let absent = || refusal(404, "OwnershipControlsNotFoundError", why);
    let ownership_controls = Some(found.ok_or_else(absent)?);
    Ok(GetBucketOwnershipControlsOutput { ownership_controls })
}

pub(super) async fn delete_ownership(
    shared: &Shared,
    request: S3Request<DeleteBucketOwnershipControlsInput>,
) -> S3Result<DeleteBucketOwnershipControlsOutput> {
    shared.state().bucket_mut(&request.input.bucket)?.settings.ownership = None;
    Ok(DeleteBucketOwnershipControlsOutput::default())
}

pub(super) async fn put_versioning(
    shared: &Shared,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<PutBucketVersioningOutput> {
    let PutBucketVersioningInput { bucket, versioning_configuration, .. } = request.input;
    let status = versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str);
    let versioning = match status {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        _ => {
            let why = "The status must be Enabled or Suspended";
            return Err(refusal(400, "IllegalVersioningConfigurationException", why));
        }
    };
    shared.state().bucket_mut(&bucket)?.settings.versioning = versioning;
    Ok(PutBucketVersioningOutput::default())
}

pub(super) async fn get_versioning(
    shared: &Shared,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<GetBucketVersioningOutput> {
    let status = match shared.state().bucket(&request.input.bucket)?.settings.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    let status = status.map(BucketVersioningStatus::from_static);
    Ok(GetBucketVersioningOutput { status, ..Default::default() })
}
