//! Uploads in parts. rusoto knows no checksums of theirs, so that all but their end is asked for here:
//! an upload whose parts bear a SHA-256 has to be begun with that word, and is completed by naming each
//! ("Checking object integrity in Amazon S3" in S3's user guide).

use bytes::Bytes;
use hyper::StatusCode;
use rusoto_s3::{AbortMultipartUploadRequest, ListMultipartUploadsRequest, S3 as _};

use crate::engine::Whole;
use crate::failure::{failed, is_absent, refused};
use crate::sigv4::Payload;
use crate::{CallError, S3};

/// How many uploads of one key are ended by one call.
const BATCH: i64 = 1000;

/// A part that has come, in S3's own words, escaped as its XML has them.
#[derive(Debug, PartialEq, Eq)]
struct Come<'a> {
    number: u16,
    size: u64,
    etag: &'a str,
    sha256: &'a str,
}

impl S3 {
    /// Begins an upload in parts, each with its SHA-256, and answers its name.
    pub(crate) async fn create_upload(
        &self,
        key: &str,
        content_type: &str,
    ) -> Result<String, CallError> {
        const OPERATION: &str = "create upload";
        let mut request = self.engine.request("POST", key);
        request.add_query("uploads", "");
        request.set_header("content-type", content_type);
        request.set_header("x-amz-checksum-algorithm", "SHA256");
        self.encryption.demand(&mut request);
        let answer = self.engine.whole(&request, &Bytes::new(), OPERATION).await?;
        let answer = successful(OPERATION, answer)?;
        let text = String::from_utf8_lossy(&answer.body);
        let upload = field(&text, "UploadId").map(unescaped);
        upload.ok_or(CallError::Answer { operation: OPERATION, what: "no upload" })
    }

    /// Makes one object of the parts that came and answers its version; `None` where there is no such
    /// upload, or its parts are not `size` bytes together.
    pub(crate) async fn complete_upload(
        &self,
        key: &str,
        upload: &str,
        size: u64,
    ) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "complete upload";
        let Some(listed) = self.list_parts(key, upload).await? else { return Ok(None) };
        let text = String::from_utf8_lossy(&listed.body);
        let lacks = CallError::Answer { operation: "list parts", what: "a part without its hash" };
        let parts = parts(&text).ok_or(lacks)?;
        let whole = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.size));
        if parts.is_empty() || whole != size {
            return Ok(None);
        }
        let body = Bytes::from(named(&parts));
        let mut request = self.engine.request("POST", key);
        request.add_query("uploadId", upload);
        request.set_header("content-type", "application/xml");
        request.payload = Payload::of(&body);
        let answer = self.engine.whole(&request, &body, OPERATION).await?;
        // Somebody may have completed it meanwhile, perhaps we ourselves without being told; what is
        // said of an upload that is no more depends on the bucket's policy.
        if answer.status.is_client_error() && self.list_parts(key, upload).await?.is_none() {
            return Ok(None);
        }
        let answer = successful(OPERATION, answer)?;
        // What goes wrong late is told in the body of a 200.
        if field(&String::from_utf8_lossy(&answer.body), "Code").is_some() {
            return Err(refused(OPERATION, 500, &answer.body));
        }
        let version = answer.headers.get("x-amz-version-id").and_then(|name| name.to_str().ok());
        let lacks = CallError::Answer { operation: OPERATION, what: "no version" };
        version.map(|version| Some(version.to_owned())).ok_or(lacks)
    }

    /// One page: as many as an upload of ours has.
    async fn list_parts(&self, key: &str, upload: &str) -> Result<Option<Whole>, CallError> {
        const OPERATION: &str = "list parts";
        let mut request = self.engine.request("GET", key);
        request.add_query("uploadId", upload);
        request.add_query("max-parts", "1000");
        let answer = self.engine.whole(&request, &Bytes::new(), OPERATION).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        successful(OPERATION, answer).map(Some)
    }

    /// Ends every upload of a key that is under way. That there was none is no error.
    pub(crate) async fn abort_uploads(&self, key: &str) -> Result<(), CallError> {
        let request = ListMultipartUploadsRequest {
            bucket: self.bucket.clone(),
            prefix: Some(key.to_owned()),
            max_uploads: Some(BATCH),
            ..Default::default()
        };
        let listed = self.client.list_multipart_uploads(request).await;
        let listed = listed.map_err(|error| failed("list uploads", error))?;
        let ours = listed.uploads.unwrap_or_default().into_iter();
        for upload in ours.filter(|upload| upload.key.as_deref() == Some(key)) {
            let request = AbortMultipartUploadRequest {
                bucket: self.bucket.clone(),
                key: key.to_owned(),
                upload_id: upload.upload_id.unwrap_or_default(),
                ..Default::default()
            };
            match self.client.abort_multipart_upload(request).await {
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(failed("abort upload", error)),
            }
        }
        Ok(())
    }
}

fn successful(operation: &'static str, answer: Whole) -> Result<Whole, CallError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(refused(operation, answer.status.as_u16(), &answer.body))
}

/// What stands between `<name>` and `</name>`, the first time.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
}

/// The five entities that XML has of its own.
fn unescaped(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The parts of a list; `None` where one of them lacks something.
fn parts(text: &str) -> Option<Vec<Come<'_>>> {
    let parts = text.split("<Part>").skip(1).map(|part| {
        let part = part.split("</Part>").next()?;
        Some(Come {
            number: field(part, "PartNumber")?.parse().ok()?,
            size: field(part, "Size")?.parse().ok()?,
            etag: field(part, "ETag")?,
            sha256: field(part, "ChecksumSHA256")?,
        })
    });
    parts.collect()
}

/// The parts as they are named to be put together.
fn named(parts: &[Come<'_>]) -> String {
    let parts = parts.iter().map(|Come { number, etag, sha256, .. }| {
        format!(
            "<Part><ChecksumSHA256>{sha256}</ChecksumSHA256><ETag>{etag}</ETag>\
             <PartNumber>{number}</PartNumber></Part>"
        )
    });
    let parts: String = parts.collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
         </CompleteMultipartUpload>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_parts_is_read_and_told_back() {
        let text = "<ListPartsResult><UploadId>u</UploadId><Part><PartNumber>1</PartNumber>\
                    <LastModified>2026-11-26T00:00:00Z</LastModified><ETag>&quot;abc&quot;</ETag>\
                    <Size>5242880</Size><ChecksumSHA256>AAAA+/=</ChecksumSHA256></Part>\
                    <Part><PartNumber>2</PartNumber><ETag>&quot;def&quot;</ETag><Size>7</Size>\
                    <ChecksumSHA256>BBBB</ChecksumSHA256></Part></ListPartsResult>";
        let parts = parts(text).unwrap();
        let sizes: Vec<_> = parts.iter().map(|part| (part.number, part.size)).collect();
        assert_eq!(sizes, [(1, 5_242_880), (2, 7)]);
        assert_eq!(field(text, "UploadId"), Some("u"));
        let told = named(&parts);
        assert!(told.contains("<ETag>&quot;abc&quot;</ETag><PartNumber>1</PartNumber>"), "{told}");
        assert!(told.contains("<ChecksumSHA256>AAAA+/=</ChecksumSHA256>"), "{told}");
        let nothing = super::parts("<ListPartsResult></ListPartsResult>");
        assert_eq!(nothing, Some(Vec::new()));
        assert_eq!(super::parts("<Part><PartNumber>1</PartNumber></Part>"), None);
        assert_eq!(unescaped("a&amp;b&lt;"), "a&b<");
    }
}
