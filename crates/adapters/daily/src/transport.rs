use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use restartix_kernel::ExposeSecret;
use restartix_video::Reel;
use tokio::sync::mpsc;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue, Method, Request};
use ureq::tls::TlsConfig;
use ureq::{Agent, Error};

use crate::lane::Seat;
use crate::{CallError, Config, Timeouts};

/// The greatest answer that is read, in bytes: a room is below two thousand, a page of them below 200 KiB.
const MAX_ANSWER: u64 = 1024 * 1024;

/// How much of a recording is on its way within this process: four parts of 64 KiB.
const PARTS: usize = 4;
const PART: usize = 64 * 1024;

/// How long a recording may take to come, all of it: 4 GiB at 20 Mbit/s.
const LONGEST_DOWNLOAD: Duration = Duration::from_secs(30 * 60);

/// The longest wait that an answer may demand.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// HTTP to one API with one key.
pub(crate) struct Transport {
    agent: Agent,
    /// For recordings: as the other, with time for their length.
    downloads: Agent,
    base: String,
    authorization: HeaderValue,
}

/// An answer whose body has been read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// How long Daily wants us to wait (RFC 9110, section 10.2.3), at most 30 s.
    pub(crate) retry_after: Option<Duration>,
}

impl Transport {
    pub(crate) fn new(config: &Config, base: String) -> Result<Self, crate::ConfigError> {
        let bearer = format!("Bearer {}", config.api_key.expose_secret());
        let mut authorization =
            HeaderValue::from_str(&bearer).map_err(|_| crate::ConfigError::ApiKey)?;
        authorization.set_sensitive(true);
        let timeouts = config.timeouts;
        let downloads = Timeouts { attempt: LONGEST_DOWNLOAD, ..timeouts };
        let (agent, downloads) =
            (agent(timeouts, Some(timeouts.read)), agent(downloads, Some(LONGEST_DOWNLOAD)));
        Ok(Self { agent, downloads, base, authorization })
    }

    /// One exchange on a blocking thread. `seat` is free again when the exchange is over, also
    /// when nobody waits for its answer any more.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        seat: Seat,
    ) -> Result<Answer, CallError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(body).map_err(CallError::internal)?;
        let agent = self.agent.clone();
        let exchange = tokio::task::spawn_blocking(move || {
            let answer = run(&agent, request);
            drop(seat);
            answer
        });
        exchange.await.map_err(CallError::internal)?.map_err(CallError::transport)
    }

    /// Follows `link` byte for byte, without our key: it may lead to any host. `None` for a 404 or 410.
    ///
    /// The bytes are read on a blocking thread, a few parts ahead of whoever takes them; who takes no
    /// more ends it.
    pub(crate) async fn download(&self, link: &str) -> Result<Option<Reel>, CallError> {
        // The stand-in alone has no TLS.
        if self.base.starts_with("https:") && !link.starts_with("https:") {
            return Err(CallError::Link);
        }
        let request = Request::get(link).body(()).map_err(|_| CallError::Link)?;
        let agent = self.downloads.clone();
        let opening = tokio::task::spawn_blocking(move || agent.run(request));
        let opened = opening.await.map_err(CallError::internal)?;
        let response = opened.map_err(CallError::transport)?;
        let status = response.status().as_u16();
        match status {
            200 => {}
            404 | 410 => return Ok(None),
            _ => return Err(CallError::Status { operation: "fetch recording", status }),
        }
        let length = response.headers().get(CONTENT_LENGTH);
        let size = length.and_then(|length| length.to_str().ok()?.trim().parse().ok());
        let (sender, receiver) = mpsc::channel(PARTS);
        let body = response.into_body().into_reader();
        drop(tokio::task::spawn_blocking(move || pump(body, &sender)));
        let parts = stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|part| (part, receiver))
        });
        Ok(Some(Reel { size, parts: Box::pin(parts) }))
    }
}

/// Sends what is read, to its end or its first error.
fn pump(mut body: impl Read, sender: &mpsc::Sender<Result<Bytes, io::Error>>) {
    loop {
        let mut part = vec![0; PART];
        let told = match body.read(&mut part) {
            Ok(0) => return,
            Ok(length) => {
                part.truncate(length);
                Ok(Bytes::from(part))
            }
            Err(error) => Err(error),
        };
        let is_last = told.is_err();
        if sender.blocking_send(told).is_err() || is_last {
            return;
        }
    }
}

fn agent(timeouts: Timeouts, body: Option<Duration>) -> Agent {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    Agent::config_builder()
        .tls_config(TlsConfig::builder().unversioned_rustls_crypto_provider(ring).build())
        // A proxy from the environment would see nothing of TLS, but every room made over the
        // stand-in's plain HTTP; and libraries read no environment.
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("restartix-daily/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(timeouts.connect))
        .timeout_connect(Some(timeouts.connect))
        .timeout_send_request(Some(timeouts.read))
        .timeout_send_body(Some(timeouts.read))
        .timeout_recv_response(Some(timeouts.read))
        .timeout_recv_body(body)
        .timeout_global(Some(timeouts.attempt))
        .build()
        .into()
}

fn run(agent: &Agent, request: Request<Option<Vec<u8>>>) -> Result<Answer, Error> {
    let (parts, body) = request.into_parts();
    let response = match body {
        Some(body) => agent.run(Request::from_parts(parts, body))?,
        None => agent.run(Request::from_parts(parts, ()))?,
    };
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let body = response.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec()?;
    Ok(Answer { status, body, retry_after })
}

/// Only the form in seconds: the form of a date would need Daily's clock to be ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Whether a request that failed so has certainly not reached Daily.
pub(crate) fn is_unsent(error: &Error) -> bool {
    match error {
        Error::HostNotFound | Error::ConnectionFailed | Error::BadUri(_) => true,
        Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => true,
        Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}
