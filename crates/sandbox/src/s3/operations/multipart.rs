//! Objects in parts.

use std::collections::BTreeMap;

use actix_web::web::BytesMut;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result};

use super::objects::{check_acl, encryption, fresh, whole};
use crate::s3::access::arrival;
use crate::s3::fault::refusal;
use crate::s3::server::Shared;
use crate::s3::store::{Bucket, Content, Label, Part, Upload, digest, etag};
use crate::s3::sums;

/// The least that every part but the last one holds: 5 MiB.
const LEAST: u64 = 5 << 20;

pub(super) async fn create(
    shared: &Shared,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let input = request.input;
    let mut state = shared.state();
    let bucket = state.bucket_mut(&input.bucket)?;
    check_acl(&bucket.settings, input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    let sse = input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str);
    let label = Label {
        content_type: input.content_type,
        content_disposition: input.content_disposition,
        cache_control: input.cache_control,
        metadata: input.metadata.unwrap_or_default(),
        encryption: encryption(&bucket.settings, sse, input.ssekms_key_id)?,
    };
    let encryption = label.encryption.clone();
    let id = fresh(shared);
    let checked = match input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str) {
        None => false,
        Some("SHA256") => true,
        Some(_) => return Err(refusal(501, "NotImplemented", "The stand-in knows SHA256 alone")),
    };
    let (key, begun, parts) = (input.key.clone(), shared.now(), BTreeMap::new());
    bucket.uploads.insert(id.clone(), Upload { key, begun, label, checked, parts });
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        server_side_encryption: Some(encryption.algorithm.into()),
        ssekms_key_id: encryption.kms_key_id,
        upload_id: Some(id),
        ..Default::default()
    })
}

pub(super) async fn part(
    shared: &Shared,
    request: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let S3Request { input, headers, trailing_headers, mut extensions, .. } = request;
    if !(1..=10_000).contains(&input.part_number) {
        return Err(refusal(400, "InvalidArgument", "Part numbers are 1 to 10000"));
    }
    let body = whole(input.body).await?;
    let trailers = trailing_headers.and_then(|trailers| trailers.take()).unwrap_or_default();
    let digest = arrival(&mut extensions)?.digest_of(&body);
    sums::verify(&body, &digest, &headers)?;
    sums::verify(&body, &digest, &trailers)?;
    let mut state = shared.state();
    let checked = upload(state.bucket_mut(&input.bucket)?, &input.key, &input.upload_id)?.checked;
    if checked != input.checksum_sha256.is_some() {
        let why = "Checksum Type mismatch occurred: it is not the one that the upload began with";
        return Err(refusal(400, "InvalidRequest", why));
    }
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    state.blobs.keep(digest, body);
    let upload = upload(state.bucket_mut(&input.bucket)?, &input.key, &input.upload_id)?;
    let encryption = upload.label.encryption.clone();
    let tag = etag(&digest);
    let replaced = upload.parts.insert(input.part_number, Part { digest, size, etag: tag.clone() });
    if let Some(replaced) = replaced {
        state.blobs.release(&replaced.digest);
    }
    Ok(UploadPartOutput {
        checksum_sha256: input.checksum_sha256,
        e_tag: Some(ETag::Strong(tag)),
        server_side_encryption: Some(encryption.algorithm.into()),
        ssekms_key_id: encryption.kms_key_id,
        ..Default::default()
    })
}

pub(super) async fn complete(
    shared: &Shared,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let input = request.input;
    let mut state = shared.state();
    let upload = upload(state.bucket_mut(&input.bucket)?, &input.key, &input.upload_id)?.clone();
    let named = input.multipart_upload.and_then(|told| told.parts).unwrap_or_default();
    let parts = chosen(&upload, &named)?;
    let mut body = BytesMut::new();
    for part in &parts {
        body.extend_from_slice(&state.blobs.get(&part.digest));
    }
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let digest = digest(&body);
    state.blobs.keep(digest, body.freeze());
    let tag = format!("{}-{}", etag(&digest), parts.len());
    let encryption = upload.label.encryption.clone();
    let (checked, label) = (upload.checked, upload.label);
    let content = Content { digest, size, etag: tag.clone(), checked, label };
    state.give_up(&input.bucket, &input.upload_id);
    let named =
        state.place(&input.bucket, &input.key, Some(content), shared.now(), fresh(shared))?;
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        e_tag: Some(ETag::Strong(tag)),
        key: Some(input.key),
        server_side_encryption: Some(encryption.algorithm.into()),
        ssekms_key_id: encryption.kms_key_id,
        version_id: named.told,
        ..Default::default()
    })
}

pub(super) async fn abort(
    shared: &Shared,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let input = request.input;
    let mut state = shared.state();
    upload(state.bucket_mut(&input.bucket)?, &input.key, &input.upload_id)?;
    state.give_up(&input.bucket, &input.upload_id);
    Ok(AbortMultipartUploadOutput::default())
}

/// The parts that were named, if they are there, in order and large enough.
fn chosen(upload: &Upload, named: &[CompletedPart]) -> S3Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut last = 0;
    for told in named {
        let number = told.part_number.unwrap_or_default();
        if number <= last {
            return Err(refusal(400, "InvalidPartOrder", "The parts are not in ascending order"));
        }
        last = number;
        let tag = told.e_tag.as_ref().map(ETag::value);
        let part = upload.parts.get(&number).filter(|part| Some(part.etag.as_str()) == tag);
        let lost = || refusal(400, "InvalidPart", "A part could not be found");
        let part = part.ok_or_else(lost)?;
        if upload.checked && told.checksum_sha256 != Some(STANDARD.encode(part.digest)) {
            let why = "The complete request must include the checksum for each part";
            return Err(refusal(400, "InvalidRequest", why));
        }
        parts.push(part.clone());
    }
    let Some((_, before)) = parts.split_last() else {
        return Err(refusal(400, "MalformedXML", "There are no parts"));
    };
    if before.iter().any(|part| part.size < LEAST) {
        return Err(refusal(400, "EntityTooSmall", "A part is smaller than 5 MiB"));
    }
    Ok(parts)
}

fn upload<'a>(bucket: &'a mut Bucket, key: &str, id: &str) -> S3Result<&'a mut Upload> {
    bucket.uploads.get_mut(id).filter(|upload| upload.key == key).ok_or_else(no_such_upload)
}

fn no_such_upload() -> S3Error {
    refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.")
}
