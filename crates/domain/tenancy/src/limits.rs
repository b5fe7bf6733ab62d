//! How much one user, and one organisation, may ask for at a time.

use std::time::Duration;

use async_trait::async_trait;

use crate::Tenant;

/// What an operation costs; every route names its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateClass {
    /// Reads something by id, or a page of a list.
    Read,
    /// Changes something.
    Write,
    /// Computes: availability.
    Costly,
    /// Makes a key that opens something: a join token, a signed address.
    Token,
    /// Changes who may do what: people, memberships, the organisation.
    Administration,
    /// Has the platform call an address of the organisation's choice: an endpoint's test, its
    /// verification.
    Outbound,
}

impl RateClass {
    /// Every class.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Costly, Self::Token, Self::Administration, Self::Outbound];

    /// The class's name in keys and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Costly => "costly",
            Self::Token => "token",
            Self::Administration => "administration",
            Self::Outbound => "outbound",
        }
    }
}

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

/// The numbers are no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate and burst are 1 to 1,000,000")]
pub struct RateError;

impl Rate {
    /// The greatest rate and burst: for benches, in effect no limit.
    pub const LIFTED: Self = Self { per_second: 1_000_000, burst: 1_000_000 };

    /// `per_second` requests a second in the long run and `burst` at once; each 1 to 1,000,000.
    ///
    /// # Errors
    /// [`RateError`] when a number is out of range.
    pub const fn new(per_second: u32, burst: u32) -> Result<Self, RateError> {
        if per_second == 0 || per_second > 1_000_000 || burst == 0 || burst > 1_000_000 {
            return Err(RateError);
        }
        Ok(Self { per_second, burst })
    }

    /// Requests at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Microseconds from one request to the next in the long run, rounded down: at least 1.
    pub const fn interval_micros(self) -> u32 {
        1_000_000 / self.per_second
    }
}

/// The two buckets that a request of one class is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassRates {
    /// Of one user in one organisation.
    pub user: Rate,
    /// Of everybody in the organisation together.
    pub organisation: Rate,
}

/// The rates of every class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatePolicy {
    /// [`RateClass::Read`].
    pub read: ClassRates,
    /// [`RateClass::Write`].
    pub write: ClassRates,
    /// [`RateClass::Costly`].
    pub costly: ClassRates,
    /// [`RateClass::Token`].
    pub token: ClassRates,
    /// [`RateClass::Administration`].
    pub administration: ClassRates,
    /// [`RateClass::Outbound`].
    pub outbound: ClassRates,
}

impl RatePolicy {
    /// The same rates for every class.
    pub const fn uniform(user: Rate, organisation: Rate) -> Self {
        let rates = ClassRates { user, organisation };
        Self {
            read: rates,
            write: rates,
            costly: rates,
            token: rates,
            administration: rates,
            outbound: rates,
        }
    }

    /// The rates of `class`.
    pub const fn of(&self, class: RateClass) -> ClassRates {
        match class {
            RateClass::Read => self.read,
            RateClass::Write => self.write,
            RateClass::Costly => self.costly,
            RateClass::Token => self.token,
            RateClass::Administration => self.administration,
            RateClass::Outbound => self.outbound,
        }
    }
}

impl Default for RatePolicy {
    /// Far above what people do, and far below what a server can take from one script gone wild.
    fn default() -> Self {
        const fn rates(user: (u32, u32), organisation: (u32, u32)) -> ClassRates {
            let (user, organisation) = (
                Rate { per_second: user.0, burst: user.1 },
                Rate { per_second: organisation.0, burst: organisation.1 },
            );
            ClassRates { user, organisation }
        }
        Self {
            read: rates((100, 1_000), (2_000, 20_000)),
            write: rates((50, 500), (1_000, 10_000)),
            costly: rates((20, 200), (400, 4_000)),
            token: rates((20, 200), (400, 4_000)),
            administration: rates((20, 200), (100, 1_000)),
            // What it sends, somebody else must take.
            outbound: rates((1, 10), (2, 20)),
        }
    }
}

/// Too much was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Limited {
    /// After this the same request may pass, when nobody else asks meanwhile.
    pub retry_after: Duration,
}

/// Takes requests from token buckets: one per user, organisation and class, and one per
/// organisation and class. The platform itself ([`Actor::System`]) has no user's bucket.
///
/// Never an obstacle: an implementation that cannot reach what it shares with others decides alone.
///
/// [`Actor::System`]: crate::Actor::System
#[async_trait]
pub trait RateLimits: Send + Sync {
    /// Takes one request of `class` from both buckets, or from neither.
    async fn take(&self, tenant: &Tenant, class: RateClass) -> Result<(), Limited>;
}

/// A token bucket in one number (GCRA, ITU-T I.371): the instant at which it is full again.
///
/// Instants are microseconds since any origin, the same for all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: i64,
}

impl Bucket {
    /// Takes one request at `now`.
    ///
    /// # Errors
    /// [`Limited`] when the bucket is empty; nothing is taken then.
    pub fn take(&mut self, rate: Rate, now: i64) -> Result<(), Limited> {
        let interval = i64::from(rate.interval_micros());
        let room = interval * i64::from(rate.burst());
        // A clock that was set back must not keep the bucket empty for longer than it takes to fill.
        let full_at = self.full_at.clamp(now, now + room) + interval;
        let short = full_at - (now + room);
        if short > 0 {
            let retry_after = Duration::from_micros(u64::try_from(short).unwrap_or_default());
            return Err(Limited { retry_after });
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Gives one request back.
    pub fn give_back(&mut self, rate: Rate) {
        self.full_at -= i64::from(rate.interval_micros());
    }

    /// Whether the bucket is full at `now`, and so as good as forgotten.
    pub const fn is_full(&self, now: i64) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_its_rate_thereafter() {
        let rate = Rate::new(10, 3).unwrap();
        let mut bucket = Bucket::default();
        let now = 5_000_000;
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, now), Ok(()));
        }
        let limited = Limited { retry_after: Duration::from_millis(100) };
        assert_eq!(bucket.take(rate, now), Err(limited));
        assert_eq!(bucket.take(rate, now + 100_000), Ok(()));
        assert!(bucket.take(rate, now + 100_000).is_err());
        bucket.give_back(rate);
        assert_eq!(bucket.take(rate, now + 100_000), Ok(()));
        assert!(!bucket.is_full(now + 300_000));
        assert!(bucket.is_full(now + 400_000));
    }

    #[test]
    fn a_clock_set_back_costs_no_more_than_one_filling() {
        let rate = Rate::new(10, 3).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(rate, 90_000_000_000), Ok(()));
        let limited = bucket.take(rate, 5_000_000).unwrap_err();
        assert_eq!(limited.retry_after, Duration::from_millis(100));
    }

    #[test]
    fn a_rate_of_nothing_is_none() {
        for (per_second, burst) in [(0, 1), (1, 0), (1_000_001, 1), (1, 1_000_001)] {
            assert_eq!(Rate::new(per_second, burst), Err(RateError));
        }
        assert_eq!(Rate::LIFTED.interval_micros(), 1);
    }

    #[test]
    fn every_class_has_rates_of_its_own_and_an_organisation_more_than_a_user() {
        let policy = RatePolicy::default();
        for class in RateClass::ALL {
            let ClassRates { user, organisation } = policy.of(class);
            assert!(organisation.burst() > user.burst(), "{}", class.as_str());
            assert!(organisation.interval_micros() < user.interval_micros());
        }
    }
}
