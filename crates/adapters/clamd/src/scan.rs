use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clamav_client::tokio::scan_stream;
use futures_channel::mpsc::{self, Sender};
use futures_util::SinkExt as _;
use restartix_storage::{Scan, ScanUnavailable, Scanned};
use tokio::task::JoinHandle;

use crate::line::Connector;
use crate::{ClamdError, noted};

/// The largest chunk that is sent at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// How long a scan waits for clamd.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) idle: Duration,
    pub(crate) verdict: Duration,
}

/// One file on its way to clamd.
pub(crate) struct StreamScan {
    parts: Sender<io::Result<Bytes>>,
    talk: Talk,
    patience: Patience,
    state: Arc<AtomicU8>,
}

/// The conversation, on a task of its own: it ends with the scan, whether or not anybody waits.
struct Talk(JoinHandle<io::Result<Vec<u8>>>);

impl Drop for Talk {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl StreamScan {
    pub(crate) fn begin(connector: Connector, patience: Patience, state: Arc<AtomicU8>) -> Self {
        // One part waits at most, besides the one that is being sent.
        let (parts, source) = mpsc::channel(0);
        let talk = async move { scan_stream(source, &connector, Some(CHUNK)).await };
        Self { parts, talk: Talk(tokio::spawn(talk)), patience, state }
    }

    /// What clamd said in the end.
    async fn answer(&mut self, limit: Duration) -> Result<Vec<u8>, ClamdError> {
        match tokio::time::timeout(limit, &mut self.talk.0).await {
            Err(_) => Err(ClamdError::TimedOut(limit)),
            Ok(Err(error)) => Err(ClamdError::Broken(io::Error::other(error))),
            Ok(Ok(said)) => said.map_err(ClamdError::Broken),
        }
    }
}

#[async_trait]
impl Scan for StreamScan {
    async fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanUnavailable> {
        let part = Bytes::copy_from_slice(bytes);
        let idle = self.patience.idle;
        let sent = tokio::time::timeout(idle, self.parts.send(Ok(part))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Err(_) => noted(&self.state, Err(ClamdError::TimedOut(idle))),
            // Nobody takes parts any more: the conversation has ended before the file did.
            Ok(Err(_)) => {
                let told = self.answer(idle).await;
                let why = told.and_then(|said| Err(ClamdError::NoVerdict(printable(&said))));
                noted(&self.state, why)
            }
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<Scanned, ScanUnavailable> {
        self.parts.close_channel();
        let limit = self.patience.verdict;
        let told = self.answer(limit).await.and_then(|said| verdict(&said));
        noted(&self.state, told)
    }
}

/// `stream: OK`, or `stream: ` with a signature's name and ` FOUND`; each with a NUL, as was asked for
/// by the `z` of the command. Nothing else is a verdict.
fn verdict(said: &[u8]) -> Result<Scanned, ClamdError> {
    let line = said.strip_suffix(b"\0").and_then(|line| line.strip_prefix(b"stream: "));
    match line {
        Some(b"OK") => Ok(Scanned::Clean),
        Some(line) if line.len() > 6 && line.ends_with(b" FOUND") => Ok(Scanned::Infected),
        _ => Err(ClamdError::NoVerdict(printable(said))),
    }
}

/// What was said, for a log: the beginning, without anything that moves a cursor.
pub(crate) fn printable(said: &[u8]) -> String {
    String::from_utf8_lossy(said).chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_two_answers_is_a_verdict() {
        assert!(matches!(verdict(b"stream: OK\0"), Ok(Scanned::Clean)));
        assert!(matches!(verdict(b"stream: Own.Eicar.UNOFFICIAL FOUND\0"), Ok(Scanned::Infected)));
        for said in [
            &b""[..],
            b"\0",
            b"OK\0",
            b"stream: OK",
            b"stream: OKAY\0",
            b"stream:  FOUND\0",
            b"stream: OK ERROR\0",
            b"INSTREAM size limit exceeded. ERROR\0",
            b"stream: Can't allocate memory ERROR\0",
            b"stream: OK\0stream: OK\0",
        ] {
            assert!(verdict(said).is_err(), "{said:?}");
        }
        assert_eq!(printable(b"a\nb\x1b[2J\0"), "ab[2J");
    }
}
