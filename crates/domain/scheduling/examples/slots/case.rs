//! The cases' format: read, and answered by the engine.
//!
//! `serde_json` reads it here and not in the library, which knows no wire format.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc, Weekday};
use chrono_tz::Tz;
use restartix_scheduling::engine::{
    Alignment, Busy, DateOverride, Diary, EngineError, LocalBlock, LocalDates, LocalTime, Minutes,
    PositiveMinutes, Query, Rules, SpecialistCalendar, WeeklyBlock, free_slots, parse_zone,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, value::RawValue};

#[derive(Deserialize)]
struct Input {
    /// Unread text, so that a number no machine holds spoils its own case and no other.
    cases: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Named {
    id: Value,
}

/// One case. Fields that are not named here are ignored.
#[derive(Deserialize)]
pub(crate) struct Case {
    #[serde(deserialize_with = "zone")]
    timezone: Tz,
    query: Range,
    duration_min: u32,
    interval_min: Option<u32>,
    min_notice_min: Option<u32>,
    buffer_before_min: Option<u32>,
    buffer_after_min: Option<u32>,
    max_per_day: Option<u32>,
    alignment: Option<Aligned>,
    weekly_hours: Option<Vec<Hours>>,
    overrides: Option<Vec<Override>>,
    time_off: Option<Vec<NaiveDate>>,
    now: Option<DateTime<Utc>>,
    viewer: Option<Value>,
    busy: Option<Vec<Taken>>,
    holds: Option<Vec<Hold>>,
}

#[derive(Deserialize)]
struct Range {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Hours {
    weekday: Weekday,
    #[serde(deserialize_with = "time")]
    start: LocalTime,
    #[serde(deserialize_with = "time")]
    end: LocalTime,
}

#[derive(Deserialize)]
struct Override {
    date: NaiveDate,
    #[serde(default)]
    closed: Option<bool>,
    #[serde(default, deserialize_with = "maybe_time")]
    start: Option<LocalTime>,
    #[serde(default, deserialize_with = "maybe_time")]
    end: Option<LocalTime>,
}

#[derive(Deserialize)]
struct Taken {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    buffer_before_min: Option<u32>,
    buffer_after_min: Option<u32>,
    counts_toward_limit: Option<bool>,
}

#[derive(Deserialize)]
struct Hold {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    owner: Option<Value>,
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Aligned {
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "maybe_zone")]
    tz: Option<Tz>,
    step_min: Option<u32>,
    offset_min: Option<i32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    WindowStart,
    RoundWindowStart,
    LocalDayGrid,
    QueryGrid,
}

/// What the engine is asked, and can be asked in other ways by a test.
pub(crate) struct Question {
    /// The appointment type.
    pub(crate) rules: Rules,
    /// When the specialist works.
    pub(crate) calendar: SpecialistCalendar,
    /// Bookings and other owners' live holds.
    pub(crate) busy: Vec<Busy>,
    /// The range.
    pub(crate) query: Query,
    /// The moment of asking.
    pub(crate) now: Option<DateTime<Utc>>,
}

/// What is printed for one case.
#[derive(Serialize)]
pub(crate) struct Answer {
    id: Value,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Slots(Vec<String>),
    Error(String),
}

/// One answer for each case of the input, in order.
///
/// # Errors
/// When the input is not `{"cases":[...]}`.
pub(crate) fn answers(input: &[u8]) -> Result<impl Iterator<Item = Answer>, serde_json::Error> {
    let input: Input = serde_json::from_slice(input)?;
    Ok(input.cases.into_iter().map(|case| {
        let id = serde_json::from_str(case.get()).map_or(Value::Null, |Named { id }| id);
        let outcome = match slots(&case) {
            Ok(slots) => Outcome::Slots(slots),
            Err(error) => Outcome::Error(error.to_string()),
        };
        Answer { id, outcome }
    }))
}

fn slots(case: &RawValue) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let Question { rules, calendar, busy, query, now } =
        serde_json::from_str::<Case>(case.get())?.question()?;
    let diary = Diary { calendar: &calendar, busy: &busy, open_sessions: &[] };
    Ok(free_slots(&rules, &diary, query, now)
        .into_iter()
        .map(|start| start.to_rfc3339_opts(SecondsFormat::Secs, true))
        .collect())
}

