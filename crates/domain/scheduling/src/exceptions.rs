use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use restartix_kernel::{ClosureId, Page, PageRequest, PersonId, StoreError, TimeOffId};

use crate::engine::{LocalBlock, LocalDates, Window};

/// A date on which a specialist's weekly hours do not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Whose.
    pub specialist: PersonId,
    /// On their calendar.
    pub date: NaiveDate,
    /// The hours in their place, by start; none: closed.
    pub hours: Vec<LocalBlock>,
}

/// A stretch of time in which a specialist is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOff {
    /// The key.
    pub id: TimeOffId,
    /// Who is away.
    pub specialist: PersonId,
    /// From when to when.
    pub time: Window,
}

/// Days on which the whole organisation is closed, as each specialist's calendar counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closure {
    /// The key.
    pub id: ClosureId,
    /// The first and the last of them.
    pub dates: LocalDates,
}

/// Why a stretch of time or of days is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StretchError {
    /// It does not end after it starts.
    #[error("it must end after it starts")]
    NotForward,
    /// It is longer than a year and a day.
    #[error("it is too long")]
    TooLong,
}

/// The longest time off or closure: one that is longer is most likely a slip of the pen.
const MOST_DAYS: i64 = 366;

/// A stretch of time off.
///
/// # Errors
/// [`StretchError`] when it runs backward or is longer than 366 days.
pub fn time_off(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Window, StretchError> {
    if to <= from {
        return Err(StretchError::NotForward);
    }
    if to - from > TimeDelta::days(MOST_DAYS) {
        return Err(StretchError::TooLong);
    }
    Ok(Window { starts_at: from, ends_at: to })
}

/// The days of a closure, both included.
///
/// # Errors
/// [`StretchError`] when they run backward or are more than 366.
pub fn closed_days(first: NaiveDate, last: NaiveDate) -> Result<LocalDates, StretchError> {
    let dates = LocalDates::new(first, last).map_err(|_| StretchError::NotForward)?;
    if (last - first).num_days() >= MOST_DAYS {
        return Err(StretchError::TooLong);
    }
    Ok(dates)
}

/// What breaks the weekly hours of one organisation's specialists, within one unit of work.
///
/// Every diary of [`Calendars`](crate::Calendars) shows it.
#[async_trait]
pub trait Exceptions: Send {
    /// Replaces the hours of one date, none meaning that it is closed; `false` when there is no
    /// such active specialist. Others who change or book this calendar wait until the unit of work
    /// ends.
    async fn set_override(
        &mut self,
        specialist: PersonId,
        date: NaiveDate,
        hours: &[LocalBlock],
    ) -> Result<bool, StoreError>;

    /// The dates of a specialist that have hours of their own, by date; none when there is no such
    /// active specialist.
    async fn overrides(
        &mut self,
        specialist: PersonId,
        page: &PageRequest,
    ) -> Result<Option<Page<Override>>, StoreError>;

    /// Lets the weekly hours hold again on a date; `false` when they did.
    async fn drop_override(
        &mut self,
        specialist: PersonId,
        date: NaiveDate,
    ) -> Result<bool, StoreError>;

    /// Notes that an active specialist is away; `false` when there is no such one.
    async fn add_time_off(&mut self, time_off: &TimeOff) -> Result<bool, StoreError>;

    /// When a specialist is away, by id; none when there is no such active specialist.
    async fn time_off(
        &mut self,
        specialist: PersonId,
        page: &PageRequest,
    ) -> Result<Option<Page<TimeOff>>, StoreError>;

    /// Takes time off back; `false` when the specialist has no such.
    async fn drop_time_off(
        &mut self,
        specialist: PersonId,
        id: TimeOffId,
    ) -> Result<bool, StoreError>;

    /// Closes the organisation.
    async fn close(&mut self, closure: &Closure) -> Result<(), StoreError>;

    /// When it is closed, by id.
    async fn closures(&mut self, page: &PageRequest) -> Result<Page<Closure>, StoreError>;

    /// Takes a closure back; `false` when there is no such.
    async fn reopen(&mut self, id: ClosureId) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_off_and_closures_run_forward_and_last_a_year_at_most() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let start = at("2026-01-01T00:00:00Z");
        assert_eq!(time_off(start, start), Err(StretchError::NotForward));
        assert!(time_off(start, at("2027-01-02T00:00:00Z")).is_ok());
        assert_eq!(time_off(start, at("2027-01-02T00:00:01Z")), Err(StretchError::TooLong));
        let on = |text: &str| text.parse::<NaiveDate>().unwrap();
        let first = on("2026-01-01");
        assert!(closed_days(first, first).is_ok());
        assert_eq!(closed_days(first, on("2025-12-31")), Err(StretchError::NotForward));
        assert!(closed_days(first, on("2027-01-01")).is_ok());
        assert_eq!(closed_days(first, on("2027-01-02")), Err(StretchError::TooLong));
    }
}
