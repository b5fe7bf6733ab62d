//! One HTTP/1.1 connection and the exchanges over it.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::CONNECTION;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::meter::{Allowance, Meter};

/// The most that is read of an answer, in bytes: status line, headers and body together.
pub(crate) const MOST_READ: usize = 16 * 1024;

/// The most headers that an answer may have.
const MOST_HEADERS: usize = 64;

/// A connection takes no new exchange at this age: then the name is resolved and judged again.
const OLD: Duration = Duration::from_secs(60);

/// A connection ends at this age, also when nobody looks at it any more. What is left after [`OLD`]
/// is enough for every exchange that began in time.
pub(crate) const DEAD: Duration = Duration::from_secs(120);

/// How long a connection may take to be ready again after an answer.
const SETTLING: Duration = Duration::from_millis(20);

/// An open connection to a judged address. Dropping it closes it, whatever goes on over it.
pub(crate) struct Connection {
    requests: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    allowance: Allowance,
    opened: Instant,
}

/// The task that moves the bytes; it ends with the connection.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is looked at of an answer.
pub(crate) struct Heard {
    /// 100 to 999.
    pub(crate) status: u16,
    /// `Retry-After` as it was sent.
    pub(crate) retry_after: Option<String>,
    /// Bytes read: headers and body.
    pub(crate) size: usize,
}

/// An exchange that came to nothing.
pub(crate) struct Broken {
    pub(crate) failure: Failure,
    /// Nothing was heard of an answer.
    pub(crate) unheard: bool,
}

impl Connection {
    /// HTTP/1.1 over `stream`.
    pub(crate) async fn over<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let allowance = Allowance::default();
        let io = TokioIo::new(Meter::new(stream, allowance.clone()));
        let (requests, connection) = http1::Builder::new()
            .max_headers(MOST_HEADERS)
            // Above the allowance, which so is what a long head meets.
            .max_buf_size(2 * MOST_READ)
            .handshake(io)
            .await
            .map_err(|error| Failure::of_exchange(&error))?;
        let driver = tokio::spawn(async move {
            // How it ends is told to the exchange; without one nobody wants to know.
            let _ = tokio::time::timeout(DEAD, connection).await;
        });
        Ok(Self { requests, driver: Driver(driver), allowance, opened: Instant::now() })
    }

    /// Whether another exchange may begin.
    pub(crate) fn is_fit(&self) -> bool {
        self.opened.elapsed() < OLD && self.requests.is_ready() && !self.driver.0.is_finished()
    }

    /// Sends `request` and reads the whole answer. The connection comes back when the answer
    /// leaves it fit for another.
    pub(crate) async fn exchange(
        mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Heard, Option<Self>), Broken> {
        self.allowance.grant(MOST_READ);
        let sent = self.requests.send_request(request).await;
        let response = sent.map_err(|error| {
            let failure = Failure::of_exchange(&error);
            let unheard = matches!(failure, Failure::Reset) && self.allowance.spent(MOST_READ) == 0;
            Broken { failure, unheard }
        })?;
        let (head, body) = response.into_parts();
        drain(body).await.map_err(|failure| Broken { failure, unheard: false })?;
        let heard = Heard {
            status: head.status.as_u16(),
            retry_after: text(&head.headers, "retry-after"),
            size: self.allowance.spent(MOST_READ),
        };
        let ends = text(&head.headers, CONNECTION.as_str())
            .is_some_and(|value| value.to_ascii_lowercase().contains("close"));
        if ends {
            return Ok((heard, None));
        }
        // The driver has to take note of the end of both bodies before the next request. A receiver
        // that answers before it has read ours may keep that up: its answer counts all the same.
        let ready = tokio::time::timeout(SETTLING, self.requests.ready()).await;
        Ok((heard, matches!(ready, Ok(Ok(()))).then_some(self)))
    }
}

/// Reads a body to its end and keeps nothing of it. It is not decompressed: what is counted is
/// what came over the wire.
async fn drain(mut body: Incoming) -> Result<(), Failure> {
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| Failure::of_exchange(&error))?;
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
