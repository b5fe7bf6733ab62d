use restartix_scheduling::engine::{Alignment, Minutes, PositiveMinutes, Rules};
use restartix_scheduling::{AppointmentType, Capacity, Reminders, TypeName};
use restartix_tenancy::Version;
use restartix_workflows::{Failure, TypeDraft};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, TypeKey, invalid, present};
use crate::View;

const DAY: u32 = 24 * 60;

/// A kind of appointment on offer.
#[derive(Debug, Serialize, ToSchema)]
pub struct TypeView {
    id: TypeKey,
    name: String,
    duration_minutes: u32,
    interval_minutes: u32,
    buffer_before_minutes: u32,
    buffer_after_minutes: u32,
    min_notice_minutes: u32,
    #[schema(required = true)]
    horizon_days: Option<u32>,
    #[schema(required = true)]
    max_per_day: Option<u32>,
    alignment: AlignmentBody,
    capacity: u16,
    reminder_minutes: Vec<u32>,
    online: bool,
    recording: bool,
    version: i32,
}

/// A kind of appointment to be offered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeBody {
    /// 1 to 120 characters.
    name: String,
    /// Length of a slot: 1 to 1,440 (a day).
    duration_minutes: u32,
    /// From one start to the next; the duration unless given.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    interval_minutes: Option<u32>,
    /// Time kept clear before a slot: 0 to 1,440.
    #[serde(default)]
    buffer_before_minutes: u32,
    /// Time kept clear after a slot: 0 to 1,440.
    #[serde(default)]
    buffer_after_minutes: u32,
    /// A start is at least this far away.
    #[serde(default)]
    min_notice_minutes: u32,
    /// A start is at most this far away; `null`: as far as one asks. 1 to 3,660.
    #[serde(default)]
    horizon_days: Option<u32>,
    /// Appointments a day with one specialist; `null`: no limit.
    #[serde(default)]
    max_per_day: Option<u32>,
    /// Where starts lie within free time; at its beginning unless given.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    alignment: Option<AlignmentBody>,
    /// How many patients come to one session; 1 unless given, 1,000 at most.
    #[serde(default = "one")]
    capacity: u16,
    /// How long before the start somebody is to be reminded: at most 5, each 1 to 43,200; a day and an
    /// hour unless given.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    reminder_minutes: Option<Vec<u32>>,
    /// By video (unless given) or in person.
    #[serde(default = "yes")]
    online: bool,
    /// Whether it may be recorded, with the patient's consent.
    #[serde(default)]
    recording: bool,
}

const fn one() -> u16 {
    1
}

const fn yes() -> bool {
    true
}

/// What is to be changed about a kind of appointment; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TypePatchBody {
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    duration_minutes: Option<u32>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    interval_minutes: Option<u32>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    buffer_before_minutes: Option<u32>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    buffer_after_minutes: Option<u32>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    min_notice_minutes: Option<u32>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    horizon_days: Option<Option<u32>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    max_per_day: Option<Option<u32>>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    alignment: Option<AlignmentBody>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    capacity: Option<u16>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    reminder_minutes: Option<Vec<u32>>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    online: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    recording: Option<bool>,
}

/// Where the starts lie within free time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlignmentBody {
    mode: AlignmentMode,
    /// With `round_window_start`: the minutes of the local hour to round up to a multiple of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step_minutes: Option<u32>,
    /// With `round_window_start` and `local_day_grid`: minutes added; -1,440 to 1,440.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset_minutes: Option<i32>,
}

/// How starts are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlignmentMode {
    /// At the beginning of free time.
    WindowStart,
    /// At the beginning of free time, rounded up within the local hour.
    RoundWindowStart,
    /// On a grid from local midnight.
    LocalDayGrid,
    /// From the beginning of what is asked for.
    QueryGrid,
}

impl View for TypeView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }
}

