//! What handlers take: parsed once, at the edge, from path, query, headers and body.

mod insights;
mod json;
mod node;
mod notice;
mod path;
mod query;
mod token;
mod upload;

use std::cell::Cell;
use std::io;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, Payload};
use futures_channel::mpsc::Receiver;
use futures_util::StreamExt;
use futures_util::future::join;
use restartix_tenancy::Version;

use crate::{Kind, Problem, Sketch};

pub use insights::{GroupBy, InsightFormat, InsightQuery};
pub use json::Body;
pub(crate) use notice::SignedNotice;
pub(crate) use path::{PathDate, PathRecording, PathTimeOff};
pub use path::{PathId, PathText, PublicId};
pub use query::{AppointmentsQuery, DeliveriesQuery, FeedQuery, PageQuery, ProgramsQuery, Slots};
pub(crate) use query::{AuditQuery, FilesQuery};
pub(crate) use token::TokenRequest;
pub(crate) use upload::Conduit;
pub use upload::Upload;

/// Something that is parsed from a request.
pub trait Input: Sized {
    /// Whether the body is read for it.
    const READS_BODY: bool = false;
    /// Whether the body that is read is a form, and not JSON.
    const TAKES_FORM: bool = false;
    /// Whether the body is taken as it comes.
    const STREAMS_BODY: bool = false;

    /// Parses it.
    fn parse(request: &Parts<'_>) -> Result<Self, Problem>;

    /// Adds what it reads to the operation's documentation.
    fn describe(sketch: &mut Sketch);
}

/// The parts of a request that inputs are parsed from.
pub struct Parts<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) body: Bytes,
    /// The body as it comes, for whoever takes it.
    pub(crate) stream: Cell<Option<Receiver<io::Result<Bytes>>>>,
}

impl Parts<'_> {
    /// The part of the path that the route calls `{name}`.
    pub fn path(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// The cookie of this name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.request.cookie(name).map(|cookie| cookie.value().to_owned())
    }

    /// The fields of a body that a form sent (`application/x-www-form-urlencoded`).
    pub fn form(&self) -> Result<Vec<(String, String)>, Problem> {
        let malformed = || Problem::from(Kind::MALFORMED_BODY);
        let text = std::str::from_utf8(&self.body).map_err(|_| malformed())?;
        let fields = actix_web::web::Query::<Vec<(String, String)>>::from_query(text);
        fields.map(actix_web::web::Query::into_inner).map_err(|_| malformed())
    }
}

/// A request whose body was not read yet.
pub(crate) struct Incoming<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) payload: &'a mut Payload,
    pub(crate) body_limit: usize,
    /// The body, where it was read ahead of its input.
    pub(crate) read: Option<Bytes>,
}

impl<'a> Incoming<'a> {
    /// Reads the body ahead of its input; what it is.
    pub(crate) async fn read_ahead(&mut self) -> Result<Bytes, Problem> {
        let body = read_body(self.payload, self.body_limit).await?;
        self.read = Some(body.clone());
        Ok(body)
    }

    /// Reads what `I` needs, and lets `handle` work with it: while it works, where the body is
    /// taken as it comes.
    pub(crate) async fn handle<I: Input, T>(
        self,
        handle: impl AsyncFnOnce(I) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let Self { request, payload, body_limit, read } = self;
        if I::STREAMS_BODY {
            let (conduit, stream) = Conduit::open();
            let input = I::parse(&Parts { request, body: Bytes::new(), stream })?;
            return join(handle(input), conduit.carry(payload)).await.0;
        }
        let body = if I::READS_BODY {
            json::check_type(request, I::TAKES_FORM)?;
            match read {
                Some(body) => body,
                None => read_body(payload, body_limit).await?,
            }
        } else {
            Bytes::new()
        };
        handle(I::parse(&Parts { request, body, stream: Cell::new(None) })?).await
    }
}

async fn read_body(payload: &mut Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::from(Kind::MALFORMED_BODY).because(error))?;
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(Kind::TOO_LARGE.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Reads on, up to 16 MiB, what a refused request still sends: a client that cannot finish sending
/// does not read the refusal.
pub(crate) async fn drain(payload: &mut Payload) {
    let mut left: usize = 16 * 1024 * 1024;
    while let Some(Ok(chunk)) = payload.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}

impl Input for () {
    fn parse(_: &Parts<'_>) -> Result<Self, Problem> {
        Ok(())
    }

    fn describe(_: &mut Sketch) {}
}

impl<A: Input, B: Input> Input for (A, B) {
    const READS_BODY: bool = A::READS_BODY || B::READS_BODY;
    const STREAMS_BODY: bool = A::STREAMS_BODY || B::STREAMS_BODY;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        Ok((A::parse(request)?, B::parse(request)?))
    }

    fn describe(sketch: &mut Sketch) {
        A::describe(sketch);
        B::describe(sketch);
    }
}

impl<A: Input, B: Input, C: Input> Input for (A, B, C) {
    const READS_BODY: bool = A::READS_BODY || B::READS_BODY || C::READS_BODY;
    const STREAMS_BODY: bool = A::STREAMS_BODY || B::STREAMS_BODY || C::STREAMS_BODY;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        Ok((A::parse(request)?, B::parse(request)?, C::parse(request)?))
    }

    fn describe(sketch: &mut Sketch) {
        A::describe(sketch);
        B::describe(sketch);
        C::describe(sketch);
    }
}

/// The header `If-Match`: the version that the client has seen, when it says so
/// (RFC 9110, section 13.1.1). A tag that no version can have is one that does not match.
#[derive(Clone, Copy, Debug)]
pub struct IfMatch(pub Option<Version>);

impl Input for IfMatch {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let Some(tag) = request.request.headers().get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        if tag == "*" {
            return Ok(Self(None));
        }
        let number = tag.to_str().ok().and_then(|tag| tag.strip_prefix("\"v")?.strip_suffix('"'));
        let version = number.and_then(|number| Version::new(number.parse().ok()?));
        version.map(|version| Self(Some(version))).ok_or(Kind::STALE.into())
    }

    fn describe(sketch: &mut Sketch) {
        sketch.header("If-Match", "The `ETag` that you have seen: 412 when it is no longer so.");
    }
}
