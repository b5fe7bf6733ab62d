//! Who may do what: asked of the bucket's policy after the signature has been verified, before
//! anything is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::PostObjectInput;
use s3s::{S3Request, S3Result};

use super::arrival::Arrival;
use super::fault::refusal;
use super::key;
use super::policy::Question;
use super::server::Shared;
use super::store::Upload;
use crate::reply::pairs;

/// The account that every bucket belongs to.
const ACCOUNT: &str = "000000000000";

/// Stands before every operation.
pub(super) struct Guard(pub(super) Arc<Shared>);

#[async_trait]
impl S3Access for Guard {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let arrival = arrival(context.extensions_mut())?;
        let operation = context.s3_op().name();
        // Set once: each arrival asks for one thing.
        let _ = arrival.operation.set(operation.to_owned());
        let bucket = context.s3_path().get_bucket_name().unwrap_or_default();
        let key = context.s3_path().get_object_key();
        if let Some(key) = key {
            check_key(key)?;
        }
        if operation == "PostObject" {
            // What a form asks for stands in its fields: see below.
            return Ok(());
        }
        let query = pairs(context.uri().query().unwrap_or_default());
        let action = action(operation, query.contains_key("versionId"))
            .ok_or_else(|| refusal(501, "NotImplemented", "The stand-in cannot do this"))?;
        let state = self.0.state();
        let upload = query
            .get("uploadId")
            .and_then(|id| state.buckets.get(bucket).and_then(|bucket| bucket.uploads.get(id)));
        let facts = facts(&arrival, upload);
        let principal = context.credentials().map(|who| principal(&who.access_key));
        let resource = resource(bucket, key.or(every_object(operation)));
        state.authorise(bucket, &Question { principal, action, resource, facts })?;
        drop(state);
        arrival.check_body()
    }

    async fn post_object(&self, request: &mut S3Request<PostObjectInput>) -> S3Result<()> {
        let arrival = arrival(&mut request.extensions)?;
        let input = &request.input;
        check_key(&input.key)?;
        let fields = [
            ("s3:x-amz-acl", input.acl.as_ref().map(s3s::dto::ObjectCannedACL::as_str)),
            (
                "s3:x-amz-server-side-encryption",
                input.server_side_encryption.as_ref().map(s3s::dto::ServerSideEncryption::as_str),
            ),
            ("s3:x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.as_deref()),
        ];
        let question = Question {
            principal: request.credentials.as_ref().map(|who| principal(&who.access_key)),
            action: "s3:PutObject",
            resource: resource(&input.bucket, Some(&input.key)),
            facts: arrival.form_facts(&fields, self.0.clock.now()),
        };
        self.0.state().authorise(&input.bucket, &question)
    }
}

/// A question about another object than the one that the path names.
pub(super) fn question<T>(
    request: &mut S3Request<T>,
    action: &'static str,
    bucket: &str,
    key: &str,
) -> S3Result<Question> {
    let facts = arrival(&mut request.extensions)?.facts.clone();
    let principal = request.credentials.as_ref().map(|who| principal(&who.access_key));
    Ok(Question { principal, action, resource: resource(bucket, Some(key)), facts })
}

/// Refuses a key that is not let in.
pub(super) fn check_key(key: &str) -> S3Result<()> {
    match key::fault(key) {
        Some(fault) => Err(refusal(400, "InvalidRequest", fault)),
        None => Ok(()),
    }
}

/// The ARN of a bucket.
pub(super) fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

pub(super) fn arrival(extensions: &mut http::Extensions) -> S3Result<Arc<Arrival>> {
    let found = extensions.get::<Arc<Arrival>>().cloned();
    found.ok_or_else(|| refusal(500, "InternalError", "the request went around its gate"))
}

fn principal(access_key: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{access_key}")
}

fn resource(bucket: &str, key: Option<&str>) -> String {
    let arn = bucket_arn(bucket);
    key.map_or(arn.clone(), |key| format!("{arn}/{key}"))
}

/// What stands for the objects of an operation that names them in its body; each is asked for
/// again by its name.
fn every_object(operation: &str) -> Option<&'static str> {
    (operation == "DeleteObjects").then_some("")
}

/// A part is encrypted as was said when its upload began, and its request does not say so again.
fn facts(arrival: &Arrival, upload: Option<&Upload>) -> BTreeMap<&'static str, String> {
    let mut facts = arrival.facts.clone();
    if let Some(upload) = upload {
        let encryption = &upload.label.encryption;
        facts.insert("s3:x-amz-server-side-encryption", encryption.algorithm.clone());
        let key = encryption.kms_key_id.clone();
        facts.extend(key.map(|key| ("s3:x-amz-server-side-encryption-aws-kms-key-id", key)));
    }
    facts
}

/// The action that a policy knows an operation by ("Actions, resources, and condition keys for
/// Amazon S3" in AWS's service authorization reference); `None` for what the stand-in cannot do.
fn action(operation: &str, versioned: bool) -> Option<&'static str> {
    Some(match operation {
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "CompleteMultipartUpload" => "s3:PutObject",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        "ListParts" => "s3:ListMultipartUploadParts",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "GetObject" | "HeadObject" if versioned => "s3:GetObjectVersion",
        "GetObject" | "HeadObject" => "s3:GetObject",
        "DeleteObject" if versioned => "s3:DeleteObjectVersion",
        "DeleteObject" | "DeleteObjects" => "s3:DeleteObject",
        "PutObjectAcl" if versioned => "s3:PutObjectVersionAcl",
        "PutObjectAcl" => "s3:PutObjectAcl",
        "PutBucketAcl" => "s3:PutBucketAcl",
        "CreateBucket" => "s3:CreateBucket",
        "DeleteBucket" => "s3:DeleteBucket",
        "HeadBucket" => "s3:ListBucket",
        "ListObjectVersions" => "s3:ListBucketVersions",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "s3:PutBucketPublicAccessBlock",
        "GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock",
        "PutBucketOwnershipControls" | "DeleteBucketOwnershipControls" => {
            "s3:PutBucketOwnershipControls"
        }
        "GetBucketOwnershipControls" => "s3:GetBucketOwnershipControls",
        "PutBucketVersioning" => "s3:PutBucketVersioning",
        "GetBucketVersioning" => "s3:GetBucketVersioning",
        "PutBucketEncryption" | "DeleteBucketEncryption" => "s3:PutEncryptionConfiguration",
        "GetBucketEncryption" => "s3:GetEncryptionConfiguration",
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
            "s3:PutLifecycleConfiguration"
        }
        "GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration",
        "PutBucketCors" | "DeleteBucketCors" => "s3:PutBucketCORS",
        "GetBucketCors" => "s3:GetBucketCORS",
        "PutBucketPolicy" => "s3:PutBucketPolicy",
        "GetBucketPolicy" => "s3:GetBucketPolicy",
        "DeleteBucketPolicy" => "s3:DeleteBucketPolicy",
        _ => return None,
    })
}
