//! Uploads in parts.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use restartix_storage::{ObjectError, ObjectVersion, OrgScopedKey, Part, UploadName};

use crate::AwsS3;
use crate::error::{CallError, failed, status};

impl AwsS3 {
    pub(crate) async fn create_upload(
        &self,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<UploadName, ObjectError> {
        const OPERATION: &str = "create upload";
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .content_type(content_type)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key.clone())
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let name = created.upload_id().and_then(UploadName::new);
        name.ok_or_else(|| CallError::lacks(OPERATION, "no upload"))
    }

    pub(crate) async fn complete_upload(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        size: u64,
    ) -> Result<Option<ObjectVersion>, ObjectError> {
        const OPERATION: &str = "complete upload";
        let Some((parts, whole)) = self.parts(key, upload).await? else { return Ok(None) };
        if parts.is_empty() || whole != size {
            return Ok(None);
        }
        let named = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(upload.as_str())
            .multipart_upload(named)
            .send()
            .await;
        match completed {
            Ok(completed) => {
                let version = completed.version_id().and_then(ObjectVersion::new);
                version.map(Some).ok_or_else(|| CallError::lacks(OPERATION, "no version"))
            }
            // Somebody may have completed it meanwhile, perhaps we ourselves without being told.
            Err(error) => match self.parts(key, upload).await? {
                None => Ok(None),
                Some(_) => Err(failed(OPERATION, &error)),
            },
        }
    }

    /// The parts that came, as they are named, and how many bytes they are together.
    async fn parts(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
    ) -> Result<Option<(Vec<CompletedPart>, u64)>, ObjectError> {
        const OPERATION: &str = "list parts";
        let listed = self
            .client
            .list_parts()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(upload.as_str())
            .max_parts(i32::try_from(Part::MOST).unwrap_or(i32::MAX))
            .send()
            .await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) if error.code() == Some("NoSuchUpload") => return Ok(None),
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failed(OPERATION, &error)),
        };
        let mut whole = 0_u64;
        let parts = listed.parts().iter().map(|part| {
            let size = part.size().and_then(|size| u64::try_from(size).ok());
            whole = whole.saturating_add(size.unwrap_or(u64::MAX));
            CompletedPart::builder()
                .set_part_number(part.part_number())
                .set_e_tag(part.e_tag().map(str::to_owned))
                .set_checksum_sha256(part.checksum_sha256().map(str::to_owned))
                .build()
        });
        let parts = parts.collect();
        Ok(Some((parts, whole)))
    }

    /// Ends every upload of a key that is under way.
    pub(crate) async fn abort_uploads(&self, key: &OrgScopedKey) -> Result<(), ObjectError> {
        let listed = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(key.as_str())
            .send()
            .await
            .map_err(|error| failed("list uploads", &error))?;
        for upload in listed.uploads().iter().filter(|upload| upload.key() == Some(key.as_str())) {
            let aborted = self
                .client
                .abort_multipart_upload()
                .bucket(&self.bucket)
                .key(key.as_str())
                .set_upload_id(upload.upload_id().map(str::to_owned))
                .send()
                .await;
            match aborted {
                Ok(_) => {}
                Err(error) if status(&error) == Some(404) => {}
                Err(error) => return Err(failed("abort upload", &error)),
            }
        }
        Ok(())
    }
}