impl From<AppointmentType> for TypeView {
    fn from(kind: AppointmentType) -> Self {
        let AppointmentType { id, name, rules, capacity, reminders, online, recording, version } =
            kind;
        Self {
            id: Id(id),
            name: name.as_str().to_owned(),
            duration_minutes: rules.duration.get(),
            interval_minutes: rules.interval.get(),
            buffer_before_minutes: rules.buffer_before.get(),
            buffer_after_minutes: rules.buffer_after.get(),
            min_notice_minutes: rules.min_notice.get(),
            horizon_days: rules.horizon.map(|horizon| horizon.get() / DAY),
            max_per_day: rules.max_per_day,
            alignment: rules.alignment.into(),
            capacity: capacity.get(),
            reminder_minutes: reminders.minutes().to_vec(),
            online,
            recording,
            version: version.get(),
        }
    }
}

impl From<Alignment> for AlignmentBody {
    fn from(alignment: Alignment) -> Self {
        let bare = |mode| Self { mode, step_minutes: None, offset_minutes: None };
        match alignment {
            Alignment::WindowStart => bare(AlignmentMode::WindowStart),
            Alignment::QueryGrid => bare(AlignmentMode::QueryGrid),
            Alignment::RoundWindowStart { step, offset_minutes, .. } => Self {
                mode: AlignmentMode::RoundWindowStart,
                step_minutes: Some(step.get()),
                offset_minutes: Some(offset_minutes),
            },
            Alignment::LocalDayGrid { offset_minutes, .. } => Self {
                mode: AlignmentMode::LocalDayGrid,
                step_minutes: None,
                offset_minutes: Some(offset_minutes),
            },
        }
    }
}

impl TryFrom<AlignmentBody> for Alignment {
    type Error = Failure;

    fn try_from(body: AlignmentBody) -> Result<Self, Failure> {
        let AlignmentBody { mode, step_minutes, offset_minutes } = body;
        let (step, offset) = ("/alignment/step_minutes", "/alignment/offset_minutes");
        if step_minutes.is_some() && mode != AlignmentMode::RoundWindowStart {
            return Err(invalid(step, "not_with_this_mode"));
        }
        let moved = matches!(mode, AlignmentMode::RoundWindowStart | AlignmentMode::LocalDayGrid);
        if offset_minutes.is_some() && !moved {
            return Err(invalid(offset, "not_with_this_mode"));
        }
        let offset_minutes = offset_minutes.unwrap_or(0);
        if !(-1_440..=1_440).contains(&offset_minutes) {
            return Err(invalid(offset, "out_of_range"));
        }
        Ok(match mode {
            AlignmentMode::WindowStart => Self::WindowStart,
            AlignmentMode::QueryGrid => Self::QueryGrid,
            AlignmentMode::LocalDayGrid => Self::LocalDayGrid { zone: None, offset_minutes },
            AlignmentMode::RoundWindowStart => {
                let minutes = step_minutes.ok_or_else(|| invalid(step, "required"))?;
                Self::RoundWindowStart {
                    zone: None,
                    step: positive(step, minutes)?,
                    offset_minutes,
                }
            }
        })
    }
}

/// Durations, intervals and steps are at most a day: what is booked is looked up three days around
/// a slot, no further.
fn positive(pointer: &'static str, value: u32) -> Result<PositiveMinutes, Failure> {
    let within = PositiveMinutes::new(value).ok().filter(|minutes| minutes.get() <= DAY);
    within.ok_or_else(|| invalid(pointer, "out_of_range"))
}

/// At most a year.
fn notice(pointer: &'static str, value: u32) -> Result<Minutes, Failure> {
    if value > 365 * DAY { Err(invalid(pointer, "out_of_range")) } else { minutes(pointer, value) }
}

fn minutes(pointer: &'static str, value: u32) -> Result<Minutes, Failure> {
    Minutes::new(value).map_err(|_| invalid(pointer, "out_of_range"))
}

/// At most a day.
fn buffer(pointer: &'static str, value: u32) -> Result<Minutes, Failure> {
    if value > DAY { Err(invalid(pointer, "out_of_range")) } else { minutes(pointer, value) }
}

