//! HTTP to S3 and to the givers of credentials: bounded in time and bytes. No proxy, no redirects,
//! nothing from the environment; HTTP/2 is never offered.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use hyper::client::HttpConnector;
use hyper::http::Uri;
use hyper::service::Service;
use hyper::{Body, Client, Request, Response, StatusCode};
use hyper_tls::HttpsConnector;
use native_tls::{Protocol, TlsConnector};

use crate::{CallError, ConfigError, Timeouts};

/// The largest answer of a giver of credentials, in bytes.
const SMALL: usize = 64 * 1024;
/// How long an idle connection is kept: S3 closes its side a little later.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// A client with time-outs.
pub(crate) struct Http {
    client: Client<Bounded<HttpsConnector<HttpConnector>>, Body>,
    timeouts: Timeouts,
}

impl Http {
    pub(crate) fn new(timeouts: Timeouts) -> Result<Self, ConfigError> {
        let tls = TlsConnector::builder().min_protocol_version(Some(Protocol::Tlsv12)).build();
        let tls = tls.map_err(|_| ConfigError::Tls)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeouts.connect));
        let connector = HttpsConnector::from((tcp, tls.into()));
        let connector = Bounded { inner: connector, limit: timeouts.connect };
        let client = Client::builder()
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(32)
            .http1_max_buf_size(64 * 1024)
            .set_host(false)
            .build(connector);
        Ok(Self { client, timeouts })
    }

    /// One exchange, until the answer's head has come. `sent` counts what has been sent: as long
    /// as it moves, S3 is not idle.
    pub(crate) async fn exchange(
        &self,
        request: Request<Body>,
        sent: &Progress,
    ) -> Result<Response<Body>, CallError> {
        let answer = self.client.request(request);
        tokio::pin!(answer);
        let mut seen = sent.count();
        loop {
            match tokio::time::timeout(self.timeouts.idle, &mut answer).await {
                Ok(answered) => return answered.map_err(broken),
                Err(_) if sent.count() != seen => seen = sent.count(),
                Err(_) => return Err(CallError::TimedOut(self.timeouts.idle)),
            }
        }
    }

    /// An exchange with a small answer, all of it within the time of a connection and a read.
    pub(crate) async fn small(
        &self,
        mut request: Request<Body>,
        operation: &'static str,
    ) -> Result<(StatusCode, Bytes), CallError> {
        add_host(&mut request);
        let limit = self.timeouts.connect.saturating_add(self.timeouts.idle);
        let work = async {
            let answer = self.exchange(request, &Progress::default()).await?;
            let status = answer.status();
            Ok((status, self.read(answer.into_body(), SMALL, operation).await?))
        };
        tokio::time::timeout(limit, work).await.map_err(|_| CallError::TimedOut(limit))?
    }

    /// A whole body of at most `most` bytes.
    pub(crate) async fn read(
        &self,
        mut body: Body,
        most: usize,
        operation: &'static str,
    ) -> Result<Bytes, CallError> {
        let idle = self.timeouts.idle;
        let mut whole = BytesMut::new();
        loop {
            let next = tokio::time::timeout(idle, body.next()).await;
            match next.map_err(|_| CallError::TimedOut(idle))? {
                None => return Ok(whole.freeze()),
                Some(Err(error)) => return Err(CallError::transport(error)),
                Some(Ok(bytes)) if whole.len().saturating_add(bytes.len()) > most => {
                    drop(bytes);
                    return Err(CallError::TooLarge(operation));
                }
                Some(Ok(bytes)) => whole.extend_from_slice(&bytes),
            }
        }
    }

    /// A body as it comes: each part within the time-out, all of it within that of streams.
    pub(crate) fn stream(
        &self,
        body: Body,
    ) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
        let idle = self.timeouts.idle;
        let end = tokio::time::Instant::now().checked_add(self.timeouts.stream);
        stream::unfold(Some(body), move |body| async move {
            let mut body = body?;
            let soon = tokio::time::Instant::now().checked_add(idle);
            let until = soon.min(end).or(soon)?;
            match tokio::time::timeout_at(until, body.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
                Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
                Err(_) => Some((Err(io::Error::from(io::ErrorKind::TimedOut)), None)),
            }
        })
    }
}

/// Whose fault it is: the body's that was to be sent, or the connection's.
fn broken(error: hyper::Error) -> CallError {
    if error.is_user() { CallError::Body(Box::new(error)) } else { CallError::transport(error) }
}

/// How far a body has been sent.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether anybody counts.
    pub(crate) fn is_counted(&self) -> bool {
        self.count() > 0
    }

    /// Something has been sent, or is about to be.
    pub(crate) fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn add_host(request: &mut Request<Body>) {
    let host = request.uri().authority().and_then(|host| host.as_str().parse().ok());
    if let Some(host) = host {
        request.headers_mut().insert(hyper::header::HOST, host);
    }
}

/// A connector that is given up after a while: name, TCP and TLS together.
#[derive(Clone)]
struct Bounded<C> {
    inner: C,
    limit: Duration,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.inner.call(uri));
        Box::pin(async move { connecting.await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::impatient;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    /// What the client says first when it is to speak TLS.
    async fn hello() -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let mut bytes = vec![0; 4096];
            let (mut stream, _) = listener.accept().await.unwrap();
            let read = stream.read(&mut bytes).await.unwrap();
            bytes.truncate(read);
            bytes
        });
        let request = Request::get(url).body(Body::empty()).unwrap();
        let asked = Http::new(impatient()).unwrap().small(request, "a test").await;
        assert!(matches!(asked, Err(CallError::Transport(_))), "{asked:?}");
        heard.await.unwrap()
    }

    #[tokio::test]
    async fn nothing_below_tls_1_2_is_offered_and_no_http_2() {
        let hello = hello().await;
        let says = |bytes: &[u8]| hello.windows(bytes.len()).any(|window| window == bytes);
        // RFC 8446, section 4.2.1: the extension, its length, TLS 1.3, TLS 1.2, nothing more.
        assert!(says(&[0, 43, 0, 5, 4, 3, 4, 3, 3]), "{hello:02x?}");
        // RFC 7301: a protocol's name comes after its length.
        assert!(!says(b"\x02h2"), "{hello:02x?}");
    }
}
