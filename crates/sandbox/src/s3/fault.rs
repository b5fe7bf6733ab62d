//! Refusals in S3's words.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

/// An answer of `status` with S3's `code`.
pub(super) fn refusal(status: u16, code: &'static str, why: impl Into<String>) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, why.into());
    if let Ok(status) = StatusCode::from_u16(status) {
        error.set_status_code(status);
    }
    error
}
