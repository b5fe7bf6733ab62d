//! What an attempt comes to.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Random, RandomExt, words};

words! {
    /// Why there was no answer, or none that counts.
    FailureCode {
        /// The URL may not be sent to.
        BadUrl = "bad_url",
        /// A header may not be sent.
        BadHeader = "bad_header",
        /// The name leads where nothing may be sent.
        BlockedAddress = "blocked_address",
        /// The name does not resolve.
        Dns = "dns_failed",
        /// No address accepted a connection.
        Connect = "connect_failed",
        /// TLS was not agreed upon.
        Tls = "tls_failed",
        /// The deadline passed.
        TimedOut = "timed_out",
        /// The connection ended before the answer did.
        Reset = "connection_reset",
        /// More was answered than is read.
        TooLarge = "response_too_large",
        /// What was answered is not HTTP.
        Malformed = "response_malformed",
        /// A redirect, which is never followed.
        Redirected = "redirected",
        /// A status that is no success.
        Refused = "status",
        /// The receiver says that it is gone.
        Gone = "gone",
        /// Our own secrets could not be opened.
        Unsealed = "secret_unavailable",
    }
}

impl FailureCode {
    /// Whether another attempt may fare better.
    pub const fn may_pass(self) -> bool {
        !matches!(self, Self::BadUrl | Self::BadHeader | Self::BlockedAddress | Self::Gone)
    }
}

/// An attempt that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The status, 100 to 999, or why there is none.
    pub outcome: Result<u16, FailureCode>,
    /// How long the receiver wants to be left alone, as it said.
    pub retry_after: Option<Duration>,
    /// How long it took.
    pub duration: Duration,
    /// Bytes of the answer that were read.
    pub size: usize,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It is tried again, not before this.
    RetryAt(DateTime<Utc>, FailureCode),
    /// It is not tried again.
    GivenUp(FailureCode),
    /// It is not tried again, and nothing else is sent to the endpoint.
    Gone,
}

/// Until when an endpoint wants to be left alone.
pub type Pause = Option<DateTime<Utc>>;

/// The pauses after the first attempt, the second, and so on, in seconds.
const SCHEDULE: [i64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// The longest that a receiver may ask for.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// What `attempt` comes to, after `before` attempts that failed.
///
/// Jitter of up to a fifth is added to a pause, never taken from it.
pub fn judge(
    attempt: &Attempt,
    before: u32,
    now: DateTime<Utc>,
    random: &dyn Random,
) -> (Verdict, Pause) {
    let code = match attempt.outcome {
        Ok(200..=299) => return (Verdict::Delivered, None),
        Ok(410) => return (Verdict::Gone, None),
        Ok(300..=399) => FailureCode::Redirected,
        Ok(_) => FailureCode::Refused,
        Err(code) => code,
    };
    let asked = match attempt.outcome {
        Ok(429 | 503) => attempt.retry_after,
        _ => None,
    };
    let pause =
        asked.map(|length| now + TimeDelta::from_std(length).unwrap_or(LONGEST).min(LONGEST));
    let step = usize::try_from(before).ok().and_then(|before| SCHEDULE.get(before));
    match step {
        Some(seconds) if code.may_pass() => {
            let jitter = u32::try_from(seconds * 200).unwrap_or(u32::MAX);
            let jitter = TimeDelta::milliseconds(i64::from(random.below(jitter)));
            let planned = now + TimeDelta::seconds(*seconds) + jitter;
            (Verdict::RetryAt(pause.map_or(planned, |pause| pause.max(planned)), code), pause)
        }
        _ => (Verdict::GivenUp(code), pause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::SeededRandom;

    fn answered(status: u16, retry_after: Option<u64>) -> Attempt {
        let retry_after = retry_after.map(Duration::from_secs);
        Attempt { outcome: Ok(status), retry_after, duration: Duration::ZERO, size: 0 }
    }

    fn after(attempt: &Attempt, before: u32) -> (Verdict, Pause) {
        judge(attempt, before, DateTime::UNIX_EPOCH, &SeededRandom::new(1))
    }

    #[test]
    fn any_2xx_arrives_and_nothing_else_does() {
        for status in [200, 202, 204, 299] {
            assert_eq!(after(&answered(status, None), 0).0, Verdict::Delivered);
        }
        for (status, code) in [
            (199, FailureCode::Refused),
            (301, FailureCode::Redirected),
            (308, FailureCode::Redirected),
            (404, FailureCode::Refused),
            (500, FailureCode::Refused),
        ] {
            assert!(
                matches!(after(&answered(status, None), 0).0, Verdict::RetryAt(_, is) if is == code)
            );
        }
        assert_eq!(after(&answered(410, None), 0).0, Verdict::Gone);
    }

    #[test]
    fn retries_follow_the_schedule_with_jitter_added_and_end() {
        for (before, seconds) in (0_u32..).zip(SCHEDULE) {
            for seed in 0..20 {
                let random = SeededRandom::new(seed);
                let (verdict, _) =
                    judge(&answered(500, None), before, DateTime::UNIX_EPOCH, &random);
                let Verdict::RetryAt(at, _) = verdict else { panic!("{verdict:?}") };
                let pause = at - DateTime::UNIX_EPOCH;
                assert!(pause >= TimeDelta::seconds(seconds), "{pause} after {before}");
                assert!(pause <= TimeDelta::seconds(seconds) * 6 / 5, "{pause} after {before}");
            }
        }
        assert_eq!(after(&answered(500, None), 9).0, Verdict::GivenUp(FailureCode::Refused));
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_a_shorter_or_endless_one() {
        let at = |attempt: &Attempt, before| match after(attempt, before) {
            (Verdict::RetryAt(at, _), pause) => (at.timestamp(), pause.map(|p| p.timestamp())),
            other => panic!("{other:?}"),
        };
        assert_eq!(at(&answered(429, Some(90)), 0), (90, Some(90)));
        let (later, pause) = at(&answered(503, Some(1)), 1);
        assert!(later >= 300 && pause == Some(1));
        assert_eq!(at(&answered(503, Some(999_999)), 0).0, 86_400);
        assert_eq!(at(&answered(500, Some(90)), 0).1, None, "only with 429 and 503");
    }

    #[test]
    fn what_the_organisation_wrote_wrongly_is_not_tried_again() {
        for code in FailureCode::ALL.iter().copied() {
            let attempt = Attempt { outcome: Err(code), ..answered(0, None) };
            let given_up = after(&attempt, 0).0 == Verdict::GivenUp(code);
            assert_eq!(given_up, !code.may_pass(), "{code}");
        }
    }
}
