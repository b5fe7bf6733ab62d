use super::span::{DAY, Span};
use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// Beyond every instant chrono knows, with room to add and subtract.
const FAR: i64 = i64::MAX / 4;

/// Instants that share one offset from UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) span: Span,
    /// Seconds to add to UTC for the wall time.
    pub(crate) offset: i64,
}

/// A zone over a range of instants, as stretches of constant offset, ascending and without gaps.
///
/// Asking the zone is the slow part of availability, so it happens here once a day of the range
/// (and some 20 times more around a change); all else is integer arithmetic.
#[derive(Clone, Debug)]
pub(crate) struct OffsetTable {
    stretches: Vec<Stretch>,
}

impl OffsetTable {
    /// The offsets of `zone` from `range.start` to `range.end`. Outside the range the nearest
    /// offset is assumed. Two changes that undo each other within a day would be missed; the IANA
    /// database has none.
    pub(crate) fn new(zone: Tz, range: Span) -> Self {
        let mut stretches = Vec::with_capacity(3);
        let mut start = -FAR;
        let mut at = range.start;
        let mut offset = offset_at(zone, at);
        while at < range.end {
            let next = (at + DAY).min(range.end);
            if offset_at(zone, next) == offset {
                at = next;
                continue;
            }
            at = first_change(zone, offset, at, next);
            stretches.push(Stretch { span: Span::new(start, at), offset });
            start = at;
            offset = offset_at(zone, at);
        }
        stretches.push(Stretch { span: Span::new(start, FAR), offset });
        Self { stretches }
    }

    pub(crate) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The wall's seconds since 1970-01-01T00:00:00 local.
    pub(crate) fn local(&self, instant: i64) -> i64 {
        let after = self.stretches.partition_point(|stretch| stretch.span.end <= instant);
        instant + self.stretches.get(after).map_or(0, |stretch| stretch.offset)
    }

    /// The local date, in days since 1970-01-01.
    pub(crate) fn local_day(&self, instant: i64) -> i64 {
        self.local(instant).div_euclid(DAY)
    }

    /// The instant of a wall time, by RFC 5545 section 3.3.5: an ambiguous time is its first
    /// occurrence, a nonexistent one is read with the offset before the gap.
    pub(crate) fn instant(&self, local: i64) -> i64 {
        let mut before_gap = local;
        for Stretch { span, offset } in &self.stretches {
            let instant = local - offset;
            if instant < span.start {
                return before_gap;
            }
            if instant < span.end {
                return instant;
            }
            before_gap = instant;
        }
        before_gap
    }

    /// Whether the date has any instant: Apia has no 2011-12-30.
    pub(crate) fn has_day(&self, day: i64) -> bool {
        let date = Span::new(day * DAY, (day + 1) * DAY);
        self.stretches.iter().any(|stretch| {
            Span::new(stretch.span.start + stretch.offset, stretch.span.end + stretch.offset)
                .meets(date)
        })
    }
}

fn offset_at(zone: Tz, instant: i64) -> i64 {
    let limit = if instant < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    let utc = DateTime::from_timestamp(instant, 0).unwrap_or(limit).naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

/// The first instant in `(same, changed]` at which the offset is no longer `offset`.
fn first_change(zone: Tz, offset: i64, mut same: i64, mut changed: i64) -> i64 {
    while changed - same > 1 {
        let middle = same.midpoint(changed);
        if offset_at(zone, middle) == offset {
            same = middle;
        } else {
            changed = middle;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDateTime;

    fn instant(zone: Tz, wall: &str) -> String {
        let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").unwrap();
        let wall = wall.and_utc().timestamp();
        let table = OffsetTable::new(zone, Span::new(wall - 5 * DAY, wall + 5 * DAY));
        DateTime::from_timestamp(table.instant(wall), 0).unwrap().format("%FT%RZ").to_string()
    }

    #[test]
    fn a_time_that_does_not_exist_moves_forward_by_the_gap() {
        assert_eq!(instant(Tz::America__New_York, "2026-03-08 02:30"), "2026-03-08T07:30Z");
        assert_eq!(instant(Tz::Australia__Lord_Howe, "2026-10-04 02:15"), "2026-10-03T15:45Z");
        assert_eq!(instant(Tz::Africa__Cairo, "2026-04-24 00:00"), "2026-04-23T22:00Z");
        assert_eq!(instant(Tz::America__Sao_Paulo, "2018-11-04 00:00"), "2018-11-04T03:00Z");
        assert_eq!(instant(Tz::Asia__Beirut, "2026-03-29 00:00"), "2026-03-28T22:00Z");
        assert_eq!(instant(Tz::America__Havana, "2026-03-08 00:00"), "2026-03-08T05:00Z");
    }

    #[test]
    fn a_time_that_comes_twice_is_its_first() {
        assert_eq!(instant(Tz::America__New_York, "2026-11-01 01:30"), "2026-11-01T05:30Z");
        assert_eq!(instant(Tz::Australia__Lord_Howe, "2026-04-05 01:45"), "2026-04-04T14:45Z");
        assert_eq!(instant(Tz::America__Havana, "2026-11-01 00:00"), "2026-11-01T04:00Z");
        assert_eq!(instant(Tz::America__Sao_Paulo, "2018-02-17 23:30"), "2018-02-18T01:30Z");
    }

    #[test]
    fn midnight_after_a_repeated_last_hour_comes_after_both() {
        assert_eq!(instant(Tz::America__Sao_Paulo, "2018-02-18 00:00"), "2018-02-18T03:00Z");
        assert_eq!(instant(Tz::Africa__Cairo, "2026-10-30 00:00"), "2026-10-29T22:00Z");
    }

    #[test]
    fn a_skipped_date_does_not_exist_and_its_neighbours_do() {
        let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap().to_epoch_days().into();
        for (zone, skipped) in
            [(Tz::Pacific__Apia, "2011-12-30"), (Tz::Pacific__Kiritimati, "1994-12-31")]
        {
            let skipped: i64 = day(skipped);
            let around = Span::new((skipped - 4) * DAY, (skipped + 4) * DAY);
            let table = OffsetTable::new(zone, around);
            assert!(table.has_day(skipped - 1) && table.has_day(skipped + 1));
            assert!(!table.has_day(skipped));
        }
    }
}
