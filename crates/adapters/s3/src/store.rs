//! The port over this crate's calls: types in, types out, and errors by what the caller can do.

use std::time::Duration;

use async_trait::async_trait;
use restartix_storage::{
    Announced, Content, ObjectError, ObjectFacts, ObjectStore, ObjectVersion, OrgScopedKey, Part,
    Parts, Presentation, SignedRequest, UploadName,
};

use crate::objects::Facts;
use crate::presign::{self, Body, Presigned};
use crate::{CallError, S3};

#[async_trait]
impl ObjectStore for S3 {
    async fn sign_put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        let body = bytes_of(body);
        let signed = self.engine.presign_put(key.as_str(), &body, &self.encryption, ttl).await?;
        Ok(signed.into())
    }

    async fn sign_get(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
        presentation: &Presentation,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        let Presentation { disposition, content_type } = presentation;
        let presentation = presign::Presentation { disposition, content_type };
        let version = version.as_str();
        let signed = self.engine.presign_get(key.as_str(), version, presentation, ttl).await?;
        Ok(signed.into())
    }

    async fn begin_parts(
        &self,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<UploadName, ObjectError> {
        let upload = self.create_upload(key.as_str(), content_type).await?;
        let lacks = CallError::Answer { operation: "create upload", what: "no upload" };
        UploadName::new(&upload).ok_or_else(|| lacks.into())
    }

    async fn sign_part(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        part: &Part,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        let signed = self.engine.presign_part(key.as_str(), upload.as_str(), part, ttl).await?;
        Ok(signed.into())
    }

    async fn join_parts(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        size: u64,
    ) -> Result<Option<ObjectVersion>, ObjectError> {
        let version = self.complete_upload(key.as_str(), upload.as_str(), size).await?;
        version.map(|version| named("complete upload", &version)).transpose()
    }

    async fn put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        parts: Parts,
    ) -> Result<ObjectVersion, ObjectError> {
        let version = self.put_object(key.as_str(), &bytes_of(body), parts).await?;
        named("put object", &version)
    }

    async fn head(
        &self,
        key: &OrgScopedKey,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<ObjectFacts>, ObjectError> {
        let version = version.map(ObjectVersion::as_str);
        let found = self.head_object(key.as_str(), version).await?;
        found.map(|facts| self.facts(facts)).transpose()
    }

    async fn read(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
    ) -> Result<Option<Content>, ObjectError> {
        let found = self.read_object(key.as_str(), Some(version.as_str())).await?;
        Ok(found.map(|(size, parts)| Content { size, parts }))
    }

    async fn delete(&self, key: &OrgScopedKey) -> Result<(), ObjectError> {
        // An upload that ends now cannot become a version later.
        self.abort_uploads(key.as_str()).await?;
        Ok(self.delete_object(key.as_str()).await?)
    }
}

impl S3 {
    fn facts(&self, facts: Facts) -> Result<ObjectFacts, ObjectError> {
        let as_told = facts.encryption.as_deref() == Some(self.encryption.algorithm());
        let by_our_key =
            self.encryption.key().is_none_or(|key| facts.kms_key.as_deref() == Some(key));
        Ok(ObjectFacts {
            version: named("head object", &facts.version)?,
            size: facts.size,
            content_type: facts.content_type,
            encrypted: as_told && by_our_key,
        })
    }
}

fn bytes_of(body: &Announced) -> Body<'_> {
    let Announced { content_type, size, sha256 } = body;
    Body { content_type, size: *size, sha256: sha256.as_bytes() }
}

fn named(operation: &'static str, version: &str) -> Result<ObjectVersion, ObjectError> {
    let lacks = CallError::Answer { operation, what: "a version without a name" };
    ObjectVersion::new(version).ok_or_else(|| lacks.into())
}

impl From<Presigned> for SignedRequest {
    fn from(signed: Presigned) -> Self {
        let Presigned { method, url, headers, expires_at } = signed;
        Self { method, url, headers, expires_at }
    }
}

impl From<CallError> for ObjectError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Body(cause) => Self::Body(cause),
            error if error.is_passing() => Self::Unavailable(Box::new(error)),
            error if error.is_of_other_bytes() => Self::OtherBytes(Box::new(error)),
            error => Self::Refused(Box::new(error)),
        }
    }
}
