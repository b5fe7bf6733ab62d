use bytes::Bytes;
use hyper::{Body, Request, StatusCode};
use restartix_kernel::{ExposeSecret, Secret};

use super::{Credentials, CredentialsError, document};
use crate::http::Http;

/// How long a session with the metadata service may last, in seconds: it serves one fetch.
const TTL: &str = "60";
/// Where the roles are (EC2 user guide, "Retrieve security credentials from instance metadata").
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// Asks the instance's metadata service: a token first (IMDSv2), never without one.
pub(super) async fn fetch(http: &Http, endpoint: &str) -> Result<Credentials, CredentialsError> {
    let endpoint = endpoint.trim_end_matches('/');
    let token = Request::put(format!("{endpoint}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", TTL)
        .body(Body::empty());
    let token = Secret::from(word(&ask(http, built(token)?).await?)?);
    let get = |path: &str| {
        built(
            Request::get(format!("{endpoint}{path}"))
                .header("x-aws-ec2-metadata-token", token.expose_secret())
                .body(Body::empty()),
        )
    };
    let roles = ask(http, get(ROLES)?).await?;
    let role = roles.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let role = word(role)?;
    // A role's name is one segment: nothing in it may lead elsewhere.
    if role.contains('/') || role.starts_with('.') {
        return Err(CredentialsError::Answer);
    }
    let path = format!("{ROLES}{}", crate::sigv4::encode_path(&role));
    document::parse(&ask(http, get(&path)?).await?)
}

/// One small answer with the status 200.
pub(super) async fn ask(http: &Http, request: Request<Body>) -> Result<Bytes, CredentialsError> {
    let answered = http.small(request, "credentials").await;
    let (status, body) = answered.map_err(|error| CredentialsError::Endpoint(Box::new(error)))?;
    if status == StatusCode::OK { Ok(body) } else { Err(CredentialsError::Status(status.as_u16())) }
}

fn built(
    request: Result<Request<Body>, hyper::http::Error>,
) -> Result<Request<Body>, CredentialsError> {
    request.map_err(|_| CredentialsError::Answer)
}

/// A short answer that is one word.
fn word(bytes: &[u8]) -> Result<String, CredentialsError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CredentialsError::Answer)?.trim();
    if crate::config::is_sendable(text, 1024) {
        Ok(text.to_owned())
    } else {
        Err(CredentialsError::Answer)
    }
}
