use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Secret;
use restartix_storage::{LONGEST_DOWNLOAD, LONGEST_UPLOAD, Part};

use crate::CallError;
use crate::encryption::Encryption;
use crate::engine::Engine;
use crate::sigv4::Unsigned;

/// A request that whoever holds it may send.
pub(crate) struct Presigned {
    pub(crate) method: &'static str,
    pub(crate) url: Secret,
    /// What has to be sent along, exactly so; the host aside.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// The body that an upload's URL admits, and no other.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) size: u64,
    pub(crate) sha256: &'a [u8; 32],
}

/// What a download's answer says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Presentation<'a> {
    pub(crate) disposition: &'a str,
    pub(crate) content_type: &'a str,
}

/// A hash as S3 takes it.
pub(crate) fn checksum(sha256: &[u8; 32]) -> String {
    BASE64_STANDARD.encode(sha256)
}

impl Body<'_> {
    /// Binds a request to this body and, unless a probe leaves it out, to being encrypted at rest.
    pub(crate) fn bind(&self, request: &mut Unsigned, encryption: Option<&Encryption>) {
        request.set_header("content-length", &self.size.to_string());
        request.set_header("content-type", self.content_type);
        request.set_header("x-amz-checksum-sha256", &checksum(self.sha256));
        if let Some(encryption) = encryption {
            encryption.demand(request);
        }
    }
}

impl Engine {
    /// A URL to put exactly `body` at `key`. Good for `ttl`, 15 minutes at most.
    pub(crate) async fn presign_put(
        &self,
        key: &str,
        body: &Body<'_>,
        encryption: &Encryption,
        ttl: Duration,
    ) -> Result<Presigned, CallError> {
        #[cfg(feature = "mutants")]
        let key = if restartix_kernel::mutants::planted("s3.key_without_prefix") {
            key.split_once('/').map_or(key, |(_, relative)| relative)
        } else {
            key
        };
        let mut request = self.request("PUT", key);
        body.bind(&mut request, Some(encryption));
        self.presigned(request, ttl.min(LONGEST_UPLOAD)).await
    }

    /// A URL to put exactly `part` as a part of a multipart upload (its type and encryption were
    /// said when the upload began). Good for `ttl`, 15 minutes at most.
    pub(crate) async fn presign_part(
        &self,
        key: &str,
        upload: &str,
        part: &Part,
        ttl: Duration,
    ) -> Result<Presigned, CallError> {
        let mut request = self.request("PUT", key);
        request.add_query("partNumber", &part.number.to_string());
        request.add_query("uploadId", upload);
        request.set_header("content-length", &part.size.to_string());
        request.set_header("x-amz-checksum-sha256", &checksum(part.sha256.as_bytes()));
        self.presigned(request, ttl.min(LONGEST_UPLOAD)).await
    }

    /// A URL to get one version of `key`. Good for `ttl`, 5 minutes at most.
    pub(crate) async fn presign_get(
        &self,
        key: &str,
        version: &str,
        presentation: Presentation<'_>,
        ttl: Duration,
    ) -> Result<Presigned, CallError> {
        let mut request = self.request("GET", key);
        request.add_query("response-content-disposition", presentation.disposition);
        request.add_query("response-content-type", presentation.content_type);
        request.add_query("versionId", version);
        self.presigned(request, ttl.min(LONGEST_DOWNLOAD)).await
    }

    async fn presigned(&self, request: Unsigned, ttl: Duration) -> Result<Presigned, CallError> {
        let credentials = self.credentials.get().await;
        let credentials = credentials.map_err(|error| CallError::Credentials(Box::new(error)))?;
        let now = self.clock.now();
        // A URL dies with the credentials that signed it.
        let left = credentials.expires_at.and_then(|end| (end - now).to_std().ok());
        let ttl = Duration::from_secs(left.map_or(ttl, |left| ttl.min(left)).as_secs());
        let signed = self.ring.presign(&credentials, now, ttl, request);
        let url = self.place.url(&signed.target()).into();
        let length = TimeDelta::from_std(ttl).map_err(CallError::internal)?;
        let (method, mut headers) = (signed.method, signed.into_headers());
        headers.retain(|(name, _)| name != "host");
        Ok(Presigned { method, url, headers, expires_at: now + length })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Config, CredentialSource, Credentials};
    use restartix_kernel::{ExposeSecret, ManualClock, SeededRandom};
    use restartix_storage::Sha256;

    const SHA256: [u8; 32] = [7; 32];

    fn engine(kms: Option<&str>, lives: Option<TimeDelta>) -> (Engine, DateTime<Utc>) {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let mut credentials = Credentials::new("AKIDEXAMPLE", "the-secret".into());
        credentials.expires_at = lives.map(|lives| now + lives);
        let source = CredentialSource::Fixed(credentials);
        let kms_key_id = kms.map(str::to_owned);
        let config = Config { kms_key_id, ..Config::new("eu-central-1", "files", source) };
        let clock = Arc::new(ManualClock::at(now));
        (Engine::new(&config, clock, Arc::new(SeededRandom::new(1))).unwrap(), now)
    }

