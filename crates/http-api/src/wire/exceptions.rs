use chrono::NaiveDate;
use restartix_kernel::PersonId;
use restartix_scheduling::engine::{EngineError, LocalBlock, LocalDates, Window};
use restartix_scheduling::{Closure, Override, StretchError, TimeOff, closed_days, time_off};
use restartix_workflows::Failure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ClosureKey, Date, Id, Instant, PersonKey, TimeOffKey, invalid};
use crate::View;

/// The hours of one date.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideBody {
    /// In place of the weekly hours; at most 100, a union; none: closed that day.
    #[schema(max_items = 100)]
    hours: Vec<BlockBody>,
}

/// Hours on a date.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockBody {
    /// `HH:MM` on the wall.
    start: String,
    /// `HH:MM` on the wall, after the start; `24:00` is the end of the day.
    end: String,
}

/// A date on which a specialist's weekly hours do not hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverrideView {
    specialist_id: PersonKey,
    /// On the specialist's calendar.
    date: Date,
    /// None: closed that day.
    hours: Vec<BlockBody>,
}

/// Time off to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeOffBody {
    from: Instant,
    /// After `from`, by 366 days at most.
    to: Instant,
}

/// A stretch of time in which a specialist is away.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimeOffView {
    id: TimeOffKey,
    specialist_id: PersonKey,
    from: Instant,
    to: Instant,
}

/// A closure to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosureBody {
    /// The first day, as each specialist's calendar counts it.
    starts_on: Date,
    /// The last day, which is closed too; 366 days at most.
    ends_on: Date,
}

/// Days on which the whole organisation is closed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosureView {
    id: ClosureKey,
    starts_on: Date,
    /// The last of the days.
    ends_on: Date,
}

impl View for OverrideView {}
impl View for TimeOffView {}
impl View for ClosureView {}

impl OverrideView {
    /// What a date's hours are now.
    pub fn new(specialist: PersonId, date: NaiveDate, hours: &[LocalBlock]) -> Self {
        let hours = hours.iter().map(|block| BlockBody {
            start: block.start().to_string(),
            end: block.end().to_string(),
        });
        Self { specialist_id: Id(specialist), date: Date(date), hours: hours.collect() }
    }
}

impl From<Override> for OverrideView {
    fn from(own: Override) -> Self {
        Self::new(own.specialist, own.date, &own.hours)
    }
}

impl From<TimeOff> for TimeOffView {
    fn from(away: TimeOff) -> Self {
        let TimeOff { id, specialist, time } = away;
        let (from, to) = (time.starts_at.into(), time.ends_at.into());
        Self { id: Id(id), specialist_id: Id(specialist), from, to }
    }
}

impl From<Closure> for ClosureView {
    fn from(closure: Closure) -> Self {
        let (first, last) = (closure.dates.first(), closure.dates.last());
        Self { id: Id(closure.id), starts_on: Date(first), ends_on: Date(last) }
    }
}

impl TryFrom<BlockBody> for LocalBlock {
    type Error = EngineError;

    fn try_from(block: BlockBody) -> Result<Self, EngineError> {
        Self::new(block.start.parse()?, block.end.parse()?)
    }
}

impl TryFrom<OverrideBody> for Vec<LocalBlock> {
    type Error = Failure;

    fn try_from(body: OverrideBody) -> Result<Self, Failure> {
        if body.hours.len() > 100 {
            return Err(invalid("/hours", "too_many"));
        }
        let blocks: Result<Vec<_>, _> = body.hours.into_iter().map(LocalBlock::try_from).collect();
        blocks.map_err(|error| match error {
            EngineError::BlockNotForward => invalid("/hours", "end_not_after_start"),
            _ => invalid("/hours", "invalid_time"),
        })
    }
}

const fn code(error: StretchError) -> &'static str {
    match error {
        StretchError::NotForward => "end_not_after_start",
        StretchError::TooLong => "too_long",
    }
}

impl TryFrom<TimeOffBody> for Window {
    type Error = Failure;

    fn try_from(body: TimeOffBody) -> Result<Self, Failure> {
        time_off(body.from.into(), body.to.into()).map_err(|error| invalid("/to", code(error)))
    }
}

impl TryFrom<ClosureBody> for LocalDates {
    type Error = Failure;

    fn try_from(body: ClosureBody) -> Result<Self, Failure> {
        let days = closed_days(body.starts_on.0, body.ends_on.0);
        days.map_err(|error| invalid("/ends_on", code(error)))
    }
}
