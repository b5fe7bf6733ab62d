//! What a bucket is told to do and to refuse.

use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result};

use crate::s3::access::bucket_arn;
use crate::s3::fault::refusal;
use crate::s3::policy::Policy;
use crate::s3::server::Shared;

const ALGORITHMS: [&str; 2] = ["AES256", "aws:kms"];

pub(super) async fn put_encryption(
    shared: &Shared,
    request: S3Request<PutBucketEncryptionInput>,
) -> S3Result<PutBucketEncryptionOutput> {
    let PutBucketEncryptionInput { bucket, server_side_encryption_configuration: told, .. } =
        request.input;
    let fits = |rule: &ServerSideEncryptionRule| {
        let default = rule.apply_server_side_encryption_by_default.as_ref();
        default.is_none_or(|default| {
            let algorithm = default.sse_algorithm.as_str();
            let lone = default.kms_master_key_id.is_none() || algorithm == "aws:kms";
            ALGORITHMS.contains(&algorithm) && lone
        })
    };
    if told.rules.len() != 1 || !told.rules.iter().all(fits) {
        return Err(refusal(400, "MalformedXML", "One rule with a known algorithm is needed"));
    }
    shared.state().bucket_mut(&bucket)?.settings.encryption = Some(told);
    Ok(PutBucketEncryptionOutput::default())
}

pub(super) async fn get_encryption(
    shared: &Shared,
    request: S3Request<GetBucketEncryptionInput>,
) -> S3Result<GetBucketEncryptionOutput> {
    let state = shared.state();
    let settings = &state.bucket(&request.input.bucket)?.settings;
    let own = || {
        let default = settings.default_encryption();
        let default = ServerSideEncryptionByDefault {
            kms_master_key_id: default.kms_key_id,
            sse_algorithm: default.algorithm.into(),
        };
        let rule = ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(default),
            bucket_key_enabled: Some(false),
        };
        ServerSideEncryptionConfiguration { rules: vec![rule] }
    };
    let found = settings.encryption.clone().unwrap_or_else(own);
    Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(found) })
}

pub(super) async fn delete_encryption(
    shared: &Shared,
    request: S3Request<DeleteBucketEncryptionInput>,
) -> S3Result<DeleteBucketEncryptionOutput> {
    shared.state().bucket_mut(&request.input.bucket)?.settings.encryption = None;
    Ok(DeleteBucketEncryptionOutput::default())
}

