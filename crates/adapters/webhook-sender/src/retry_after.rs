//! How long a receiver wants to be left alone.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

/// The longest wait that is granted: a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that a `Retry-After` asks for (RFC 9110, section 10.2.3: seconds, or a date in any of
/// the three forms of section 5.6.7), at most a day; `None` when it is neither. A date that has
/// passed asks for no wait.
pub(crate) fn parse(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Too many digits for a number are a long wait all the same.
        return Some(value.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let wait = until.duration_since(SystemTime::from(now)).unwrap_or_default();
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wait(value: &str) -> Option<u64> {
        // 1994-11-06T08:49:37Z, the example of RFC 9110.
        let now = DateTime::from_timestamp(784_111_777, 0).unwrap();
        parse(value, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_waits_of_at_most_a_day() {
        assert_eq!(wait("0"), Some(0));
        assert_eq!(wait(" 120 "), Some(120));
        assert_eq!(wait("86401"), Some(86_400));
        assert_eq!(wait("99999999999999999999999999"), Some(86_400));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sun Nov  6 08:50:37 1994"), Some(60));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0), "in the past");
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT"), Some(86_400));
    }

    #[test]
    fn anything_else_is_none() {
        for value in ["", "-1", "+5", "1.5", "1e3", "soon", "2026-01-01T00:00:00Z", "１２"] {
            assert_eq!(wait(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_asks_for_more_than_a_day(value in "\\PC{0,40}") {
            prop_assert!(wait(&value).is_none_or(|seconds| seconds <= 86_400));
        }
    }
}
