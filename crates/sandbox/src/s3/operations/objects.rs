//! Objects come and go.

use std::collections::HashMap;

use actix_web::web::Bytes;
use futures_util::StreamExt as _;
use restartix_kernel::RandomExt as _;
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::{rules, told};
use crate::s3::access::{arrival, check_key, question};
use crate::s3::fault::refusal;
use crate::s3::server::Shared;
use crate::s3::settings::Settings;
use crate::s3::state::Named;
use crate::s3::store::{Content, Encryption, Label, UNVERSIONED, digest, etag};
use crate::s3::sums;

pub(super) async fn put(
    shared: &Shared,
    request: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    let S3Request { input, headers, trailing_headers, mut extensions, .. } = request;
    let body = whole(input.body).await?;
    let digest = arrival(&mut extensions)?.digest_of(&body);
    let trailers = trailing_headers.and_then(|trailers| trailers.take()).unwrap_or_default();
    let checked = [
        sums::verify(&body, &digest, &headers)?,
        sums::verify(&body, &digest, &trailers)?,
        sums::verify_field(&digest, input.checksum_sha256.as_deref())?,
    ]
    .contains(&true);
    let acl = input.acl.as_ref().map(ObjectCannedACL::as_str);
    let mut state = shared.state();
    let settings = &state.bucket(&input.bucket)?.settings;
    check_acl(settings, acl)?;
    let sse = input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str);
    let label = Label {
        content_type: input.content_type,
        content_disposition: input.content_disposition,
        cache_control: input.cache_control,
        metadata: input.metadata.unwrap_or_default(),
        encryption: encryption(settings, sse, input.ssekms_key_id)?,
    };
    let encryption = label.encryption.clone();
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    state.blobs.keep(digest, body);
    let content = Content { digest, size, etag: etag(&digest), checked, label };
    let tag = content.etag.clone();
    let named =
        state.place(&input.bucket, &input.key, Some(content), shared.now(), fresh(shared))?;
    Ok(PutObjectOutput {
        e_tag: Some(ETag::Strong(tag)),
        checksum_sha256: input.checksum_sha256,
        server_side_encryption: Some(encryption.algorithm.into()),
        ssekms_key_id: encryption.kms_key_id,
        version_id: named.told,
        ..Default::default()
    })
}

/// Keeps an object as somebody left it who needed no permission.
pub(in crate::s3) fn leave(
    shared: &Shared,
    bucket: &str,
    key: &str,
    bytes: Vec<u8>,
) -> S3Result<()> {
    let mut state = shared.state();
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let digest = digest(&bytes);
    state.blobs.keep(digest, bytes.into());
    let label = Label {
        content_type: Some("binary/octet-stream".to_owned()),
        content_disposition: None,
        cache_control: None,
        metadata: HashMap::new(),
        encryption: Encryption { algorithm: "AES256".to_owned(), kms_key_id: None },
    };
    let content = Content { digest, size, etag: etag(&digest), checked: false, label };
    state.place(bucket, key, Some(content), shared.now(), fresh(shared)).map(drop)
}

pub(super) async fn copy(
    shared: &Shared,
    mut request: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let CopySource::Bucket { bucket, key, version_id } = request.input.copy_source.clone() else {
        return Err(refusal(501, "NotImplemented", "Copies come from buckets alone"));
    };
    check_key(&key)?;
    let action = if version_id.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
    let reading = question(&mut request, action, &bucket, &key)?;
    let input = request.input;
    let mut state = shared.state();
    state.authorise(&bucket, &reading)?;
    let source = state.bucket(&bucket)?;
    let version = match &version_id {
        Some(id) => source.version(&key, id),
        None => source.newest(&key),
    };
    let absent = || refusal(404, "NoSuchKey", "The specified key does not exist.");
    let version = version.cloned().ok_or_else(absent)?;
    let mut content = version.content.ok_or_else(absent)?;
    let settings = &state.bucket(&input.bucket)?.settings;
    check_acl(settings, input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    let sse = input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str);
    content.label.encryption = encryption(settings, sse, input.ssekms_key_id)?;
    if input.metadata_directive.is_some_and(|directive| directive.as_str() == "REPLACE") {
        content.label.content_type = input.content_type;
        content.label.content_disposition = input.content_disposition;
        content.label.cache_control = input.cache_control;
        content.label.metadata = input.metadata.unwrap_or_default();
    }
    let body = state.blobs.get(&content.digest);
    state.blobs.keep(content.digest, body);
    let encryption = content.label.encryption.clone();
    let result = CopyObjectResult {
        e_tag: Some(ETag::Strong(content.etag.clone())),
        last_modified: Some(told(shared.now())),
        ..Default::default()
    };
    let named =
        state.place(&input.bucket, &input.key, Some(content), shared.now(), fresh(shared))?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: Some(version.id).filter(|id| id != UNVERSIONED),
        server_side_encryption: Some(encryption.algorithm.into()),
        ssekms_key_id: encryption.kms_key_id,
        version_id: named.told,
        ..Default::default()
    })
}

