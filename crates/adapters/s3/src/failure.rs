//! rusoto's errors as ours. They are never printed themselves: they hold whole answers.

use std::error::Error;

use rusoto_core::RusotoError;
use rusoto_core::request::BufferedHttpResponse;

use crate::CallError;

/// What became of a call of `operation`.
pub(crate) fn failed<E: Error + Send + Sync + 'static>(
    operation: &'static str,
    error: RusotoError<E>,
) -> CallError {
    match error {
        RusotoError::HttpDispatch(error) => CallError::transport(error),
        RusotoError::Credentials(error) => CallError::Credentials(Box::new(error)),
        RusotoError::Unknown(answer) => refused(operation, answer.status.as_u16(), &answer.body),
        RusotoError::Service(error) => CallError::transport(error),
        RusotoError::ParseError(_) => CallError::Answer { operation, what: "its XML" },
        RusotoError::Validation(_) | RusotoError::Blocking => {
            CallError::internal("rusoto refused the request")
        }
    }
}

/// A status outside 2xx, with S3's code where the body tells one.
pub(crate) fn refused(operation: &'static str, status: u16, body: &[u8]) -> CallError {
    CallError::Status { operation, status, code: code(body) }
}

/// Whether the answer says that there is no such thing: 404, whichever code.
pub(crate) fn is_absent<E>(error: &RusotoError<E>) -> bool {
    matches!(error, RusotoError::Unknown(BufferedHttpResponse { status, .. }) if status.as_u16() == 404)
}

/// `AccessDenied` in `<Error><Code>AccessDenied</Code>...`; empty where there is nothing like it.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code).unwrap_or_default();
    let plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain { code.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_taken_out_and_nothing_else() {
        let body = b"<?xml?><Error><Code>AccessDenied</Code><Resource>/secret</Resource></Error>";
        let told = refused("head", 403, body).to_string();
        assert_eq!(told, "S3 answered head with 403 AccessDenied");
        assert_eq!(code(b"<Code>not a code</Code>"), "");
        assert_eq!(code(b""), "");
    }
}
