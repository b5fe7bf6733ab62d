//! An answer on its way out, healthy or not.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Bytes;
use futures_util::stream;
use http::response::Parts;
use restartix_kernel::Clock;
use s3s::S3Error;

use crate::reply::{answered, breaking, slowly};

/// Bytes above 0x7f, as HTTP allows them in a header's value.
const STRANGE: &[u8] = b"caf\xe9 \xff";

/// One answer.
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
    /// Its body is left out, and its length told.
    pub(super) is_head: bool,
    /// Its body breaks off in the middle.
    pub(super) is_cut: bool,
    /// It has a header that not every client survives.
    pub(super) is_strange: bool,
}

impl Reply {
    pub(super) fn empty(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { status, headers, body, is_head: false, is_cut: false, is_strange: false }
    }

    /// What s3s answered.
    pub(super) fn new(head: &Parts, body: Bytes) -> Self {
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Self { headers: headers.collect(), body, ..Self::empty(head.status.as_u16()) }
    }

    /// What a refusal answers.
    pub(super) fn refused(error: S3Error) -> Self {
        match error.to_http_response() {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let body = body.bytes().unwrap_or_default();
                Self::new(&head, body)
            }
            Err(_) => Self::empty(500),
        }
    }

    pub(super) fn add(&mut self, headers: Vec<(&'static str, String)>) {
        let headers = headers.into_iter();
        self.headers.extend(headers.map(|(name, value)| (name.to_owned(), value.into_bytes())));
    }

    /// Sends whoever asked elsewhere: nobody is to go.
    pub(super) fn redirect(&mut self) {
        *self = Self { is_head: self.is_head, is_strange: self.is_strange, ..Self::empty(307) };
        self.add(vec![("location", "http://127.0.0.1:9/elsewhere".to_owned())]);
    }

    pub(super) fn send(self, clock: &Arc<dyn Clock>, pause: Duration) -> HttpResponse {
        let mut response = answered(self.status);
        let mut length = None;
        for (name, value) in &self.headers {
            if name == "content-length" {
                length = std::str::from_utf8(value).ok().and_then(|length| length.parse().ok());
            }
            let (name, value) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value));
            if let (Ok(name), Ok(value)) = (name, value)
                && !matches!(name.as_str(), "content-length" | "transfer-encoding")
            {
                response.append_header((name, value));
            }
        }
        if self.is_strange
            && let Ok(value) = HeaderValue::from_bytes(STRANGE)
        {
            response.append_header((HeaderName::from_static("x-amz-meta-strange"), value));
        }
        let whole = u64::try_from(self.body.len()).unwrap_or(u64::MAX);
        if self.is_head {
            let nothing = stream::empty::<Result<Bytes, io::Error>>();
            response.body(SizedStream::new(length.unwrap_or(whole), nothing))
        } else if self.is_cut {
            breaking(response, whole, self.body.slice(..self.body.len() / 2))
        } else {
            slowly(response, self.body, pause, clock)
        }
    }
}