impl Case {
    /// # Errors
    /// When a value lies outside what the engine takes.
    pub(crate) fn question(self) -> Result<Question, Box<dyn std::error::Error>> {
        Ok(Question {
            rules: self.rules()?,
            calendar: self.calendar()?,
            busy: self.busy()?,
            query: Query::new(self.query.from, self.query.to)?,
            now: self.now,
        })
    }

    fn rules(&self) -> Result<Rules, Box<dyn std::error::Error>> {
        let duration = PositiveMinutes::new(self.duration_min)?;
        Ok(Rules {
            interval: self.interval_min.map_or(Ok(duration), PositiveMinutes::new)?,
            buffer_before: Minutes::new(self.buffer_before_min.unwrap_or(0))?,
            buffer_after: Minutes::new(self.buffer_after_min.unwrap_or(0))?,
            min_notice: Minutes::new(self.min_notice_min.unwrap_or(0))?,
            max_per_day: self.max_per_day,
            alignment: self.alignment.as_ref().map_or(Ok(Alignment::default()), Aligned::read)?,
            ..Rules::new(duration)
        })
    }

    fn calendar(&self) -> Result<SpecialistCalendar, Box<dyn std::error::Error>> {
        let mut calendar = SpecialistCalendar::new(self.timezone);
        for row in self.weekly_hours.iter().flatten() {
            // The format says: such a block is ignored (the API refuses it).
            if let Ok(block) = WeeklyBlock::new(row.weekday, row.start, row.end) {
                calendar.weekly_hours.push(block);
            }
        }
        let mut void = Vec::new();
        for row in self.overrides.iter().flatten() {
            match (row.closed.unwrap_or(false), row.start, row.end) {
                (true, ..) => calendar.overrides.push(DateOverride::closed(row.date)),
                (false, Some(start), Some(end)) => match LocalBlock::new(start, end) {
                    Ok(block) => calendar.overrides.push(DateOverride::open(row.date, block)),
                    Err(_) => void.push(row.date),
                },
                _ => return Err("an override has start and end, or closed".into()),
            }
        }
        // An ignored block is still an override: alone, it leaves its date without hours.
        void.retain(|date| calendar.overrides.iter().all(|row| row.date() != *date));
        calendar.overrides.extend(void.into_iter().map(DateOverride::closed));
        calendar.time_off = self.time_off.iter().flatten().copied().map(LocalDates::day).collect();
        Ok(calendar)
    }

    fn busy(&self) -> Result<Vec<Busy>, EngineError> {
        let bookings = self.busy.iter().flatten().map(Taken::read);
        let holds = self.holds.iter().flatten().filter(|hold| {
            let own = self.viewer.is_some() && hold.owner == self.viewer;
            let expired =
                hold.expires_at.zip(self.now).is_some_and(|(expires, now)| expires <= now);
            !own && !expired
        });
        bookings.chain(holds.map(|hold| Busy::new(hold.start, hold.end))).collect()
    }
}

impl Taken {
    fn read(&self) -> Result<Busy, EngineError> {
        let busy = Busy::new(self.start, self.end)?.with_buffers(
            Minutes::new(self.buffer_before_min.unwrap_or(0))?,
            Minutes::new(self.buffer_after_min.unwrap_or(0))?,
        );
        let counts = self.counts_toward_limit.unwrap_or(false);
        Ok(if counts { busy.counted() } else { busy })
    }
}

impl Aligned {
    fn read(&self) -> Result<Alignment, Box<dyn std::error::Error>> {
        let offset_minutes = self.offset_min.unwrap_or(0);
        Ok(match self.mode.unwrap_or(Mode::WindowStart) {
            Mode::WindowStart => Alignment::WindowStart,
            Mode::QueryGrid => Alignment::QueryGrid,
            Mode::LocalDayGrid => Alignment::LocalDayGrid { zone: self.tz, offset_minutes },
            Mode::RoundWindowStart => Alignment::RoundWindowStart {
                zone: self.tz,
                step: PositiveMinutes::new(
                    self.step_min.ok_or("round_window_start needs step_min")?,
                )?,
                offset_minutes,
            },
        })
    }
}

fn zone<'de, D: Deserializer<'de>>(from: D) -> Result<Tz, D::Error> {
    parse_zone(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn maybe_zone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Tz>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    name.map(|name| parse_zone(&name).map_err(D::Error::custom)).transpose()
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<LocalTime, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn maybe_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LocalTime>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}
