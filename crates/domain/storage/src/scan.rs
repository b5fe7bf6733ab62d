use std::error::Error as StdError;

use async_trait::async_trait;
use memchr::memmem;

/// What a scanner makes of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Nothing was found.
    Clean,
    /// Malware.
    Infected,
}

/// The scanner cannot say: nothing that it has not seen is let through.
#[derive(Debug, thiserror::Error)]
#[error("the malware scanner is unavailable")]
pub struct ScanUnavailable(#[source] pub Box<dyn StdError + Send + Sync>);

/// Looks for malware.
#[async_trait]
pub trait MalwareScanner: Send + Sync {
    /// Begins to look at one file.
    async fn begin(&self) -> Result<Box<dyn Scan>, ScanUnavailable>;
}

/// One file under way through a scanner.
#[async_trait]
pub trait Scan: Send {
    /// Takes the next bytes.
    async fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanUnavailable>;

    /// What it came to, after the last byte.
    async fn finish(self: Box<Self>) -> Result<Scanned, ScanUnavailable>;
}

/// A scanner that knows one thing alone: the test string of EICAR, by which one sees that files are
/// scanned at all. It finds no real malware, and says so at its construction's place.
#[derive(Clone, Copy, Debug, Default)]
pub struct EicarScanner;

/// The test string (EICAR, "Anti-Malware Testfile"), in two parts: this program is no malware.
const EICAR: [&[u8]; 2] =
    [b"X5O!P%@AP[4\\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];

#[derive(Default)]
struct EicarScan {
    /// The end of what came, shorter than the string by one byte.
    tail: Vec<u8>,
    found: bool,
}

#[async_trait]
impl MalwareScanner for EicarScanner {
    async fn begin(&self) -> Result<Box<dyn Scan>, ScanUnavailable> {
        Ok(Box::<EicarScan>::default())
    }
}

#[async_trait]
impl Scan for EicarScan {
    async fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanUnavailable> {
        let wanted = EICAR.concat();
        let most = wanted.len() - 1;
        // Across the seam, then in the part itself: nothing of it is copied but its end.
        let head = bytes.get(..most.min(bytes.len())).unwrap_or_default();
        self.tail.extend_from_slice(head);
        self.found |=
            memmem::find(&self.tail, &wanted).is_some() || memmem::find(bytes, &wanted).is_some();
        let rest = bytes.get(head.len()..).unwrap_or_default();
        self.tail
            .extend_from_slice(rest.get(rest.len().saturating_sub(most)..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(most));
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Scanned, ScanUnavailable> {
        Ok(if self.found { Scanned::Infected } else { Scanned::Clean })
    }
}
