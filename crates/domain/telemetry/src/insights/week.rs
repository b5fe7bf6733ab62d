use std::fmt;

use chrono::{DateTime, Datelike, Days, Months as Steps, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

/// A week of ISO 8601, named by its Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Week(NaiveDate);

impl Week {
    /// The week in which `day` lies.
    pub fn of(day: NaiveDate) -> Self {
        let back = Days::new(day.weekday().num_days_from_monday().into());
        Self(day.checked_sub_days(back).unwrap_or(day))
    }

    /// The week in which `instant` lies for somebody in `zone`.
    pub fn at(instant: DateTime<Utc>, zone: Tz) -> Self {
        Self::of(local_day(instant, zone))
    }

    /// Its first day.
    pub const fn monday(self) -> NaiveDate {
        self.0
    }

    /// Its last day.
    pub fn sunday(self) -> NaiveDate {
        self.0.checked_add_days(Days::new(6)).unwrap_or(self.0)
    }

    /// Its seven days, Monday first.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        (0..7).filter_map(move |n| self.0.checked_add_days(Days::new(n)))
    }

    /// The week after it.
    #[must_use]
    pub fn next(self) -> Self {
        self.after(1)
    }

    /// The week so many weeks after it.
    #[must_use]
    pub fn after(self, weeks: u32) -> Self {
        let days = Days::new(u64::from(weeks).saturating_mul(7));
        Self(self.0.checked_add_days(days).unwrap_or(self.0))
    }

    /// The week so many weeks before it.
    #[must_use]
    pub fn before(self, weeks: u32) -> Self {
        let days = Days::new(u64::from(weeks).saturating_mul(7));
        Self(self.0.checked_sub_days(days).unwrap_or(self.0))
    }

    /// When it begins for somebody in `zone`: never early, and late by half a day at most where the
    /// clocks are changed at that moment.
    pub fn begins(self, zone: Tz) -> DateTime<Utc> {
        let midnight = self.0.and_time(NaiveTime::MIN);
        match midnight.and_local_timezone(zone).earliest() {
            Some(begins) => begins.to_utc(),
            None => midnight.and_utc() + chrono::TimeDelta::hours(12),
        }
    }

    /// Whether it is over everywhere on earth: the last clocks are twelve hours behind UTC.
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        self.next().0.and_time(NaiveTime::MIN).and_utc() + chrono::TimeDelta::hours(12) <= now
    }
}

/// As `2026-W13`.
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let week = self.0.iso_week();
        write!(f, "{:04}-W{:02}", week.year(), week.week())
    }
}

/// On which day of their calendar it is for somebody in `zone`.
pub(crate) fn local_day(instant: DateTime<Utc>, zone: Tz) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// Several weeks in a row: 1 to 106.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weeks {
    first: Week,
    last: Week,
}

/// These are no weeks that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The last comes before the first.
    #[error("a period ends before it begins")]
    Reversed,
    /// They are more than two years.
    #[error("a period has at most {} weeks", Weeks::MOST)]
    TooLong,
}

impl Weeks {
    /// The most that are asked for at once: two years.
    pub const MOST: u32 = 106;

    /// The weeks in which the days from `from` to `to` lie.
    ///
    /// # Errors
    /// [`PeriodError`] when `to` comes before `from`, or more than 106 weeks after.
    pub fn new(from: NaiveDate, to: NaiveDate) -> Result<Self, PeriodError> {
        if to < from {
            return Err(PeriodError::Reversed);
        }
        let (first, last) = (Week::of(from), Week::of(to));
        if first.after(Self::MOST) <= last {
            return Err(PeriodError::TooLong);
        }
        Ok(Self { first, last })
    }

    /// So many weeks, 1 to 106, the last of which is `last`.
    pub fn up_to(last: Week, count: u32) -> Self {
        Self { first: last.before(count.clamp(1, Self::MOST) - 1), last }
    }

    /// The first.
    pub const fn first(self) -> Week {
        self.first
    }

    /// The last.
    pub const fn last(self) -> Week {
        self.last
    }

    /// Those of them that are over everywhere; `None` when none is.
    pub fn over(self, now: DateTime<Utc>) -> Option<Self> {
        let mut last = self.last;
        while !last.is_over(now) {
            if last <= self.first {
                return None;
            }
            last = last.before(1);
        }
        Some(Self { first: self.first, last })
    }

    /// Whether `week` is one of them.
    pub fn contains(self, week: Week) -> bool {
        (self.first..=self.last).contains(&week)
    }

