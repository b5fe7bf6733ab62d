//! The port over the SDK's calls.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use restartix_storage::{
    Announced, Content, LONGEST_DOWNLOAD, LONGEST_UPLOAD, ObjectError, ObjectFacts, ObjectStore,
    ObjectVersion, OrgScopedKey, Part, Parts, Presentation, SignedRequest, UploadName, exactly,
};

use crate::AwsS3;
use crate::client::checksum;
use crate::error::{CallError, failed, status};

/// After so many batches an object is given up as one that is written faster than it is deleted.
const BATCHES: usize = 100;

fn length(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[async_trait]
impl ObjectStore for AwsS3 {
    async fn sign_put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        let signing = self.while_good(ttl.min(LONGEST_UPLOAD)).await?;
        let signed = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .content_length(length(body.size))
            .content_type(&body.content_type)
            .checksum_sha256(checksum(&body.sha256))
            .server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key.clone())
            .presigned(signing.config.clone())
            .await
            .map_err(|error| failed("sign put", &error))?;
        Ok(signing.told("PUT", &signed))
    }

    async fn begin_parts(
        &self,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<UploadName, ObjectError> {
        self.create_upload(key, content_type).await
    }

    async fn sign_part(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        part: &Part,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        let signing = self.while_good(ttl.min(LONGEST_UPLOAD)).await?;
        let signed = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(upload.as_str())
            .part_number(i32::from(part.number))
            .content_length(length(part.size))
            .checksum_sha256(checksum(&part.sha256))
            .presigned(signing.config.clone())
            .await
            .map_err(|error| failed("sign part", &error))?;
        Ok(signing.told("PUT", &signed))
    }

    async fn join_parts(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        size: u64,
    ) -> Result<Option<ObjectVersion>, ObjectError> {
        self.complete_upload(key, upload, size).await
    }

    async fn sign_get(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
        presentation: &Presentation,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        let signing = self.while_good(ttl.min(LONGEST_DOWNLOAD)).await?;
        let signed = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .version_id(version.as_str())
            .response_content_disposition(&presentation.disposition)
            .response_content_type(&presentation.content_type)
            .presigned(signing.config.clone())
            .await
            .map_err(|error| failed("sign get", &error))?;
        Ok(signing.told("GET", &signed))
    }

    async fn put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        parts: Parts,
    ) -> Result<ObjectVersion, ObjectError> {
        const OPERATION: &str = "put object";
        let broken = Arc::new(AtomicBool::new(false));
        let sending = self
            .once
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .content_length(length(body.size))
            .content_type(&body.content_type)
            .checksum_sha256(checksum(&body.sha256))
            .server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key.clone())
            .body(streamed(exactly(parts, body.size), broken.clone()))
            .send()
            .await;
        match sending {
            Ok(put) => {
                let version = put.version_id().and_then(ObjectVersion::new);
                version.ok_or_else(|| CallError::lacks(OPERATION, "no version"))
            }
            Err(_) if broken.load(Ordering::SeqCst) => {
                Err(ObjectError::Body("the body broke off, or is not as long as was said".into()))
            }
            Err(error) => Err(failed(OPERATION, &error)),
        }
    }

    async fn head(
        &self,
        key: &OrgScopedKey,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<ObjectFacts>, ObjectError> {
        const OPERATION: &str = "head object";
        let found = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_version_id(version.map(|version| version.as_str().to_owned()))
            .send()
            .await;
        let found = match found {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed(OPERATION, &error)),
        };
        let version = found.version_id().and_then(ObjectVersion::new);
        let size = found.content_length().and_then(|size| u64::try_from(size).ok());
        let as_told = found.server_side_encryption() == Some(&self.encryption());
        let by_our_key =
            self.kms_key.as_deref().is_none_or(|key| found.ssekms_key_id() == Some(key));
        Ok(Some(ObjectFacts {
            version: version.ok_or_else(|| CallError::lacks(OPERATION, "no version"))?,
            size: size.ok_or_else(|| CallError::lacks(OPERATION, "no length"))?,
            content_type: found.content_type().map(str::to_owned),
            encrypted: as_told && by_our_key,
        }))
    }

    async fn read(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
    ) -> Result<Option<Content>, ObjectError> {
        const OPERATION: &str = "get object";
        let found = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .version_id(version.as_str())
            .send()
            .await;
        let found = match found {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed(OPERATION, &error)),
        };
        let size = found.content_length().and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| CallError::lacks(OPERATION, "no length"))?;
        let parts = stream::unfold(Some(found.body), async |body| {
            let mut body = body?;
            match body.next().await {
                None => None,
                Some(Ok(part)) => Some((Ok(part), Some(body))),
                Some(Err(error)) => Some((Err(io::Error::other(error)), None)),
            }
        });
        Ok(Some(Content { size, parts: exactly(Box::pin(parts), size) }))
    }

    async fn delete(&self, key: &OrgScopedKey) -> Result<(), ObjectError> {
        // An upload that ends now cannot become a version later.
        self.abort_uploads(key).await?;
        for _ in 0..BATCHES {
            let objects = self.versions(key).await?;
            if objects.is_empty() {
                return Ok(());
            }
            self.delete_versions(objects).await?;
        }
        Err(CallError::lacks("list versions", "versions without end"))
    }
}

