//! AWS Signature Version 4: pure, time is an argument.
//!
//! Sources: "AWS Signature Version 4 for API requests" in AWS's IAM guide, and "Authenticating
//! Requests" in S3's API reference. S3 differs from other services: paths are encoded once and
//! never normalised, and the payload's hash travels in `x-amz-content-sha256`.

mod encode;
mod key;
mod request;
#[cfg(test)]
mod vectors;

pub(crate) use encode::path as encode_path;
pub(crate) use key::Keyring;
pub(crate) use request::{Payload, Unsigned};

use chrono::{DateTime, Utc};
use restartix_kernel::ExposeSecret;
use std::time::Duration;

use crate::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An instant as AWS writes it: `20130524T000000Z`.
fn instant(now: DateTime<Utc>) -> String {
    now.format("%Y%m%dT%H%M%SZ").to_string()
}

impl Keyring {
    /// Signs a request in its headers: adds `x-amz-date`, `x-amz-content-sha256`, the session's
    /// token where there is one, and `authorization`.
    pub(crate) fn sign_headers(
        &self,
        credentials: &Credentials,
        now: DateTime<Utc>,
        mut request: Unsigned,
    ) -> Unsigned {
        request.set_header("x-amz-date", &instant(now));
        request.set_header("x-amz-content-sha256", &request.payload.hash());
        if let Some(token) = &credentials.session_token {
            request.set_header("x-amz-security-token", token.expose_secret());
        }
        let signature = self.signature(credentials, now, &request);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            credentials.access_key_id,
            self.scope(now),
            request.signed_headers(),
        );
        request.set_header("authorization", &authorization);
        request
    }

    /// Signs a request in its query: whoever has the query may send it, with exactly these
    /// headers, for `expires` (whole seconds).
    pub(crate) fn presign(
        &self,
        credentials: &Credentials,
        now: DateTime<Utc>,
        expires: Duration,
        mut request: Unsigned,
    ) -> Unsigned {
        let credential = format!("{}/{}", credentials.access_key_id, self.scope(now));
        request.payload = Payload::Unsigned;
        request.add_query("X-Amz-Algorithm", ALGORITHM);
        request.add_query("X-Amz-Credential", &credential);
        request.add_query("X-Amz-Date", &instant(now));
        request.add_query("X-Amz-Expires", &expires.as_secs().to_string());
        if let Some(token) = &credentials.session_token {
            request.add_query("X-Amz-Security-Token", token.expose_secret());
        }
        request.add_query("X-Amz-SignedHeaders", &request.signed_headers());
        request.signature = Some(self.signature(credentials, now, &request));
        request
    }

    fn signature(
        &self,
        credentials: &Credentials,
        now: DateTime<Utc>,
        request: &Unsigned,
    ) -> String {
        let text = self.string_to_sign(now, request);
        self.key(credentials, now).sign(&text)
    }

    fn string_to_sign(&self, now: DateTime<Utc>, request: &Unsigned) -> String {
        let hash = request::sha256(request.canonical().as_bytes());
        format!("{ALGORITHM}\n{}\n{}\n{hash}", instant(now), self.scope(now))
    }
}
