use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The only source of randomness: cryptographic in production, seeded in tests.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// What is made of random bytes.
pub trait RandomExt {
    /// `N` random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N];
    /// A random UUID (RFC 9562, version 4).
    fn uuid_v4(&self) -> Uuid;
    /// A UUID that sorts by time (RFC 9562, version 7); instants before 1970 count as 1970.
    fn uuid_v7(&self, now: DateTime<Utc>) -> Uuid;
    /// A number in `0..below`; 0 when `below` is 0. The bias is below 2^-32 for every `u32`.
    fn below(&self, below: u32) -> u32;
}

impl<R: Random + ?Sized> RandomExt for R {
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn uuid_v4(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    fn uuid_v7(&self, now: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    fn below(&self, below: u32) -> u32 {
        if below == 0 {
            return 0;
        }
        let drawn = u64::from_be_bytes(self.bytes()) % u64::from(below);
        u32::try_from(drawn).unwrap_or_default()
    }
}
