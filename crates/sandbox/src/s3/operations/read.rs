//! Objects are looked at.

use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result};

use super::objects::metadata;
use super::told;
use crate::s3::fault::refusal;
use crate::s3::server::Shared;
use crate::s3::store::{Bucket, Content, UNVERSIONED, Version};

pub(super) async fn get(
    shared: &Shared,
    request: S3Request<GetObjectInput>,
) -> S3Result<GetObjectOutput> {
    let input = request.input;
    let state = shared.state();
    let bucket = state.bucket(&input.bucket)?;
    let (version, content) = found(bucket, &input.key, input.version_id.as_deref())?;
    let body = state.blobs.get(&content.digest);
    let (body, content_range) = part_of(&body, input.range.as_ref())?;
    let length = i64::try_from(body.len()).unwrap_or(i64::MAX);
    let checksum = input.checksum_mode.is_some().then(|| checksum(content)).flatten();
    let Content { etag, label, .. } = content;
    Ok(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::wrap(stream::iter([Ok::<_, std::io::Error>(body)]))),
        cache_control: label.cache_control.clone(),
        checksum_sha256: checksum,
        content_disposition: label.content_disposition.clone(),
        content_length: Some(length),
        content_range,
        content_type: label.content_type.clone(),
        e_tag: Some(ETag::Strong(etag.clone())),
        last_modified: Some(told(version.at)),
        metadata: metadata(label),
        server_side_encryption: Some(label.encryption.algorithm.clone().into()),
        ssekms_key_id: label.encryption.kms_key_id.clone(),
        version_id: told_version(version),
        ..Default::default()
    })
}

pub(super) async fn head(
    shared: &Shared,
    request: S3Request<HeadObjectInput>,
) -> S3Result<HeadObjectOutput> {
    let input = request.input;
    let state = shared.state();
    let bucket = state.bucket(&input.bucket)?;
    let (version, content) = found(bucket, &input.key, input.version_id.as_deref())?;
    let checksum = input.checksum_mode.is_some().then(|| checksum(content)).flatten();
    let Content { etag, label, size, .. } = content;
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: label.cache_control.clone(),
        checksum_sha256: checksum,
        content_disposition: label.content_disposition.clone(),
        content_length: Some(i64::try_from(*size).unwrap_or(i64::MAX)),
        content_type: label.content_type.clone(),
        e_tag: Some(ETag::Strong(etag.clone())),
        last_modified: Some(told(version.at)),
        metadata: metadata(label),
        server_side_encryption: Some(label.encryption.algorithm.clone().into()),
        ssekms_key_id: label.encryption.kms_key_id.clone(),
        version_id: told_version(version),
        ..Default::default()
    })
}

/// The version asked for, the newest unless one is named, with what it holds.
fn found<'a>(
    bucket: &'a Bucket,
    key: &str,
    version: Option<&str>,
) -> S3Result<(&'a Version, &'a Content)> {
    let found = match version {
        Some(id) => {
            let absent = || refusal(404, "NoSuchVersion", "The specified version does not exist.");
            bucket.version(key, id).ok_or_else(absent)?
        }
        None => bucket.newest(key).ok_or_else(no_such_key)?,
    };
    match &found.content {
        Some(content) => Ok((found, content)),
        // A marker, named or on top.
        None => {
            let mut error = if version.is_some() {
                refusal(405, "MethodNotAllowed", "The version is a delete marker")
            } else {
                no_such_key()
            };
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
            if let Ok(id) = HeaderValue::from_str(&found.id) {
                headers.insert("x-amz-version-id", id);
            }
            error.set_headers(headers);
            Err(error)
        }
    }
}

fn no_such_key() -> S3Error {
    refusal(404, "NoSuchKey", "The specified key does not exist.")
}

/// The part of a body that was asked for, and where it lies.
fn part_of(body: &Bytes, range: Option<&Range>) -> S3Result<(Bytes, Option<String>)> {
    let Some(range) = range else { return Ok((body.clone(), None)) };
    let whole = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let lost = || refusal(416, "InvalidRange", "The requested range is not satisfiable");
    let part = range.check(whole).map_err(|_| lost())?;
    let start = usize::try_from(part.start).map_err(|_| lost())?;
    let end = usize::try_from(part.end).map_err(|_| lost())?;
    let place = format!("bytes {}-{}/{whole}", part.start, part.end.saturating_sub(1));
    if start > end || end > body.len() {
        return Err(lost());
    }
    Ok((body.slice(start..end), Some(place)))
}

fn checksum(content: &Content) -> Option<String> {
    content.checked.then(|| STANDARD.encode(content.digest))
}

fn told_version(version: &Version) -> Option<String> {
    Some(version.id.clone()).filter(|id| id != UNVERSIONED)
}
