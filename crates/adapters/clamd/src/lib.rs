//! Malware is looked for by `clamd`, ClamAV's daemon. Knows nothing of files' lives or of what follows
//! from a verdict.
//!
//! # How it behaves
//! - It fails closed: only `stream: OK` is clean. An answer that is anything but that or `... FOUND`, a
//!   connection that breaks, silence and a scan that takes too long are all [`ScanUnavailable`], so that
//!   nothing is let through that was not looked at.
//! - A file goes there as it comes (`zINSTREAM`), in constant memory and no faster than clamd takes it.
//! - Every wait is bounded, and so is what is read of an answer.
//! - What is said of a file's malware is not kept: a signature's name would be clamd's word, not ours.
//!
//! clamd must be told to take files as large as ours: `StreamMaxLength`, `MaxScanSize` and `MaxFileSize`
//! at least as large as the largest kind, and `AlertExceedsMax yes`, without which it calls clean what it
//! gave up on. A file beyond `StreamMaxLength` is cut off by clamd, which is no verdict.
//!
//! Why this crate: `clamav-client` speaks clamd's protocol (`clamd(8)`) over any stream of tokio; its own
//! `clean()` is not used, because it takes every answer without `FOUND` in which `OK` stands somewhere.
//! Where and for how long it speaks is decided here.

mod address;
mod line;
mod scan;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use restartix_storage::{MalwareScanner, Scan, ScanUnavailable};

pub use address::{Address, AddressError};

use line::Connector;
use scan::{Patience, StreamScan};

/// How long the parts of a scan may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// Until clamd takes the next part.
    pub idle: Duration,
    /// From the last byte to the verdict: an archive is unpacked in this time.
    pub verdict: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            idle: Duration::from_secs(30),
            verdict: Duration::from_secs(120),
        }
    }
}

/// clamd at one address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clamd {
    connector: Connector,
    timeouts: Timeouts,
    state: Arc<AtomicU8>,
}

/// Why clamd gave no verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClamdError {
    /// It cannot be reached, or hung up.
    #[error("clamd cannot be reached, or hung up")]
    Broken(#[source] std::io::Error),
    /// It takes longer than it may.
    #[error("clamd takes longer than {0:?}")]
    TimedOut(Duration),
    /// It says neither that a file is clean nor that it is not.
    #[error("clamd gave no verdict: {0}")]
    NoVerdict(String),
}

const UNKNOWN: u8 = 0;
const SERVES: u8 = 1;
const FAILS: u8 = 2;

impl Clamd {
    /// clamd at `address`. Connects to nothing yet.
    pub fn new(address: Address, timeouts: Timeouts) -> Self {
        let connector = Connector { address, limit: timeouts.connect };
        Self { connector, timeouts, state: Arc::new(AtomicU8::new(UNKNOWN)) }
    }

    /// Whether the last call was served; `None` before the first.
    pub fn serves(&self) -> Option<bool> {
        match self.state.load(Ordering::Relaxed) {
            UNKNOWN => None,
            state => Some(state == SERVES),
        }
    }

    /// Asks whether clamd is there, and so what [`Clamd::serves`] is now.
    ///
    /// # Errors
    /// It is not, or does not answer as clamd does.
    pub async fn probe(&self) -> Result<(), ScanUnavailable> {
        let limit = self.timeouts.idle;
        let asked = tokio::time::timeout(limit, clamav_client::tokio::ping(&self.connector)).await;
        let asked = match asked {
            Err(_) => Err(ClamdError::TimedOut(limit)),
            Ok(Err(error)) => Err(ClamdError::Broken(error)),
            Ok(Ok(answer)) if answer == clamav_client::PONG => Ok(()),
            Ok(Ok(answer)) => Err(ClamdError::NoVerdict(scan::printable(&answer))),
        };
        noted(&self.state, asked)
    }
}

/// Keeps what a call tells of clamd.
pub(crate) fn noted<T>(
    state: &AtomicU8,
    asked: Result<T, ClamdError>,
) -> Result<T, ScanUnavailable> {
    state.store(if asked.is_ok() { SERVES } else { FAILS }, Ordering::Relaxed);
    asked.map_err(|error| ScanUnavailable(Box::new(error)))
}

#[async_trait]
impl MalwareScanner for Clamd {
    async fn begin(&self) -> Result<Box<dyn Scan>, ScanUnavailable> {
        let patience = Patience { idle: self.timeouts.idle, verdict: self.timeouts.verdict };
        Ok(Box::new(StreamScan::begin(self.connector.clone(), patience, self.state.clone())))
    }
}
