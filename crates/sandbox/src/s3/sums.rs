//! What was said of a body, against the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::S3Result;
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1};

use super::fault::refusal;
use super::store::Digest;

/// A header's value, from the bytes of a body.
type Sum = fn(&[u8]) -> String;

/// How the value of each header is computed, that of the SHA-256 aside.
const SUMS: [(&str, Sum); 5] = [
    ("content-md5", sum::<Md5>),
    ("x-amz-checksum-crc32", sum::<Crc32>),
    ("x-amz-checksum-crc32c", sum::<Crc32c>),
    ("x-amz-checksum-crc64nvme", sum::<Crc64Nvme>),
    ("x-amz-checksum-sha1", sum::<Sha1>),
];
const SHA256: &str = "x-amz-checksum-sha256";

fn sum<C: Checksum>(bytes: &[u8]) -> String {
    STANDARD.encode(C::checksum(bytes))
}

/// Whether a header says what the bytes of a body are.
pub(super) fn is_sum(name: &str) -> bool {
    name == SHA256 || SUMS.iter().any(|(known, _)| *known == name)
}

/// Compares all that headers (or trailers) say of a body, whose SHA-256 is known; true where they tell it.
pub(super) fn verify(body: &[u8], digest: &Digest, said: &HeaderMap) -> S3Result<bool> {
    for (name, compute) in SUMS {
        if let Some(value) = said.get(name)
            && value.as_bytes() != compute(body).as_bytes()
        {
            return Err(wrong(name));
        }
    }
    verify_field(digest, said.get(SHA256).map(|value| value.to_str().unwrap_or_default()))
}

/// As [`verify`], of the field of a form.
pub(super) fn verify_field(digest: &Digest, said: Option<&str>) -> S3Result<bool> {
    match said {
        Some(said) if said != STANDARD.encode(digest) => Err(wrong(SHA256)),
        said => Ok(said.is_some()),
    }
}

fn wrong(name: &str) -> s3s::S3Error {
    let why = format!("The {name} you specified did not match the calculated checksum.");
    refusal(400, "BadDigest", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::store::digest;
    use http::HeaderValue;

    #[test]
    fn everything_that_is_said_is_compared() {
        // Of "123456789": the check values of the algorithms' catalogue; FIPS 180-4; RFC 1321.
        for (name, right) in [
            ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
            ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ("x-amz-checksum-crc32c", "4waSgw=="),
            ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
            ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            let mut said = HeaderMap::new();
            said.insert(name, HeaderValue::from_str(right).unwrap());
            let told = verify(b"123456789", &digest(b"123456789"), &said);
            assert_eq!(told.ok(), Some(name == SHA256), "{name}");
            assert!(verify(b"12345678", &digest(b"12345678"), &said).is_err(), "{name}");
        }
    }
}