fn horizon(days: Option<u32>) -> Result<Option<Minutes>, Failure> {
    let Some(days) = days else { return Ok(None) };
    if days == 0 {
        return Err(invalid("/horizon_days", "out_of_range"));
    }
    minutes("/horizon_days", days.saturating_mul(DAY)).map(Some)
}

/// At most what fits the store's integer.
fn per_day(limit: Option<u32>) -> Result<Option<u32>, Failure> {
    match limit {
        Some(0 | 1_001..) => Err(invalid("/max_per_day", "out_of_range")),
        limit => Ok(limit),
    }
}

fn capacity(seats: u16) -> Result<Capacity, Failure> {
    Capacity::new(seats).ok_or_else(|| invalid("/capacity", "out_of_range"))
}

fn reminders(minutes: &[u32]) -> Result<Reminders, Failure> {
    Reminders::new(minutes).map_err(|_| invalid("/reminder_minutes", "out_of_range"))
}

fn name(text: &str) -> Result<TypeName, Failure> {
    TypeName::new(text).map_err(|_| invalid("/name", "invalid"))
}

impl TryFrom<TypeBody> for TypeDraft {
    type Error = Failure;

    fn try_from(body: TypeBody) -> Result<Self, Failure> {
        let duration = positive("/duration_minutes", body.duration_minutes)?;
        let interval = body.interval_minutes.map(|value| positive("/interval_minutes", value));
        let rules = Rules {
            duration,
            interval: interval.transpose()?.unwrap_or(duration),
            buffer_before: buffer("/buffer_before_minutes", body.buffer_before_minutes)?,
            buffer_after: buffer("/buffer_after_minutes", body.buffer_after_minutes)?,
            min_notice: notice("/min_notice_minutes", body.min_notice_minutes)?,
            horizon: horizon(body.horizon_days)?,
            max_per_day: per_day(body.max_per_day)?,
            alignment: body.alignment.map(TryInto::try_into).transpose()?.unwrap_or_default(),
        };
        let capacity = capacity(body.capacity)?;
        let reminders = body.reminder_minutes.as_deref().map(reminders).transpose()?;
        let reminders = reminders.unwrap_or_default();
        let TypeBody { online, recording, .. } = body;
        Ok(Self { name: name(&body.name)?, rules, capacity, reminders, online, recording })
    }
}

impl TypePatchBody {
    /// `draft` with what the patch names.
    pub(crate) fn apply(self, mut draft: TypeDraft) -> Result<TypeDraft, Failure> {
        let rules = &mut draft.rules;
        if let Some(value) = self.duration_minutes {
            rules.duration = positive("/duration_minutes", value)?;
        }
        if let Some(value) = self.interval_minutes {
            rules.interval = positive("/interval_minutes", value)?;
        }
        if let Some(value) = self.buffer_before_minutes {
            rules.buffer_before = buffer("/buffer_before_minutes", value)?;
        }
        if let Some(value) = self.buffer_after_minutes {
            rules.buffer_after = buffer("/buffer_after_minutes", value)?;
        }
        if let Some(value) = self.min_notice_minutes {
            rules.min_notice = notice("/min_notice_minutes", value)?;
        }
        if let Some(value) = self.horizon_days {
            rules.horizon = horizon(value)?;
        }
        if let Some(value) = self.max_per_day {
            rules.max_per_day = per_day(value)?;
        }
        if let Some(value) = self.alignment {
            rules.alignment = value.try_into()?;
        }
        if let Some(value) = self.name {
            draft.name = name(&value)?;
        }
        if let Some(value) = self.capacity {
            draft.capacity = capacity(value)?;
        }
        if let Some(value) = self.reminder_minutes {
            draft.reminders = reminders(&value)?;
        }
        draft.online = self.online.unwrap_or(draft.online);
        draft.recording = self.recording.unwrap_or(draft.recording);
        Ok(draft)
    }
}
