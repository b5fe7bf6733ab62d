//! Answers of every stand-in, broken ones among them, and what is read of a request.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Query};
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::stream::{self, StreamExt};
use restartix_kernel::Clock;

/// A query, or a form, whose pairs have one value each; anything else has none.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    Query::from_query(text).map(Query::into_inner).unwrap_or_default()
}

/// A builder for a status that is known to be one.
pub(crate) fn answered(status: u16) -> HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

/// An answer that never begins: its body fails before the head has left, and the connection ends.
pub(crate) fn dropped() -> HttpResponse {
    broken_off(1, Bytes::new())
}

/// An answer of `length` bytes whose connection ends after `part` of them.
pub(crate) fn broken_off(length: u64, part: Bytes) -> HttpResponse {
    breaking(HttpResponse::Ok(), length, part)
}

/// `response` with a body of `length` bytes, whose connection ends after `part` of them.
pub(crate) fn breaking(
    mut response: HttpResponseBuilder,
    length: u64,
    part: Bytes,
) -> HttpResponse {
    let failure = io::Error::new(io::ErrorKind::ConnectionAborted, "broken off on purpose");
    let is_begun = !part.is_empty();
    let first = is_begun.then_some(Ok(part));
    let end = stream::once(async move {
        if is_begun {
            // Meanwhile what there is leaves; otherwise nothing would.
            tokio::task::yield_now().await;
        }
        Err(failure)
    });
    let parts = Box::pin(stream::iter(first).chain(end));
    response.body(SizedStream::new(length, parts))
}

/// `response` with `body`, in whose middle it pauses on `clock`.
pub(crate) fn slowly(
    mut response: HttpResponseBuilder,
    body: Bytes,
    pause: Duration,
    clock: &Arc<dyn Clock>,
) -> HttpResponse {
    if pause.is_zero() {
        return response.body(body);
    }
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let mut first = body;
    let second = first.split_off(first.len() / 2);
    let clock = Arc::clone(clock);
    let rest = stream::once(async move {
        clock.sleep(pause).await;
        Ok::<_, io::Error>(second)
    });
    let parts = stream::once(async move { Ok(first) }).chain(rest);
    response.body(SizedStream::new(length, Box::pin(parts)))
}