pub(super) async fn delete(
    shared: &Shared,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<DeleteObjectOutput> {
    let DeleteObjectInput { bucket, key, version_id, .. } = request.input;
    let gone = gone(shared, &bucket, &key, version_id)?;
    let delete_marker = gone.is_marker.then_some(true);
    Ok(DeleteObjectOutput { delete_marker, version_id: gone.version, ..Default::default() })
}

pub(super) async fn delete_many(
    shared: &Shared,
    mut request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let bucket = request.input.bucket.clone();
    let objects = std::mem::take(&mut request.input.delete.objects);
    if objects.is_empty() || objects.len() > 1000 {
        return Err(refusal(400, "MalformedXML", "1 to 1000 objects are needed"));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for ObjectIdentifier { key, version_id, .. } in objects {
        let versioned = version_id.is_some();
        let action = if versioned { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
        let question = question(&mut request, action, &bucket, &key)?;
        let allowed = check_key(&key).and_then(|()| shared.state().authorise(&bucket, &question));
        match allowed.and_then(|()| gone(shared, &bucket, &key, version_id.clone())) {
            Ok(gone) => deleted.push(DeletedObject {
                delete_marker: gone.is_marker.then_some(true),
                delete_marker_version_id: gone.version.filter(|_| gone.is_marker),
                key: Some(key),
                version_id,
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(key),
                message: error.message().map(str::to_owned),
                version_id,
            }),
        }
    }
    let quiet = request.input.delete.quiet.unwrap_or(false);
    Ok(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        ..Default::default()
    })
}

/// What a deletion tells.
struct Gone {
    /// Whether a marker was made, or taken away.
    is_marker: bool,
    version: Option<String>,
}

/// Takes a version away for good, or marks the key as deleted when no version is named.
fn gone(shared: &Shared, bucket: &str, key: &str, version: Option<String>) -> S3Result<Gone> {
    let mut state = shared.state();
    if let Some(id) = version {
        let taken = state.remove(bucket, key, &id)?;
        let is_marker = taken.is_some_and(|version| version.content.is_none());
        return Ok(Gone { is_marker, version: Some(id) });
    }
    let named = state.place(bucket, key, None, shared.now(), fresh(shared))?;
    match named {
        Named { told: None, id } => {
            // Versions are not kept: there is nothing to mark.
            state.remove(bucket, key, &id)?;
            Ok(Gone { is_marker: false, version: None })
        }
        Named { told, .. } => Ok(Gone { is_marker: true, version: told }),
    }
}

/// All of a body.
pub(super) async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut parts = Vec::new();
    let Some(mut body) = body else { return Ok(Bytes::new()) };
    while let Some(part) = body.next().await {
        parts.push(part.map_err(|error| refusal(400, "IncompleteBody", error.to_string()))?);
    }
    // Large bodies come in one piece, and are not copied.
    match parts.as_slice() {
        [whole] => Ok(whole.clone()),
        parts => Ok(parts.concat().into()),
    }
}

/// The name of a new version, or of an upload.
pub(in crate::s3) fn fresh(shared: &Shared) -> String {
    shared.random.uuid_v4().simple().to_string()
}

/// Refuses ACLs where they are switched off or would open something.
pub(super) fn check_acl(settings: &Settings, acl: Option<&str>) -> S3Result<()> {
    let Some(acl) = acl else { return Ok(()) };
    if acl.starts_with("public-") && settings.blocks(|block| block.block_public_acls) {
        return Err(refusal(403, "AccessDenied", "Public ACLs are blocked"));
    }
    if settings.is_owner_enforced() && acl == "bucket-owner-full-control" || acl == "private" {
        return Ok(());
    }
    Err(rules::no_acls())
}

/// How an object is to be encrypted: as was asked, else as the bucket does by default.
pub(super) fn encryption(
    settings: &Settings,
    algorithm: Option<&str>,
    key: Option<String>,
) -> S3Result<Encryption> {
    let invalid = |why: &str| refusal(400, "InvalidArgument", why);
    match (algorithm, key) {
        (None, None) => Ok(settings.default_encryption()),
        (None, Some(_)) => Err(invalid("A KMS key was named without the algorithm")),
        (Some("AES256"), Some(_)) => Err(invalid("AES256 takes no KMS key")),
        (Some(algorithm @ ("AES256" | "aws:kms")), kms_key_id) => {
            Ok(Encryption { algorithm: algorithm.to_owned(), kms_key_id })
        }
        (Some(_), _) => Err(invalid("The encryption method specified is not supported")),
    }
}

/// Metadata, where there is any.
pub(super) fn metadata(label: &Label) -> Option<HashMap<String, String>> {
    (!label.metadata.is_empty()).then(|| label.metadata.clone())
}