pub(super) async fn put_lifecycle(
    shared: &Shared,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<PutBucketLifecycleConfigurationOutput> {
    let PutBucketLifecycleConfigurationInput { bucket, lifecycle_configuration, .. } =
        request.input;
    let rules = lifecycle_configuration.map(|told| told.rules).unwrap_or_default();
    if rules.is_empty() || !rules.iter().all(does_something) {
        return Err(refusal(400, "MalformedXML", "Rules that do something are needed"));
    }
    shared.state().bucket_mut(&bucket)?.settings.lifecycle = rules;
    Ok(PutBucketLifecycleConfigurationOutput::default())
}

fn does_something(rule: &LifecycleRule) -> bool {
    rule.abort_incomplete_multipart_upload.is_some()
        || rule.expiration.is_some()
        || rule.noncurrent_version_expiration.is_some()
        || rule.noncurrent_version_transitions.is_some()
        || rule.transitions.is_some()
}

pub(super) async fn get_lifecycle(
    shared: &Shared,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<GetBucketLifecycleConfigurationOutput> {
    let rules = shared.state().bucket(&request.input.bucket)?.settings.lifecycle.clone();
    if rules.is_empty() {
        let why = "The lifecycle configuration does not exist";
        return Err(refusal(404, "NoSuchLifecycleConfiguration", why));
    }
    Ok(GetBucketLifecycleConfigurationOutput { rules: Some(rules), ..Default::default() })
}

pub(super) async fn delete_lifecycle(
    shared: &Shared,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<DeleteBucketLifecycleOutput> {
    shared.state().bucket_mut(&request.input.bucket)?.settings.lifecycle.clear();
    Ok(DeleteBucketLifecycleOutput::default())
}

pub(super) async fn put_cors(
    shared: &Shared,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<PutBucketCorsOutput> {
    let PutBucketCorsInput { bucket, cors_configuration, .. } = request.input;
    let known = ["GET", "PUT", "POST", "DELETE", "HEAD"];
    let fits = |rule: &CORSRule| {
        !rule.allowed_origins.is_empty()
            && !rule.allowed_methods.is_empty()
            && rule.allowed_methods.iter().all(|method| known.contains(&method.as_str()))
    };
    if cors_configuration.cors_rules.is_empty() || !cors_configuration.cors_rules.iter().all(fits) {
        return Err(refusal(400, "MalformedXML", "Rules with origins and methods are needed"));
    }
    shared.state().bucket_mut(&bucket)?.settings.cors = cors_configuration.cors_rules;
    Ok(PutBucketCorsOutput::default())
}

pub(super) async fn get_cors(
    shared: &Shared,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<GetBucketCorsOutput> {
    let rules = shared.state().bucket(&request.input.bucket)?.settings.cors.clone();
    if rules.is_empty() {
        let why = "The CORS configuration does not exist";
        return Err(refusal(404, "NoSuchCORSConfiguration", why));
    }
    Ok(GetBucketCorsOutput { cors_rules: Some(rules) })
}

pub(super) async fn delete_cors(
    shared: &Shared,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<DeleteBucketCorsOutput> {
    shared.state().bucket_mut(&request.input.bucket)?.settings.cors.clear();
    Ok(DeleteBucketCorsOutput::default())
}

pub(super) async fn put_policy(
    shared: &Shared,
    request: S3Request<PutBucketPolicyInput>,
) -> S3Result<PutBucketPolicyOutput> {
    let PutBucketPolicyInput { bucket, policy: text, .. } = request.input;
    let policy = Policy::read(&text, &bucket_arn(&bucket))
        .map_err(|error| refusal(400, "MalformedPolicy", error.to_string()))?;
    let mut state = shared.state();
    let settings = &mut state.bucket_mut(&bucket)?.settings;
    if policy.is_public() && settings.blocks(|block| block.block_public_policy) {
        let why = "Public policies are blocked by the BlockPublicPolicy setting";
        return Err(refusal(403, "AccessDenied", why));
    }
    settings.policy = Some((text, policy));
    Ok(PutBucketPolicyOutput::default())
}

pub(super) async fn get_policy(
    shared: &Shared,
    request: S3Request<GetBucketPolicyInput>,
) -> S3Result<GetBucketPolicyOutput> {
    let state = shared.state();
    match &state.bucket(&request.input.bucket)?.settings.policy {
        Some((text, _)) => Ok(GetBucketPolicyOutput { policy: Some(text.clone()) }),
        None => Err(refusal(404, "NoSuchBucketPolicy", "The bucket policy does not exist")),
    }
}

pub(super) async fn delete_policy(
    shared: &Shared,
    request: S3Request<DeleteBucketPolicyInput>,
) -> S3Result<DeleteBucketPolicyOutput> {
    shared.state().bucket_mut(&request.input.bucket)?.settings.policy = None;
    Ok(DeleteBucketPolicyOutput::default())
}

pub(super) async fn put_bucket_acl(
    shared: &Shared,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<PutBucketAclOutput> {
    shared.state().bucket(&request.input.bucket)?;
    Err(no_acls())
}

pub(super) async fn put_object_acl(
    shared: &Shared,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<PutObjectAclOutput> {
    shared.state().bucket(&request.input.bucket)?;
    Err(no_acls())
}

/// The stand-in keeps no ACLs, whoever owns the objects.
pub(super) fn no_acls() -> S3Error {
    refusal(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}
