//! Objects that another system left in the bucket, outside of every organisation's folder.

use async_trait::async_trait;
use bytes::Bytes;
use restartix_storage::{
    Content, ForeignKey, ObjectError, ObjectImport, ObjectVersion, OrgScopedKey,
};

use crate::failure::refused;
use crate::sigv4::encode_path;
use crate::{CallError, S3};

#[async_trait]
impl ObjectImport for S3 {
    async fn open(&self, source: &ForeignKey) -> Result<Option<Content>, ObjectError> {
        let found = self.read_object(source.as_str(), None).await?;
        Ok(found.map(|(size, parts)| Content { size, parts }))
    }

    async fn copy(
        &self,
        source: &ForeignKey,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<Option<ObjectVersion>, ObjectError> {
        let version = self.copy_object(source.as_str(), key.as_str(), content_type).await?;
        let lacks = CallError::Answer { operation: COPY, what: "a version without a name" };
        version.map(|version| ObjectVersion::new(&version).ok_or_else(|| lacks.into())).transpose()
    }
}

const COPY: &str = "copy object";

impl S3 {
    /// Copies within the bucket; S3 moves the bytes. Our own request: of what rusoto sends without
    /// a body the dispatcher drops the type. May be sent twice: the newest copy counts.
    async fn copy_object(
        &self,
        source: &str,
        key: &str,
        content_type: &str,
    ) -> Result<Option<String>, CallError> {
        let mut request = self.engine.request("PUT", key);
        request.set_header("content-type", content_type);
        request.set_header("x-amz-metadata-directive", "REPLACE");
        let source = encode_path(&format!("{}/{source}", self.bucket));
        request.set_header("x-amz-copy-source", &source);
        self.encryption.demand(&mut request);
        let answer = self.engine.whole(&request, &Bytes::new(), COPY).await?;
        let status = answer.status.as_u16();
        if status == 404 {
            return Ok(None);
        }
        // A copy that fails midway is a 200 with an error in its body.
        let is_result = String::from_utf8_lossy(&answer.body).contains("<CopyObjectResult");
        if !answer.status.is_success() || !is_result {
            let status = if answer.status.is_success() { 500 } else { status };
            return Err(refused(COPY, status, &answer.body));
        }
        let version = answer.headers.get("x-amz-version-id").and_then(|value| value.to_str().ok());
        let lacks = CallError::Answer { operation: COPY, what: "no version" };
        version.map(|version| Some(version.to_owned())).ok_or(lacks)
    }
}
