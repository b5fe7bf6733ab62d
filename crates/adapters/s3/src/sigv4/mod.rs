//! AWS Signature Version 4: pure, time is an argument.
//!
//! Sources: "AWS Signature Version 4 for API requests" in AWS's IAM guide, and "Authenticating
//! Requests" in S3's API reference. S3 differs from other services: paths are encoded once and
//! never normalised, and the payload's hash travels in `x-amz-content-sha256`.

mod encode;
mod key;
mod moment;
mod request;
#[cfg(test)]
mod vectors;

pub(crate) use encode::path as encode_path;
pub(crate) use key::Keyring;
pub(crate) use request::{Payload, Unsigned};

use chrono::{DateTime, Utc};
use restartix_kernel::ExposeSecret;
use std::time::Duration;

use self::moment::Moment;

use crate::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

impl Keyring {
    /// Signs a request in its headers: adds `x-amz-date`, `x-amz-content-sha256`, the session's
    /// token where there is one, and `authorization`.
    pub(crate) fn sign_headers(
        &self,
        credentials: &Credentials,
        now: DateTime<Utc>,
        mut request: Unsigned,
    ) -> Unsigned {
        let moment = Moment::of(now);
        request.set_header("x-amz-date", moment.as_str());
        request.set_header("x-amz-content-sha256", &request.payload.hash());
        if let Some(token) = &credentials.session_token {
            request.set_header("x-amz-security-token", token.expose_secret());
        }
        let scope = self.scope(&moment);
        let signature = self.signature(credentials, now, &moment, &scope, &request);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            credentials.access_key_id,
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
        let moment = Moment::of(now);
        let scope = self.scope(&moment);
        let credential = [&credentials.access_key_id, "/", &scope].concat();
        request.payload = Payload::Unsigned;
        request.add_query("X-Amz-Algorithm", ALGORITHM);
        request.add_query("X-Amz-Credential", &credential);
        request.add_query("X-Amz-Date", moment.as_str());
        request.add_query("X-Amz-Expires", &expires.as_secs().to_string());
        if let Some(token) = &credentials.session_token {
            request.add_query("X-Amz-Security-Token", token.expose_secret());
        }
        request.add_query("X-Amz-SignedHeaders", &request.signed_headers());
        let signature = self.signature(credentials, now, &moment, &scope, &request);
        request.signature = Some(signature);
        request
    }

    fn signature(
        &self,
        credentials: &Credentials,
        now: DateTime<Utc>,
        moment: &Moment,
        scope: &str,
        request: &Unsigned,
    ) -> String {
        self.key(credentials, now).sign(&string_to_sign(moment, scope, request))
    }
}

fn string_to_sign(moment: &Moment, scope: &str, request: &Unsigned) -> String {
    let hash = request::sha256(request.canonical().as_bytes());
    [ALGORITHM, "\n", moment.as_str(), "\n", scope, "\n", &hash].concat()
}
