//! A stream of which no more than an allowance is read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes taken from the socket at once.
const CHUNK: usize = 4096;

/// How much may still be read; shared between a [`Meter`] and the exchanges over it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// Allows `bytes` from now on.
    pub(crate) fn grant(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// What of a grant of `bytes` has been read.
    pub(crate) fn spent(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.left())
    }

    fn spend(&self, bytes: usize) {
        self.0.store(self.left().saturating_sub(bytes), Ordering::Relaxed);
    }
}

/// The allowance is spent and the other side goes on.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more than the allowance was sent")]
pub(crate) struct Overspent;

/// `inner`, read no further than the allowance.
pub(crate) struct Meter<S> {
    inner: S,
    allowance: Allowance,
}

impl<S> Meter<S> {
    pub(crate) const fn new(inner: S, allowance: Allowance) -> Self {
        Self { inner, allowance }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // With nothing left one byte is tried still: the end of the stream is no excess.
        let most = this.allowance.left().clamp(1, CHUNK).min(buffer.remaining());
        let mut chunk = [0; CHUNK];
        let mut part = ReadBuf::new(chunk.get_mut(..most).unwrap_or_default());
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
        let read = part.filled();
        if read.len() > this.allowance.left() {
            return Poll::Ready(Err(io::Error::other(Overspent)));
        }
        this.allowance.spend(read.len());
        buffer.put_slice(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Meter<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(allowed: usize, sent: &[u8]) -> (Vec<u8>, Option<io::Error>) {
        let allowance = Allowance::default();
        allowance.grant(allowed);
        let mut meter = Meter::new(io::Cursor::new(sent.to_vec()), allowance);
        let mut got = Vec::new();
        let error = meter.read_to_end(&mut got).await.err();
        (got, error)
    }

    #[tokio::test]
    async fn as_much_as_allowed_is_read_and_the_next_byte_is_an_error() {
        let sent = vec![7; 3 * CHUNK];
        let (got, error) = read(sent.len(), &sent).await;
        assert_eq!((got.len(), error.is_none()), (sent.len(), true));
        let (got, error) = read(sent.len() - 1, &sent).await;
        assert_eq!(got.len(), sent.len() - 1);
        assert!(error.unwrap().get_ref().unwrap().is::<Overspent>());
    }
}