    fn pdf() -> Body<'static> {
        Body { content_type: "application/pdf", size: 1234, sha256: &SHA256 }
    }

    async fn put(ttl: u64, kms: Option<&str>) -> (Presigned, DateTime<Utc>) {
        let (engine, now) = engine(kms, None);
        let encryption = kms.map_or(Encryption::Aes256, |key| Encryption::Kms(key.to_owned()));
        let ttl = Duration::from_secs(ttl);
        let signed = engine.presign_put("1/uploads/test.pdf", &pdf(), &encryption, ttl).await;
        (signed.unwrap(), now)
    }

    #[tokio::test]
    async fn an_upload_is_bound_to_length_type_checksum_and_encryption() {
        let (signed, now) = put(600, None).await;
        let url = signed.url.expose_secret();
        assert!(url.starts_with("https://files.s3.eu-central-1.amazonaws.com/1/uploads/test.pdf?"));
        assert!(
            url.contains(
                "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3B\
                 x-amz-checksum-sha256%3Bx-amz-server-side-encryption&"
            ),
            "{url}"
        );
        assert!(url.contains("X-Amz-Expires=600&"), "{url}");
        assert_eq!((signed.method, signed.expires_at), ("PUT", now + TimeDelta::seconds(600)));
        let headers: Vec<_> =
            signed.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            headers,
            [
                "content-length: 1234",
                "content-type: application/pdf",
                "x-amz-checksum-sha256: BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
                "x-amz-server-side-encryption: AES256",
            ]
        );
        assert!(!format!("{:?}", signed.url).contains("X-Amz"), "a URL is a secret");
    }

    #[tokio::test]
    async fn an_upload_is_bound_to_the_key_that_encrypts() {
        let key = "arn:aws:kms:eu-central-1:1:key/k";
        let (signed, _) = put(600, Some(key)).await;
        let url = signed.url.expose_secret();
        assert!(url.contains("x-amz-server-side-encryption-aws-kms-key-id&"), "{url}");
        let has =
            |name: &str, value: &str| signed.headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("x-amz-server-side-encryption", "aws:kms"));
        assert!(has("x-amz-server-side-encryption-aws-kms-key-id", key));
    }

    #[tokio::test]
    async fn nothing_is_signed_for_longer_than_it_may() {
        let (signed, now) = put(86_400, None).await;
        assert!(signed.url.expose_secret().contains("X-Amz-Expires=900&"));
        assert_eq!(signed.expires_at, now + TimeDelta::seconds(900));

        let present = Presentation {
            disposition: "attachment; filename=\"a.pdf\"; filename*=UTF-8''a%C8%9B.pdf",
            content_type: "application/pdf",
        };
        let (engine, now) = engine(None, Some(TimeDelta::seconds(100)));
        for (asked, given) in [(3600, 100), (60, 60)] {
            let ttl = Duration::from_secs(asked);
            let signed = engine.presign_get("1/documents/x", "v.1", present, ttl).await.unwrap();
            let url = signed.url.expose_secret();
            assert!(url.contains(&format!("X-Amz-Expires={given}&")), "{url}");
            assert_eq!(signed.expires_at, now + TimeDelta::seconds(given));
            assert!(url.contains("&versionId=v.1&X-Amz-Signature="), "{url}");
            assert!(url.contains("response-content-type=application%2Fpdf"), "{url}");
            assert!(
                url.contains("filename%2A%3DUTF-8%27%27a%25C8%259B.pdf"),
                "signed as it is sent: {url}"
            );
            assert!(signed.headers.is_empty());
        }
    }

    #[tokio::test]
    async fn a_part_is_bound_to_its_upload_its_number_and_its_body() {
        let (engine, _) = engine(None, None);
        let ttl = Duration::from_secs(900);
        let part = Part { number: 3, size: 1234, sha256: Sha256::from_bytes(SHA256) };
        let signed = engine.presign_part("1/recordings/x", "u/1", &part, ttl).await.unwrap();
        let url = signed.url.expose_secret();
        assert!(url.contains("partNumber=3&uploadId=u%2F1"), "{url}");
        assert!(
            url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256&"),
            "{url}"
        );
    }

    #[tokio::test]
    async fn another_key_another_bucket_and_another_day_sign_otherwise() {
        let (engine, _) = engine(None, None);
        let present = Presentation { disposition: "attachment", content_type: "text/plain" };
        let url = async |key: &str| {
            let signed = engine.presign_get(key, "v", present, Duration::from_secs(60)).await;
            let url = signed.unwrap().url.expose_secret().to_owned();
            url.split_once("X-Amz-Signature=").unwrap().1[..64].to_owned()
        };
        let (one, two) = (url("1/uploads/test.pdf").await, url("2/uploads/test.pdf").await);
        assert_ne!(one, two);
        assert_eq!(url("1/uploads/test.pdf").await, one);
    }
}
