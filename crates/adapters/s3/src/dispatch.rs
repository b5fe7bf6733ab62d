use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use rusoto_core::request::{
    DispatchSignedRequest, DispatchSignedRequestFuture, HttpDispatchError, HttpResponse,
};
use rusoto_core::signature::{SignedRequest, SignedRequestPayload};
use rusoto_core::{ByteStream, Region};
use rusoto_s3::S3Client;

use crate::CallError;
use crate::engine::{Engine, Whole};
use crate::sigv4::{Payload, Unsigned};

/// Carries rusoto's requests over our own client: addressed, signed, bounded and repeated by
/// [`Engine`]. What rusoto itself would do panics on a header's byte above 0x7f, waits for ever,
/// gives up at once and signs by the wall clock.
struct Dispatcher(Arc<Engine>);

/// A client of rusoto that signs nothing itself and connects to nothing itself.
pub(crate) fn client(engine: &Arc<Engine>, region: &str) -> S3Client {
    let dispatcher = Dispatcher(engine.clone());
    let client = rusoto_core::Client::new_not_signing(dispatcher);
    // Where a request goes is the engine's affair: rusoto's notion of the host is not looked at.
    let region = Region::Custom { name: region.to_owned(), endpoint: "s3.invalid".to_owned() };
    S3Client::new_with_client(client, region)
}

impl DispatchSignedRequest for Dispatcher {
    fn dispatch(
        &self,
        request: SignedRequest,
        _timeout: Option<Duration>,
    ) -> DispatchSignedRequestFuture {
        let engine = self.0.clone();
        Box::pin(async move { carry(&engine, request).await.map_err(|error| told(&error)) })
    }
}

/// rusoto's error holds a text alone: the causes go into it.
fn told(error: &CallError) -> HttpDispatchError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    HttpDispatchError::new(text)
}

async fn carry(engine: &Engine, request: SignedRequest) -> Result<HttpResponse, CallError> {
    let (unsigned, body, is_object) = translate(engine, request)?;
    if unsigned.method == "GET" && is_object {
        let (head, body) = engine.open(&unsigned).await?.into_parts();
        let body = ByteStream::new(engine.http.stream(body));
        return Ok(HttpResponse { status: head.status, body, headers: texts(&head.headers) });
    }
    let Whole { status, headers, body } = engine.whole(&unsigned, &body, "a request").await?;
    Ok(HttpResponse { status, body: body.to_vec().into(), headers: texts(&headers) })
}

/// What rusoto wants to send, as we send it, and whether it is about an object.
fn translate(
    engine: &Engine,
    request: SignedRequest,
) -> Result<(Unsigned, Bytes, bool), CallError> {
    let unknown = || CallError::internal("rusoto asks for what this adapter never asks for");
    let method = match request.method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => return Err(unknown()),
    };
    // The path is always `/bucket` or `/bucket/key`.
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let key = path.split_once('/').map_or("", |(_bucket, key)| key);
    let body = match request.payload {
        None => Bytes::new(),
        Some(SignedRequestPayload::Buffer(bytes)) => bytes,
        Some(SignedRequestPayload::Stream(_)) => return Err(unknown()),
    };
    let mut unsigned = engine.request(method, key);
    for (name, value) in &request.params {
        unsigned.add_query(name, value.as_deref().unwrap_or_default());
    }
    for (name, values) in &request.headers {
        // The host is ours; the length is told by the body.
        if matches!(name.as_str(), "host" | "content-length")
            || body.is_empty() && name == "content-type"
        {
            continue;
        }
        let [value] = values.as_slice() else { return Err(unknown()) };
        let value = std::str::from_utf8(value).map_err(CallError::internal)?;
        unsigned.set_header(name, value);
    }
    unsigned.payload = Payload::of(&body);
    Ok((unsigned, body, !key.is_empty()))
}

/// Headers as rusoto wants them. A value may hold any byte above 0x7f (RFC 9110, section 5.5):
/// each becomes the character of that number, and nothing panics.
fn texts(headers: &HeaderMap) -> HeaderMap<String> {
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
    headers.iter().map(|(name, value)| (name.clone(), text(value.as_bytes()))).collect()
}
