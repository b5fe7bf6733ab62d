use super::{EngineError, LocalTime, Window};
use chrono::{NaiveDate, Weekday};
use chrono_tz::Tz;

/// Wall times of one date, half-open, the end after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalBlock {
    start: LocalTime,
    end: LocalTime,
}

impl LocalBlock {
    /// The whole date, `00:00` to `24:00`.
    pub const WHOLE_DAY: Self = Self { start: LocalTime::MIDNIGHT, end: LocalTime::END_OF_DAY };

    /// # Errors
    /// [`EngineError::BlockNotForward`] when `end` is not after `start`: hours across midnight are
    /// two blocks.
    pub fn new(start: LocalTime, end: LocalTime) -> Result<Self, EngineError> {
        if end <= start {
            return Err(EngineError::BlockNotForward);
        }
        Ok(Self { start, end })
    }

    /// The first minute inside.
    #[must_use]
    pub const fn start(self) -> LocalTime {
        self.start
    }

    /// The first minute after.
    #[must_use]
    pub const fn end(self) -> LocalTime {
        self.end
    }
}

/// Hours that return every week on one local weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeeklyBlock {
    weekday: Weekday,
    block: LocalBlock,
}

impl WeeklyBlock {
    /// # Errors
    /// [`EngineError::BlockNotForward`] as [`LocalBlock::new`].
    pub fn new(weekday: Weekday, start: LocalTime, end: LocalTime) -> Result<Self, EngineError> {
        Ok(Self { weekday, block: LocalBlock::new(start, end)? })
    }

    /// The weekday in the specialist's zone.
    #[must_use]
    pub const fn weekday(self) -> Weekday {
        self.weekday
    }

    /// The hours on that weekday.
    #[must_use]
    pub const fn block(self) -> LocalBlock {
        self.block
    }
}

/// One row that replaces a date's weekly hours. Several open rows of a date are a union; a closed
/// row closes the date whatever the others say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateOverride {
    date: NaiveDate,
    block: Option<LocalBlock>,
}

impl DateOverride {
    /// The date is open in this block.
    #[must_use]
    pub const fn open(date: NaiveDate, block: LocalBlock) -> Self {
        Self { date, block: Some(block) }
    }

    /// The date is closed.
    #[must_use]
    pub const fn closed(date: NaiveDate) -> Self {
        Self { date, block: None }
    }

    /// The local date.
    #[must_use]
    pub const fn date(self) -> NaiveDate {
        self.date
    }

    /// The hours, or `None` when the date is closed.
    #[must_use]
    pub const fn block(self) -> Option<LocalBlock> {
        self.block
    }
}

/// Local dates from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalDates {
    first: NaiveDate,
    last: NaiveDate,
}

impl LocalDates {
    /// # Errors
    /// [`EngineError::DatesNotForward`] when `last` is before `first`.
    pub fn new(first: NaiveDate, last: NaiveDate) -> Result<Self, EngineError> {
        if last < first {
            return Err(EngineError::DatesNotForward);
        }
        Ok(Self { first, last })
    }

    /// A single date.
    #[must_use]
    pub const fn day(date: NaiveDate) -> Self {
        Self { first: date, last: date }
    }

    /// The first date.
    #[must_use]
    pub const fn first(self) -> NaiveDate {
        self.first
    }

    /// The last date, included.
    #[must_use]
    pub const fn last(self) -> NaiveDate {
        self.last
    }
}

/// When one specialist works, in that specialist's own zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialistCalendar {
    /// The zone in which every wall time and date below is read.
    pub zone: Tz,
    /// Hours by weekday; a union, touching blocks merge.
    pub weekly_hours: Vec<WeeklyBlock>,
    /// Dates whose weekly hours are replaced.
    pub overrides: Vec<DateOverride>,
    /// Dates removed, whatever the overrides say.
    pub time_off: Vec<LocalDates>,
    /// Dates the whole organisation is closed; removed as time off is.
    pub closures: Vec<LocalDates>,
    /// Time removed to the instant, whatever the hours and overrides say.
    pub away: Vec<Window>,
}

impl SpecialistCalendar {
    /// A calendar without any hours.
    #[must_use]
    pub const fn new(zone: Tz) -> Self {
        Self {
            zone,
            weekly_hours: Vec::new(),
            overrides: Vec::new(),
            time_off: Vec::new(),
            closures: Vec::new(),
            away: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_does_not_run_forward_is_refused_and_the_whole_day_is_not() {
        let time = |text: &str| text.parse::<LocalTime>().unwrap();
        for (start, end) in [("17:00", "09:00"), ("09:00", "09:00"), ("22:00", "02:00")] {
            assert_eq!(
                WeeklyBlock::new(Weekday::Mon, time(start), time(end)),
                Err(EngineError::BlockNotForward)
            );
        }
        assert_eq!(LocalBlock::new(time("00:00"), time("24:00")), Ok(LocalBlock::WHOLE_DAY));
    }

    #[test]
    fn dates_that_run_backward_are_refused() {
        let date = |day| NaiveDate::from_ymd_opt(2026, 5, day).unwrap();
        assert_eq!(LocalDates::new(date(2), date(1)), Err(EngineError::DatesNotForward));
        assert_eq!(LocalDates::new(date(2), date(2)), Ok(LocalDates::day(date(2))));
    }
}
