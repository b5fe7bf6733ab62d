use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::StoreError;
use restartix_telemetry::Operation;
use restartix_tenancy::Tenant;
use sha2::{Digest, Sha256};

/// Under which key an answer is kept; whose, the unit of work knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerKey {
    operation: Operation,
    digest: [u8; 32],
}

impl AnswerKey {
    /// The key that a client calls `text`, of one operation. The text itself may say anything: only
    /// its SHA-256 is kept.
    pub fn new(operation: Operation, text: &str) -> Self {
        Self { operation, digest: Sha256::digest(text).into() }
    }

    /// The operation: the same text means another key for another one.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// What is kept of the client's text.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The kept answers of whoever acts, within one unit of work.
#[async_trait]
pub trait KeptAnswers: Send {
    /// Claims `key`; whoever claims the same meanwhile waits until the unit of work ends. `Some`: the
    /// sealed answer that was kept under it and is not older at `now` than it may be. An answer that
    /// is kept now is kept `until` then.
    async fn claim(
        &mut self,
        key: &AnswerKey,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps the sealed answer of a key that this unit of work has claimed.
    async fn keep(&mut self, key: &AnswerKey, sealed: &[u8]) -> Result<(), StoreError>;
}

/// Seals answers at rest, each for its own organisation and key.
pub trait AnswerSealer: Send + Sync {
    /// Seals.
    fn seal(&self, tenant: &Tenant, key: &AnswerKey, answer: &[u8]) -> Result<Vec<u8>, StoreError>;

    /// Opens what was sealed for the same organisation and key.
    fn open(&self, tenant: &Tenant, key: &AnswerKey, sealed: &[u8]) -> Result<Vec<u8>, StoreError>;
}

/// The answers of every organisation that nobody may ask for any more.
#[async_trait]
pub trait ExpiredAnswers: Send + Sync {
    /// Forgets those that have expired at `now`, so many at most; how many it were.
    async fn forget(&self, now: DateTime<Utc>, limit: u16) -> Result<usize, StoreError>;
}
