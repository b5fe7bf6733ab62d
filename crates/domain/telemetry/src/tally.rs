//! Whether both sides have the same: what happened in an hour, counted and summed up.

use async_trait::async_trait;
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use restartix_kernel::{EventId, StoreError};
use restartix_tenancy::{ClaimSource, Tenant};

use crate::LineDigest;

/// An hour of UTC, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(DateTime<Utc>);

impl Hour {
    /// The hour in which this instant lies.
    pub fn of(instant: DateTime<Utc>) -> Self {
        Self(instant.duration_trunc(TimeDelta::hours(1)).unwrap_or(instant))
    }

    /// Its first instant.
    pub const fn begins(self) -> DateTime<Utc> {
        self.0
    }

    /// The first instant after it.
    pub fn ends(self) -> DateTime<Utc> {
        self.0.checked_add_signed(TimeDelta::hours(1)).unwrap_or(self.0)
    }
}

/// What one side has of an organisation's hour. Two sides that have the same have the same tally, and
/// two that differ have another one, but for one case in 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many events.
    pub count: u64,
    /// The first 8 bytes of each line's digest as a number, big-endian, added up modulo 2^64: in
    /// whatever order.
    pub sum: u64,
}

impl Tally {
    /// With one more line.
    #[must_use]
    pub const fn with(self, digest: LineDigest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Self { count: self.count.saturating_add(1), sum: self.sum.wrapping_add(number) }
    }
}

/// How hours are claimed.
#[derive(Clone, Copy, Debug)]
pub struct HourClaim {
    /// Hours at most.
    pub hours: u16,
    /// The clock of whoever claims.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub lease: TimeDelta,
}

/// An hour that is over and to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueHour {
    /// Which.
    pub hour: Hour,
    /// How often it was told again since both sides agreed.
    pub replays: u32,
    /// The fence: what came of it is recorded only while this lease is the current one.
    pub lease: EventId,
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Both sides have the same.
    Agreed,
    /// Nobody can tell yet: not before this.
    Later(DateTime<Utc>),
    /// They differ: everything that is known of the hour waits again, and it is compared not before
    /// this.
    Replay(DateTime<Utc>),
    /// They differ, and telling it again has not helped: somebody has to look; not before this.
    Differs(DateTime<Utc>),
}

/// The hours that are to be compared, across organisations.
#[async_trait]
pub trait ReconcileQueue: ClaimSource<Key = HourClaim, Row = DueHour> {
    /// Records what came of comparing an hour of the organisation of `tenant`; answers how many events
    /// wait again because of it.
    async fn conclude(
        &self,
        tenant: &Tenant,
        due: &DueHour,
        comparison: Comparison,
    ) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_where_the_clock_says_so() {
        let hour = Hour::of("2026-11-26T19:59:59.999999Z".parse().unwrap());
        assert_eq!(hour.begins().to_rfc3339(), "2026-11-26T19:00:00+00:00");
        assert_eq!(Hour::of(hour.ends()).begins(), hour.ends());
    }

    #[test]
    fn a_tally_is_the_same_in_whatever_order_and_another_without_one_of_them() {
        let all = ["a", "b", "c"].map(LineDigest::of);
        let of = |digests: &[LineDigest]| digests.iter().fold(Tally::default(), |t, d| t.with(*d));
        let [a, b, c] = all;
        assert_eq!(of(&[a, b, c]), of(&[c, a, b]));
        assert_ne!(of(&[a, b]).sum, of(&[a, c]).sum);
    }
}
