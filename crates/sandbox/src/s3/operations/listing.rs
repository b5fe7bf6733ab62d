//! What is there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::told;
use crate::s3::fault::refusal;
use crate::s3::server::Shared;

/// The most that one page holds.
const PAGE: i32 = 1000;

pub(super) async fn versions(
    shared: &Shared,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<ListObjectVersionsOutput> {
    let input = request.input;
    if input.delimiter.as_deref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(refusal(501, "NotImplemented", "The stand-in knows no delimiters"));
    }
    let state = shared.state();
    let bucket = state.bucket(&input.bucket)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let most = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
    let limit = usize::try_from(most).unwrap_or_default();
    let after = input.key_marker.clone().filter(|marker| !marker.is_empty());
    let mut skipping = input.version_id_marker.clone().filter(|marker| !marker.is_empty());
    let mut page = Vec::new();
    let mut is_truncated = false;
    'all: for (key, versions) in &bucket.objects {
        let before =
            after.as_ref().is_some_and(|after| key < after || key == after && skipping.is_none());
        if !key.starts_with(&prefix) || before {
            continue;
        }
        for (place, version) in versions.iter().rev().enumerate() {
            if after.as_ref() == Some(key) && skipping.is_some() {
                skipping = skipping.filter(|marker| *marker != version.id);
                continue;
            }
            if page.len() >= limit {
                is_truncated = true;
                break 'all;
            }
            page.push((key, place == 0, version));
        }
    }
    let last = page.last().filter(|_| is_truncated);
    let mut output = ListObjectVersionsOutput {
        is_truncated: Some(is_truncated),
        key_marker: input.key_marker,
        max_keys: Some(most),
        name: Some(input.bucket),
        next_key_marker: last.map(|(key, _, _)| (*key).clone()),
        next_version_id_marker: last.map(|(_, _, version)| version.id.clone()),
        prefix: Some(prefix),
        version_id_marker: input.version_id_marker,
        ..Default::default()
    };
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for (key, is_latest, version) in page {
        let (key, version_id) = (Some(key.clone()), Some(version.id.clone()));
        let (is_latest, last_modified) = (Some(is_latest), Some(told(version.at)));
        match &version.content {
            Some(content) => versions.push(ObjectVersion {
                e_tag: Some(ETag::Strong(content.etag.clone())),
                is_latest,
                key,
                last_modified,
                size: Some(i64::try_from(content.size).unwrap_or(i64::MAX)),
                version_id,
                ..Default::default()
            }),
            None => markers.push(DeleteMarkerEntry {
                is_latest,
                key,
                last_modified,
                owner: None,
                version_id,
            }),
        }
    }
    output.versions = Some(versions);
    output.delete_markers = Some(markers);
    Ok(output)
}

pub(super) async fn uploads(
    shared: &Shared,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = request.input;
    let state = shared.state();
    let bucket = state.bucket(&input.bucket)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let uploads = bucket.uploads.iter().filter(|(_, upload)| upload.key.starts_with(&prefix));
    let uploads = uploads.map(|(id, upload)| MultipartUpload {
        initiated: Some(told(upload.begun)),
        key: Some(upload.key.clone()),
        upload_id: Some(id.clone()),
        ..Default::default()
    });
    let uploads = uploads.collect();
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(false),
        prefix: Some(prefix),
        uploads: Some(uploads),
        ..Default::default()
    })
}

pub(super) async fn parts(
    shared: &Shared,
    request: S3Request<ListPartsInput>,
) -> S3Result<ListPartsOutput> {
    let input = request.input;
    let state = shared.state();
    let bucket = state.bucket(&input.bucket)?;
    let found = bucket.uploads.get(&input.upload_id).filter(|upload| upload.key == input.key);
    let upload = found.ok_or_else(|| {
        refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.")
    })?;
    let most = input.max_parts.unwrap_or(PAGE).clamp(1, PAGE);
    let after = input.part_number_marker.unwrap_or_default();
    let mut later = upload.parts.range(after.saturating_add(1)..);
    let page: Vec<_> = later.by_ref().take(usize::try_from(most).unwrap_or_default()).collect();
    let is_truncated = later.next().is_some();
    let next_part_number_marker = page.last().filter(|_| is_truncated).map(|(number, _)| **number);
    let parts = page.into_iter().map(|(number, part)| Part {
        checksum_sha256: upload.checked.then(|| STANDARD.encode(part.digest)),
        e_tag: Some(ETag::Strong(part.etag.clone())),
        part_number: Some(*number),
        size: Some(i64::try_from(part.size).unwrap_or(i64::MAX)),
        ..Default::default()
    });
    Ok(ListPartsOutput {
        is_truncated: Some(is_truncated),
        max_parts: Some(most),
        next_part_number_marker,
        parts: Some(parts.collect()),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..Default::default()
    })
}
