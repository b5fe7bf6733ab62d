use chrono::{DateTime, Utc};
use restartix_kernel::Secret;
use serde::Deserialize;

use super::{Credentials, CredentialsError};

/// What the agents of containers and instances answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    /// The metadata service's own verdict; agents of containers give none.
    code: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<DateTime<Utc>>,
}

/// Credentials of an agent's answer.
pub(super) fn parse(body: &[u8]) -> Result<Credentials, CredentialsError> {
    // The parser's error may quote the document: it goes no further.
    let document: Document = serde_json::from_slice(body).map_err(|_| CredentialsError::Answer)?;
    if document.code.is_some_and(|code| code != "Success") {
        return Err(CredentialsError::Answer);
    }
    let credentials = Credentials {
        access_key_id: document.access_key_id,
        secret_access_key: document.secret_access_key.into(),
        session_token: document.token.filter(|token| !token.is_empty()).map(Secret::from),
        expires_at: document.expiration,
    };
    if credentials.is_sendable() { Ok(credentials) } else { Err(CredentialsError::Answer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::ExposeSecret;

    #[test]
    fn a_document_is_read_and_a_refusal_is_not_taken_for_one() {
        let document = br#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA1",
            "SecretAccessKey":"s3cr3t","Token":"t0ken","Expiration":"2026-11-24T12:00:00Z"}"#;
        let credentials = parse(document).unwrap();
        assert_eq!(credentials.access_key_id, "ASIA1");
        assert_eq!(credentials.session_token.unwrap().expose_secret(), "t0ken");
        assert_eq!(credentials.expires_at.unwrap().to_rfc3339(), "2026-11-24T12:00:00+00:00");
        for bad in [
            &br#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}"#[..],
            br#"{"Code":"Failed","AccessKeyId":"A","SecretAccessKey":"s"}"#,
            br#"{"AccessKeyId":"A\r\nB","SecretAccessKey":"s"}"#,
            b"<html>",
        ] {
            assert!(matches!(parse(bad), Err(CredentialsError::Answer)));
        }
    }
}
