use super::{Minutes, PositiveMinutes};
use chrono_tz::Tz;

/// What an appointment type demands of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Length of a slot.
    pub duration: PositiveMinutes,
    /// From one start to the next.
    pub interval: PositiveMinutes,
    /// Time kept clear before a slot; may lie outside working hours.
    pub buffer_before: Minutes,
    /// Time kept clear after a slot; may lie outside working hours.
    pub buffer_after: Minutes,
    /// A start is at least this far from now.
    pub min_notice: Minutes,
    /// A start is at most this far from now; `None`: as far as one asks.
    pub horizon: Option<Minutes>,
    /// A date of the specialist with this many counted bookings yields nothing; `None`: no limit.
    pub max_per_day: Option<u32>,
    /// Where starts lie within free time.
    pub alignment: Alignment,
}

impl Rules {
    /// Slots of this length back to back, with no buffers, notice or limits.
    #[must_use]
    pub const fn new(duration: PositiveMinutes) -> Self {
        Self {
            duration,
            interval: duration,
            buffer_before: Minutes::ZERO,
            buffer_after: Minutes::ZERO,
            min_notice: Minutes::ZERO,
            horizon: None,
            max_per_day: None,
            alignment: Alignment::WindowStart,
        }
    }
}

/// Where the starts lie within a free window.
///
/// A window is free time as it remains after busy time and holds were cut out and notice was
/// applied, beginning on a whole minute. A `zone` of `None` is the specialist's; for several
/// together ([`all_of`](super::all_of)), the first specialist's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// The window's start, then every interval.
    #[default]
    WindowStart,
    /// The window's start rounded up to a multiple of `step` within the local hour, plus the
    /// offset, then every interval. The rounding is in elapsed minutes from the start of that local
    /// hour, so a step above 60 or one that does not divide it runs on past the hour.
    RoundWindowStart {
        /// The zone whose hours are meant.
        zone: Option<Tz>,
        /// The multiple to round up to.
        step: PositiveMinutes,
        /// Minutes added after the rounding.
        offset_minutes: i32,
    },
    /// Where (local minutes on the wall since midnight - offset) is a multiple of the interval; the
    /// grid begins anew every local date. The only alignment that depends neither on the query nor
    /// on what is booked.
    LocalDayGrid {
        /// The zone whose midnight is meant.
        zone: Option<Tz>,
        /// Minutes from midnight to the grid's origin.
        offset_minutes: i32,
    },
    /// The query's start, then every interval.
    QueryGrid,
}

impl Alignment {
    pub(crate) const fn zone(self) -> Option<Tz> {
        match self {
            Self::RoundWindowStart { zone, .. } | Self::LocalDayGrid { zone, .. } => zone,
            Self::WindowStart | Self::QueryGrid => None,
        }
    }
}
