use chrono::NaiveDate;
use restartix_kernel::PersonId;
use restartix_telemetry::insights::{PeriodError, Weeks};

use super::query::Parameters;
use super::{Input, Parts};
use crate::wire::{Date, Instant, schema};
use crate::{Problem, Sketch};

/// How an insight is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// By time alone.
    #[default]
    Everybody,
    /// By the specialist who treats the patients.
    Specialist,
    /// One by one.
    Patient,
}

impl GroupBy {
    /// Every division.
    pub const ALL: [Self; 3] = [Self::Everybody, Self::Specialist, Self::Patient];

    /// Its word in a query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Specialist => "specialist",
            Self::Patient => "patient",
        }
    }
}

/// In which form an insight is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsightFormat {
    /// JSON.
    Json,
    /// Comma-separated values (RFC 4180).
    Csv,
}

/// `?from=&to=&patient_id=&group_by=&format=` of an insight.
#[derive(Clone, Copy, Debug)]
pub struct InsightQuery {
    /// The weeks in which the days from `from` to `to` lie; `None`: the latest.
    pub weeks: Option<Weeks>,
    /// Of one patient.
    pub patient: Option<PersonId>,
    /// How it is divided.
    pub group_by: GroupBy,
    /// How it is answered.
    pub format: InsightFormat,
}

/// A day, or the day of UTC on which an instant lies.
fn day(parameters: &Parameters, name: &'static str) -> Result<Option<NaiveDate>, Problem> {
    let Some(text) = parameters.one::<String>(name)? else { return Ok(None) };
    // A form that was left empty.
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(Date(day)) = text.parse() {
        return Ok(Some(day));
    }
    let instant = text.parse::<Instant>().map_err(|_| Problem::parameter(name, "invalid"))?;
    Ok(Some(chrono::DateTime::<chrono::Utc>::from(instant).date_naive()))
}

impl Input for InsightQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let weeks = match (day(&parameters, "from")?, day(&parameters, "to")?) {
            (None, None) => None,
            (Some(_), None) => return Err(Problem::parameter("to", "required")),
            (None, Some(_)) => return Err(Problem::parameter("from", "required")),
            (Some(from), Some(to)) => Some(Weeks::new(from, to).map_err(|error| match error {
                PeriodError::Reversed => Problem::parameter("to", "before_from"),
                PeriodError::TooLong => Problem::parameter("to", "too_long"),
            })?),
        };
        let word = parameters.one::<String>("group_by")?;
        let group_by = match word.as_deref() {
            None => GroupBy::default(),
            Some(word) => *GroupBy::ALL
                .iter()
                .find(|one| one.as_str() == word)
                .ok_or_else(|| Problem::parameter("group_by", "unknown_word"))?,
        };
        let format = match parameters.one::<String>("format")?.as_deref() {
            None | Some("json") => InsightFormat::Json,
            Some("csv") => InsightFormat::Csv,
            Some(_) => return Err(Problem::parameter("format", "unknown_word")),
        };
        Ok(Self { weeks, patient: parameters.one("patient_id")?, group_by, format })
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("from", schema::date());
        sketch.query("to", schema::date());
        sketch.query("patient_id", schema::uuid());
        sketch.query("group_by", schema::words(GroupBy::ALL.map(GroupBy::as_str)));
        sketch.query("format", schema::words(["json", "csv"]));
    }
}
