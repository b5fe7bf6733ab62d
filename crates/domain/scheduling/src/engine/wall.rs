use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::offsets::OffsetTable;
use super::span::{DAY, Span};

/// The instant that a wall time means, and whether it means it plainly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallTime {
    /// The clocks show it once.
    Once(DateTime<Utc>),
    /// The clocks skip it: it is read with the offset before the gap, so it moves forward by the gap.
    Skipped(DateTime<Utc>),
    /// The clocks show it twice: the first is meant.
    Twice(DateTime<Utc>),
}

impl WallTime {
    /// The instant.
    pub const fn instant(self) -> DateTime<Utc> {
        match self {
            Self::Once(instant) | Self::Skipped(instant) | Self::Twice(instant) => instant,
        }
    }
}

/// The instant at which the clocks of `zone` show `wall` (RFC 5545 section 3.3.5), by the rule of
/// the whole engine; to the second. `None` beyond the dates that chrono knows.
pub fn wall_time(zone: Tz, wall: NaiveDateTime) -> Option<WallTime> {
    let found = zone.from_local_datetime(&wall);
    if let MappedLocalTime::Single(instant) = found {
        return Some(WallTime::Once(instant.to_utc()));
    }
    // No offset differs from another by as much as the range on either side.
    let local = wall.and_utc().timestamp();
    let table = OffsetTable::new(zone, Span::new(local - 3 * DAY, local + 3 * DAY));
    let instant = DateTime::from_timestamp(table.instant(local), 0)?;
    Some(match found {
        MappedLocalTime::None => WallTime::Skipped(instant),
        _ => WallTime::Twice(instant),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(zone: Tz, wall: &str) -> WallTime {
        let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").unwrap();
        wall_time(zone, wall).unwrap()
    }

    #[test]
    fn a_skipped_time_moves_forward_and_one_that_comes_twice_is_its_first() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let bucharest = Tz::Europe__Bucharest;
        assert_eq!(told(bucharest, "2026-01-12 10:00"), WallTime::Once(at("2026-01-12T08:00:00Z")));
        assert_eq!(
            told(bucharest, "2026-03-29 03:30"),
            WallTime::Skipped(at("2026-03-29T01:30:00Z"))
        );
        assert_eq!(
            told(bucharest, "2026-10-25 03:10"),
            WallTime::Twice(at("2026-10-25T00:10:00Z"))
        );
        assert_eq!(
            told(Tz::Pacific__Apia, "2011-12-30 12:00"),
            WallTime::Skipped(at("2011-12-30T22:00:00Z"))
        );
    }

    proptest! {
        /// The short way says what the table says.
        #[test]
        fn every_wall_time_is_the_tables(
            seconds in 0i64..2_500_000_000,
            zone in prop::sample::select(vec![
                Tz::America__New_York, Tz::Europe__London, Tz::Europe__Bucharest, Tz::Australia__Lord_Howe,
                Tz::Africa__Cairo, Tz::America__Sao_Paulo, Tz::Pacific__Apia, Tz::Asia__Kathmandu,
            ]),
        ) {
            let wall = DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            let table = OffsetTable::new(zone, Span::new(seconds - 5 * DAY, seconds + 5 * DAY));
            prop_assert_eq!(wall_time(zone, wall).unwrap().instant().timestamp(), table.instant(seconds));
        }
    }
}
