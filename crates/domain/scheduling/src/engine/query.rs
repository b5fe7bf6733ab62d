use super::{
    EngineError,
    busy::ceil,
    offsets::OffsetTable,
    span::{DAY, Span},
};
use chrono::{DateTime, Utc};

/// The range asked about: `[from, to)`, at most [`Query::MAX_DAYS`] days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    span: Span,
}

impl Query {
    /// The longest range, in days of 24 hours.
    pub const MAX_DAYS: i64 = 62;

    /// A range; an empty one has no slots. Fractions of a second are rounded inward.
    ///
    /// # Errors
    /// [`EngineError::QueryNotForward`] when `to` is before `from`, [`EngineError::QueryTooLong`]
    /// above [`Query::MAX_DAYS`].
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Self, EngineError> {
        if to < from {
            return Err(EngineError::QueryNotForward);
        }
        if to - from > chrono::TimeDelta::days(Self::MAX_DAYS) {
            return Err(EngineError::QueryTooLong { max_days: Self::MAX_DAYS });
        }
        let from = ceil(from);
        Ok(Self { span: Span::new(from, to.timestamp().max(from)) })
    }

    pub(crate) const fn span(self) -> Span {
        self.span
    }
}

/// How far a zone is looked up around a range. On each side: the range widened to whole local
/// dates, two dates of padding, the midnight that ends the last of them, and a change of up to a day.
const PADDING: i64 = 5 * DAY;

/// The offsets needed to answer anything about `range` in `zone`.
pub(crate) fn offsets_around(zone: chrono_tz::Tz, range: Span) -> OffsetTable {
    OffsetTable::new(zone, Span::new(range.start - PADDING, range.end + PADDING))
}

/// The whole local dates that `range` touches.
pub(crate) fn whole_days(range: Span, offsets: &OffsetTable) -> Span {
    if range.is_empty() {
        return range;
    }
    let first = offsets.local_day(range.start);
    let after = offsets.local_day(range.end - 1) + 1;
    // A zone that turned back across midnight had the earlier date again after the later one began.
    Span::new(offsets.instant(first * DAY), offsets.instant(after * DAY).max(range.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    #[test]
    fn whole_days_are_those_touched_and_never_less_than_was_asked() {
        let widened = |zone, from: &str, to: &str| {
            let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp();
            let range = Span::new(instant(from), instant(to));
            let days = whole_days(range, &offsets_around(zone, range));
            [days.start, days.end]
                .map(|edge| DateTime::from_timestamp(edge, 0).unwrap().to_string())
        };
        assert_eq!(
            widened(Tz::Asia__Kathmandu, "2026-01-05T18:15:00Z", "2026-01-06T18:15:00Z"),
            ["2026-01-05 18:15:00 UTC", "2026-01-06 18:15:00 UTC"]
        );
        assert_eq!(
            widened(Tz::Asia__Kathmandu, "2026-01-05T18:14:59Z", "2026-01-06T18:15:01Z"),
            ["2026-01-04 18:15:00 UTC", "2026-01-07 18:15:00 UTC"]
        );
        // On 2010-11-07 at 00:01 St. John's went back to 23:01 of the sixth, and had midnight twice.
        assert_eq!(
            widened(Tz::America__St_Johns, "2010-11-07T02:31:00Z", "2010-11-07T03:00:00Z"),
            ["2010-11-06 02:30:00 UTC", "2010-11-07 03:00:00 UTC"]
        );
        assert_eq!(
            widened(Tz::America__St_Johns, "2010-11-07T03:30:00Z", "2010-11-07T03:31:00Z"),
            ["2010-11-07 02:30:00 UTC", "2010-11-08 03:30:00 UTC"]
        );
    }

    #[test]
    fn a_range_runs_forward_and_is_at_most_62_days() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let from = at("2026-01-01T00:00:00Z");
        assert!(Query::new(from, at("2026-03-04T00:00:00Z")).is_ok());
        assert_eq!(
            Query::new(from, at("2026-03-04T00:00:01Z")),
            Err(EngineError::QueryTooLong { max_days: 62 })
        );
        assert_eq!(Query::new(from, at("2025-12-31T23:59:59Z")), Err(EngineError::QueryNotForward));
        assert!(Query::new(from, from).unwrap().span().is_empty());
    }
}
