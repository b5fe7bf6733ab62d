use chrono::Weekday;
use chrono_tz::Tz;
use restartix_scheduling::Specialist;
use restartix_scheduling::engine::{EngineError, WeeklyBlock};
use restartix_tenancy::Version;
use restartix_workflows::Failure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, PersonKey, Zone, invalid};
use crate::View;

/// Somebody who can be booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpecialistView {
    id: PersonKey,
    display_name: String,
    timezone: Zone,
    hours: Vec<HoursBlock>,
    /// Of zone and hours, as in `ETag`.
    version: i32,
}

/// A specialist's hours by weekday, in their own zone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursBody {
    timezone: Zone,
    /// At most 100; several of a day are a union.
    #[schema(max_items = 100)]
    hours: Vec<HoursBlock>,
}

/// Hours on one weekday.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursBlock {
    weekday: WeekdayWord,
    /// `HH:MM` on the wall.
    start: String,
    /// `HH:MM` on the wall, after the start; `24:00` is the end of the day.
    end: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum WeekdayWord {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Weekday> for WeekdayWord {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Mon,
            Weekday::Tue => Self::Tue,
            Weekday::Wed => Self::Wed,
            Weekday::Thu => Self::Thu,
            Weekday::Fri => Self::Fri,
            Weekday::Sat => Self::Sat,
            Weekday::Sun => Self::Sun,
        }
    }
}

impl From<WeekdayWord> for Weekday {
    fn from(day: WeekdayWord) -> Self {
        match day {
            WeekdayWord::Mon => Self::Mon,
            WeekdayWord::Tue => Self::Tue,
            WeekdayWord::Wed => Self::Wed,
            WeekdayWord::Thu => Self::Thu,
            WeekdayWord::Fri => Self::Fri,
            WeekdayWord::Sat => Self::Sat,
            WeekdayWord::Sun => Self::Sun,
        }
    }
}

impl View for SpecialistView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }
}

impl From<Specialist> for SpecialistView {
    fn from(specialist: Specialist) -> Self {
        let Specialist { id, display_name, timezone, hours, version } = specialist;
        Self {
            id: Id(id),
            display_name: display_name.expose().to_owned(),
            timezone: Zone(timezone),
            hours: hours.into_iter().map(Into::into).collect(),
            version: version.get(),
        }
    }
}

impl From<WeeklyBlock> for HoursBlock {
    fn from(block: WeeklyBlock) -> Self {
        Self {
            weekday: block.weekday().into(),
            start: block.block().start().to_string(),
            end: block.block().end().to_string(),
        }
    }
}

impl TryFrom<HoursBlock> for WeeklyBlock {
    type Error = EngineError;

    fn try_from(block: HoursBlock) -> Result<Self, EngineError> {
        Self::new(block.weekday.into(), block.start.parse()?, block.end.parse()?)
    }
}

impl TryFrom<HoursBody> for (Tz, Vec<WeeklyBlock>) {
    type Error = Failure;

    fn try_from(body: HoursBody) -> Result<Self, Failure> {
        if body.hours.len() > 100 {
            return Err(invalid("/hours", "too_many"));
        }
        let blocks = body.hours.into_iter().map(WeeklyBlock::try_from);
        let blocks: Result<Vec<_>, _> = blocks.collect();
        let blocks = blocks.map_err(|error| match error {
            EngineError::BlockNotForward => invalid("/hours", "end_not_after_start"),
            _ => invalid("/hours", "invalid_time"),
        })?;
        Ok((body.timezone.0, blocks))
    }
}