impl AwsS3 {
    /// Versions and markers of exactly this key, a batch of them: they come first in the list.
    async fn versions(&self, key: &OrgScopedKey) -> Result<Vec<ObjectIdentifier>, ObjectError> {
        let listed = self
            .client
            .list_object_versions()
            .bucket(&self.bucket)
            .prefix(key.as_str())
            .send()
            .await
            .map_err(|error| failed("list versions", &error))?;
        let versions = listed.versions().iter().map(|one| (one.key(), one.version_id()));
        let markers = listed.delete_markers().iter().map(|one| (one.key(), one.version_id()));
        let ours = versions.chain(markers).filter(|(found, _)| *found == Some(key.as_str()));
        let named = ours.map(|(_, version)| {
            let version = version.map(str::to_owned);
            let named = ObjectIdentifier::builder().key(key.as_str()).set_version_id(version);
            named.build().map_err(|_| CallError::Unasked("delete versions").into())
        });
        named.collect()
    }

    async fn delete_versions(&self, objects: Vec<ObjectIdentifier>) -> Result<(), ObjectError> {
        const OPERATION: &str = "delete versions";
        let named = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let named = named.map_err(|_| ObjectError::from(CallError::Unasked(OPERATION)))?;
        let deleted = self.client.delete_objects().bucket(&self.bucket).delete(named).send().await;
        let deleted = deleted.map_err(|error| failed(OPERATION, &error))?;
        match deleted.errors().first() {
            None => Ok(()),
            Some(error) => {
                let code = error.code().unwrap_or_default().to_owned();
                // The answer itself is a 200; what it says of one version stands for a refusal.
                let status = if code == "InternalError" { 500 } else { 403 };
                Err(CallError::Status { operation: OPERATION, status, code }.into())
            }
        }
    }
}

/// A body of parts as they come; says in `broken` when they broke off. The SDK wants to share what it
/// sends between threads, which a stream of ours cannot be: its parts pass through a channel.
fn streamed(mut parts: Parts, broken: Arc<AtomicBool>) -> ByteStream {
    let (mut sender, receiver) = mpsc::channel::<io::Result<Bytes>>(0);
    tokio::spawn(async move {
        while let Some(part) = parts.next().await {
            let is_last = part.is_err();
            if is_last {
                broken.store(true, Ordering::SeqCst);
            }
            if sender.send(part).await.is_err() || is_last {
                return;
            }
        }
    });
    let frames = receiver.map_ok(http_body::Frame::data);
    ByteStream::new(SdkBody::from_body_1_x(http_body_util::StreamBody::new(frames)))
}