    /// Each of them, in turn.
    pub fn iter(self) -> impl Iterator<Item = Week> {
        let in_bounds = move |week: &Week| *week <= self.last;
        std::iter::successors(Some(self.first), |week| Some(week.next()))
            .take_while(in_bounds)
            .take(usize::try_from(Self::MOST).unwrap_or(usize::MAX))
    }

    /// The months in which their days lie.
    pub fn months(self) -> Months {
        Months { first: Month::of(self.first.monday()), last: Month::of(self.last.sunday()) }
    }
}

/// A month of the calendar, named by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(NaiveDate);

impl Month {
    /// The month in which `day` lies.
    pub fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// Its first day.
    pub const fn first_day(self) -> NaiveDate {
        self.0
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Steps::new(1)).unwrap_or(self.0))
    }

    /// Whether it is over everywhere on earth.
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        self.next().0.and_time(NaiveTime::MIN).and_utc() + chrono::TimeDelta::hours(12) <= now
    }
}

/// As `2026-03`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

/// Several months in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Months {
    first: Month,
    last: Month,
}

impl Months {
    /// The first.
    pub const fn first(self) -> Month {
        self.first
    }

    /// The last.
    pub const fn last(self) -> Month {
        self.last
    }

    /// Those of them that are over everywhere; `None` when none is.
    pub fn over(self, now: DateTime<Utc>) -> Option<Self> {
        let all = std::iter::successors(Some(self.first), |month| Some(month.next()));
        let last = all.take_while(|month| *month <= self.last && month.is_over(now)).last()?;
        Some(Self { first: self.first, last })
    }

    /// Whether `month` is one of them.
    pub fn contains(self, month: Month) -> bool {
        (self.first..=self.last).contains(&month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_begin_on_monday_and_are_numbered_as_iso_8601_says() {
        let week = Week::of(day("2027-01-03"));
        assert_eq!((week.monday(), week.sunday()), (day("2026-12-28"), day("2027-01-03")));
        assert_eq!(week.to_string(), "2026-W53");
        assert_eq!(week.next().to_string(), "2027-W01");
        assert_eq!(week.days().count(), 7);
    }

    #[test]
    fn an_instant_lies_in_the_week_of_the_zone() {
        let late = "2026-03-08T22:30:00Z".parse().unwrap();
        assert_eq!(Week::at(late, Tz::Europe__Bucharest).monday(), day("2026-03-09"));
        assert_eq!(Week::at(late, Tz::America__New_York).monday(), day("2026-03-02"));
        let begins = Week::of(day("2026-03-30")).begins(Tz::Europe__Bucharest);
        assert_eq!(begins.to_rfc3339(), "2026-03-29T21:00:00+00:00", "after the change of clocks");
    }

    #[test]
    fn a_week_is_over_when_it_is_over_everywhere() {
        let week = Week::of(day("2026-03-02"));
        assert!(!week.is_over("2026-03-09T11:59:59Z".parse().unwrap()));
        assert!(week.is_over("2026-03-09T12:00:00Z".parse().unwrap()));
        let weeks = Weeks::new(day("2026-02-18"), day("2026-03-12")).unwrap();
        let over = weeks.over("2026-03-09T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!((over.first().monday(), over.last()), (day("2026-02-16"), week));
        assert_eq!(over.iter().count(), 3);
        assert_eq!(weeks.over("2026-02-20T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn a_period_has_bounds() {
        assert_eq!(Weeks::new(day("2026-03-02"), day("2026-03-01")), Err(PeriodError::Reversed));
        let from = day("2026-01-05");
        let most = Week::of(from).after(Weeks::MOST - 1);
        assert_eq!(Weeks::new(from, most.sunday()).map(|weeks| weeks.iter().count()), Ok(106));
        assert_eq!(Weeks::new(from, most.next().monday()), Err(PeriodError::TooLong));
        assert_eq!(Weeks::up_to(most, 106).first().monday(), from);
    }

    #[test]
    fn months_are_those_of_the_days() {
        let months = Weeks::new(day("2026-03-31"), day("2026-05-01")).unwrap().months();
        assert_eq!(months.first().to_string(), "2026-03");
        assert_eq!(months.last().to_string(), "2026-05");
        let over = months.over("2026-05-01T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(over.last().to_string(), "2026-04");
        assert_eq!(months.over("2026-04-01T11:00:00Z".parse().unwrap()), None);
    }
}
