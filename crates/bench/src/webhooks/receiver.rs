//! A receiver of the least work: keep-alive, any POST, 204.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use restartix_kernel::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// What came.
#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    /// When the first byte of each `webhook-id` came, while somebody wants to know.
    first: Mutex<Option<HashMap<String, Instant>>>,
}

/// A receiver on a thread of its own.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    _thread: JoinHandle<()>,
}

impl Receiver {
    pub(super) fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("listen")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let noted = seen.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    let seen = noted.clone();
                    tokio::spawn(async move {
                        // A connection that breaks is the sender's affair.
                        let _ = answer(stream, &seen).await;
                    });
                }
            });
        });
        Ok(Self { address, seen, _thread: thread })
    }

    /// Requests so far.
    pub(super) fn count(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Waits for so many altogether, a minute at most.
    pub(super) async fn arrived(&self, count: u64) {
        let begun = Instant::now();
        while self.count() < count && begun.elapsed() < Duration::from_secs(60) {
            SystemClock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Notes from now on when each id comes first.
    pub(super) fn watch(&self) {
        *self.seen.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(HashMap::new());
    }

    /// What was noted.
    pub(super) fn watched(&self) -> HashMap<String, Instant> {
        let mut first = self.seen.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().unwrap_or_default()
    }
}

async fn answer(mut stream: TcpStream, seen: &Seen) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let begun = Instant::now();
        let Some(whole) = whole(&buffer) else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        note(seen, buffer.get(..whole).unwrap_or_default(), begun);
        buffer.drain(..whole);
        stream.write_all(ANSWER).await?;
    }
}

fn note(seen: &Seen, request: &[u8], at: Instant) {
    seen.requests.fetch_add(1, Ordering::Relaxed);
    let mut first = seen.first.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = first.as_mut()
        && let Some(id) = header(request, "webhook-id: evt_")
    {
        first.entry(id).or_insert(at);
    }
}

fn header(request: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// The length of the first request, when all of it is there.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let length = header(buffer.get(..head)?, "content-length: ")?.parse::<usize>().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_with_the_last_byte_of_its_body() {
        let request = b"POST / HTTP/1.1\r\nwebhook-id: evt_7\r\ncontent-length: 2\r\n\r\n{}POST";
        let length = request.len() - 4;
        assert_eq!(whole(request), Some(length));
        assert_eq!(whole(&request[..length - 1]), None);
        assert_eq!(header(request, "webhook-id: evt_").as_deref(), Some("7"));
    }
}
