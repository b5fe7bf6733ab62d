//! One delivery, as the receiver gets it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT,
};
use restartix_kernel::{ExposeSecret, Secret};

use crate::failure::Failure;

/// A delivery, signed and ready to go.
#[derive(Clone, Debug)]
pub struct Dispatch<'a> {
    /// Where to: judged here, whoever judged it before.
    pub url: &'a str,
    /// The organisation's own headers: `Authorization` or `X-*`, at most ten, of visible ASCII and
    /// spaces within.
    pub headers: &'a [(String, Secret)],
    /// `webhook-id`: the same for every attempt.
    pub id: &'a str,
    /// `webhook-timestamp`: of this attempt.
    pub timestamp: DateTime<Utc>,
    /// `webhook-signature`: one or more, separated by spaces.
    pub signature: &'a str,
    /// The bytes that were signed.
    pub body: Bytes,
}

/// What is kept of an answer: nothing that the receiver could write freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 100 to 999.
    pub status: u16,
    /// How long the receiver wants to be left alone: at most a day.
    pub retry_after: Option<Duration>,
    /// Bytes read, headers and body: at most 16 KiB.
    pub size: usize,
}

/// An attempt that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The whole answer, of whatever status, or why there was none.
    pub outcome: Result<Answer, Failure>,
    /// How long it took, from the look-up of the name to the last byte.
    pub duration: Duration,
}

/// Who calls, as receivers see it.
const OURSELVES: &str = concat!("RestartiX-Webhooks/", env!("CARGO_PKG_VERSION"));

/// The most headers of an organisation's own.
const MOST_HEADERS: usize = 10;

/// The longest value of such a header, in bytes.
const LONGEST_VALUE: usize = 4096;

impl Dispatch<'_> {
    /// Theirs first, ours last: nothing of theirs can stand where ours belong.
    pub(crate) fn headers(&self) -> Result<HeaderMap, Failure> {
        if self.headers.len() > MOST_HEADERS {
            return Err(Failure::BadHeader);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(own_name(name)?, own_value(value)?);
        }
        let timestamp = self.timestamp.timestamp().to_string();
        let ours = [
            (USER_AGENT, OURSELVES),
            (ACCEPT, "*/*"),
            // Nothing is decompressed, so nothing is asked to be compressed.
            (ACCEPT_ENCODING, "identity"),
            (CONTENT_TYPE, "application/json"),
            (HeaderName::from_static("webhook-id"), self.id),
            (HeaderName::from_static("webhook-timestamp"), &timestamp),
            (HeaderName::from_static("webhook-signature"), self.signature),
        ];
        for (name, value) in ours {
            let value = HeaderValue::from_str(value).map_err(|_| Failure::BadHeader)?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

fn own_name(name: &str) -> Result<HeaderName, Failure> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Failure::BadHeader)?;
    // The type's own spelling is in lower case.
    let theirs = name == AUTHORIZATION
        || name.as_str().strip_prefix("x-").is_some_and(|rest| !rest.is_empty());
    if theirs { Ok(name) } else { Err(Failure::BadHeader) }
}

fn own_value(value: &Secret) -> Result<HeaderValue, Failure> {
    let text = value.expose_secret();
    let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
    if text.is_empty()
        || text.len() > LONGEST_VALUE
        || !text.bytes().all(visible)
        || text.trim() != text
    {
        return Err(Failure::BadHeader);
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| Failure::BadHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(own: &[(&str, &str)]) -> Result<HeaderMap, Failure> {
        let own: Vec<_> =
            own.iter().map(|(name, value)| ((*name).to_owned(), Secret::from(*value))).collect();
        let dispatch = Dispatch {
            url: "",
            headers: &own,
            id: "evt_1",
            timestamp: DateTime::UNIX_EPOCH,
            signature: "v1,x v1,y",
            body: Bytes::new(),
        };
        dispatch.headers()
    }

    #[test]
    fn an_organisation_may_add_authorization_and_its_own_names() {
        let headers = built(&[("Authorization", "Bearer abc"), ("X-Make-Key", "k")]).unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-make-key"], "k");
        assert!(headers["authorization"].is_sensitive(), "never printed");
        assert_eq!(headers["webhook-signature"], "v1,x v1,y");
        assert_eq!(headers["webhook-timestamp"], "0");
    }

    #[test]
    fn nothing_else_may_be_added() {
        for (name, value) in [
            ("Host", "evil.example.com"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "upgrade"),
            ("Cookie", "a=b"),
            ("webhook-signature", "v1,forged"),
            ("User-Agent", "x"),
            ("X-", "x"),
            ("X y", "x"),
            ("X-A:", "x"),
            ("", "x"),
            ("X-A", ""),
            ("X-A", " x"),
            ("X-A", "a\r\nhost: evil"),
            ("X-A", "é"),
            ("X-A", "a\tb"),
        ] {
            assert_eq!(built(&[(name, value)]).unwrap_err(), Failure::BadHeader, "{name}: {value}");
        }
        let names: Vec<_> = (0..11).map(|n| format!("X-{n}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
        assert!(built(&many).is_err());
        assert!(built(many.get(..10).unwrap()).is_ok());
        assert!(built(&[("X-A", &"v".repeat(4097))]).is_err());
    }
}
