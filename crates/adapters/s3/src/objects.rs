//! One object at a time, by its key.

use futures_util::StreamExt as _;
use restartix_storage::{Parts, exactly};
use rusoto_core::RusotoError;
use rusoto_s3::{
    Delete, DeleteObjectsRequest, GetObjectError, GetObjectRequest, HeadObjectError,
    HeadObjectRequest, ListObjectVersionsOutput, ListObjectVersionsRequest, ObjectIdentifier,
    S3 as _,
};

use crate::failure::{failed, is_absent, refused};
use crate::http::Progress;
use crate::presign::Body;
use crate::sigv4::Payload;
use crate::{CallError, S3};

/// The largest refusal that is read, in bytes.
const REFUSAL: usize = 64 * 1024;
/// How many versions are deleted by one request: S3's limit.
const BATCH: i64 = 1000;
/// After so many batches an object is given up as one that somebody writes faster than it is
/// deleted.
const BATCHES: usize = 100;

/// What S3 knows of a version.
pub(crate) struct Facts {
    pub(crate) version: String,
    pub(crate) size: u64,
    pub(crate) content_type: Option<String>,
    pub(crate) encryption: Option<String>,
    pub(crate) kms_key: Option<String>,
}

impl S3 {
    /// Sends a body as it comes and answers its version. S3 refuses it unless it has the length,
    /// the type and the hash that were said; a body that breaks off or goes on leaves nothing.
    /// Never sent twice.
    pub(crate) async fn put_object(
        &self,
        key: &str,
        body: &Body<'_>,
        parts: Parts,
    ) -> Result<String, CallError> {
        const OPERATION: &str = "put object";
        let mut request = self.engine.request("PUT", key);
        body.bind(&mut request, Some(&self.encryption));
        request.payload = Payload::Hash(*body.sha256);
        let sent = Progress::default();
        sent.step();
        let step = sent.clone();
        let parts = parts.inspect(move |part| part.iter().for_each(|_| step.step()));
        let mut counted = exactly(Box::pin(parts), body.size);
        if body.size == 0 {
            // Nobody would ask for a part of a body without length.
            let more = tokio::time::timeout(self.engine.timeouts.idle, counted.next()).await;
            if let Some(Err(error)) =
                more.map_err(|_| CallError::TimedOut(self.engine.timeouts.idle))?
            {
                return Err(CallError::Body(Box::new(error)));
            }
        }
        let counted = hyper::Body::wrap_stream(counted);
        let work = async {
            let answered = self.engine.once(request, counted, &sent).await?;
            let (head, rest) = answered.into_parts();
            if !head.status.is_success() {
                let body = self.engine.http.read(rest, REFUSAL, OPERATION).await?;
                return Err(refused(OPERATION, head.status.as_u16(), &body));
            }
            let version = head.headers.get("x-amz-version-id");
            let version = version.and_then(|version| version.to_str().ok());
            version
                .map(str::to_owned)
                .ok_or(CallError::Answer { operation: OPERATION, what: "no version" })
        };
        let limit = self.engine.timeouts.stream;
        tokio::time::timeout(limit, work).await.map_err(|_| CallError::TimedOut(limit))?
    }

    /// What S3 knows of a version, the newest unless one is named; `None` where there is none.
    pub(crate) async fn head_object(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<Facts>, CallError> {
        const OPERATION: &str = "head object";
        let request = HeadObjectRequest {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            version_id: version.map(str::to_owned),
            ..Default::default()
        };
        let found = match self.client.head_object(request).await {
            Ok(found) => found,
            Err(RusotoError::Service(HeadObjectError::NoSuchKey(_))) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(OPERATION, error)),
        };
        let lacks = |what| CallError::Answer { operation: OPERATION, what };
        let size = found.content_length.and_then(|size| u64::try_from(size).ok());
        Ok(Some(Facts {
            version: found.version_id.ok_or(lacks("no version"))?,
            size: size.ok_or(lacks("no length"))?,
            content_type: found.content_type,
            encryption: found.server_side_encryption,
            kms_key: found.ssekms_key_id,
        }))
    }

    /// The bytes of a version as they come, the newest unless one is named, with their number;
    /// `None` where there is none. Ends with an error unless there were exactly so many.
    pub(crate) async fn read_object(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<(u64, Parts)>, CallError> {
        const OPERATION: &str = "get object";
        let request = GetObjectRequest {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            version_id: version.map(str::to_owned),
            ..Default::default()
        };
        let found = match self.client.get_object(request).await {
            Ok(found) => found,
            Err(RusotoError::Service(GetObjectError::NoSuchKey(_))) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(OPERATION, error)),
        };
        let lacks = |what| CallError::Answer { operation: OPERATION, what };
        let size = found.content_length.and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or(lacks("no length"))?;
        let body = found.body.ok_or(lacks("no body"))?;
        Ok(Some((size, exactly(Box::pin(body), size))))
    }

    /// Deletes every version and every marker of a key: nothing of it is left. That there was
    /// nothing is no error.
    pub(crate) async fn delete_object(&self, key: &str) -> Result<(), CallError> {
        for _ in 0..BATCHES {
            let request = ListObjectVersionsRequest {
                bucket: self.bucket.clone(),
                prefix: Some(key.to_owned()),
                max_keys: Some(BATCH),
                ..Default::default()
            };
            let listed = self.client.list_object_versions(request).await;
            let listed = listed.map_err(|error| failed("list versions", error))?;
            let objects = versions_of(key, listed);
            if objects.is_empty() {
                return Ok(());
            }
            self.delete_versions(objects).await?;
        }
        Err(CallError::Answer { operation: "list versions", what: "versions without end" })
    }

    async fn delete_versions(&self, objects: Vec<ObjectIdentifier>) -> Result<(), CallError> {
        const OPERATION: &str = "delete versions";
        let request = DeleteObjectsRequest {
            bucket: self.bucket.clone(),
            delete: Delete { objects, quiet: Some(true) },
            ..Default::default()
        };
        let deleted = self.client.delete_objects(request).await;
        let deleted = deleted.map_err(|error| failed(OPERATION, error))?;
        match deleted.errors.unwrap_or_default().into_iter().next() {
            None => Ok(()),
            Some(error) => {
                let code = error.code.unwrap_or_default();
                // The answer itself is a 200; what it says of one version stands for a refusal.
                let status = if code == "InternalError" { 500 } else { 403 };
                Err(CallError::Status { operation: OPERATION, status, code })
            }
        }
    }
}

/// The versions and markers of exactly this key. The list is of a prefix, sorted by key: what
/// belongs to the key itself comes first, so that a page without any means that there is none.
fn versions_of(key: &str, listed: ListObjectVersionsOutput) -> Vec<ObjectIdentifier> {
    let versions = listed.versions.unwrap_or_default().into_iter();
    let versions = versions.map(|version| (version.key, version.version_id));
    let markers = listed.delete_markers.unwrap_or_default().into_iter();
    let markers = markers.map(|marker| (marker.key, marker.version_id));
    let ours = versions.chain(markers).filter(|(found, _)| found.as_deref() == Some(key));
    ours.map(|(_, version_id)| ObjectIdentifier { key: key.to_owned(), version_id }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_begins_alike_is_another() {
        let version = |key: &str| rusoto_s3::ObjectVersion {
            key: Some(key.to_owned()),
            version_id: Some("v1".to_owned()),
            ..Default::default()
        };
        let versions = Some(vec![version("1/a"), version("1/a.pdf"), version("1/ab")]);
        let found = versions_of("1/a", ListObjectVersionsOutput { versions, ..Default::default() });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "1/a");
    }
}
