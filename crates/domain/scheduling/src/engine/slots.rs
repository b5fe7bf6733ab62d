use super::{
    Busy, Query, Rules, SpecialistCalendar, align,
    busy::{barred_spans, ceil},
    hours::open_spans,
    limit::{drop_full, full_spans},
    offsets::OffsetTable,
    query::{offsets_around, whole_days},
    span::{DAY, MINUTE, Span, subtract},
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// All that is known of one specialist: when they work and what is taken.
#[derive(Clone, Copy, Debug)]
pub struct Diary<'a> {
    /// Working hours.
    pub calendar: &'a SpecialistCalendar,
    /// Bookings, and live holds of other owners, whatever their appointment type, in any order.
    /// Those outside the range asked about do no harm; for `max_per_day` the whole local dates that
    /// the range touches must be there.
    pub busy: &'a [Busy],
    /// Starts of sessions of the same appointment type that still have a free seat. Each offers its
    /// own start, although the session itself is busy and, counted already, may fill its date.
    pub open_sessions: &'a [DateTime<Utc>],
}

/// A range of time, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside.
    pub starts_at: DateTime<Utc>,
    /// The first instant after.
    pub ends_at: DateTime<Utc>,
}

/// When the specialist is open within the query, before busy time, holds and notice: ascending, and
/// neither overlapping nor touching.
#[must_use]
pub fn opening_windows(calendar: &SpecialistCalendar, query: Query) -> Vec<Window> {
    let range = query.span();
    open_spans(calendar, &offsets_around(calendar.zone, range), range)
        .into_iter()
        .filter_map(|span| Some(Window { starts_at: utc(span.start)?, ends_at: utc(span.end)? }))
        .collect()
}

/// The starts of all slots that lie whole within the query: ascending, unique.
///
/// `now` of `None` asks without regard to notice and horizon. Three of the four alignments depend
/// on where the query begins; to show a client the same starts however the range is cut, use
/// [`availability`].
#[must_use]
pub fn free_slots(
    rules: &Rules,
    diary: &Diary<'_>,
    query: Query,
    now: Option<DateTime<Utc>>,
) -> Vec<DateTime<Utc>> {
    let range = query.span();
    let own = offsets_around(diary.calendar.zone, range);
    instants(&slots_of_one(rules, diary, &own, range, now), range, rules)
}

/// As [`free_slots`], aligned over the whole local dates that the query touches, and then cut down
/// to the slots that lie whole within the query.
#[must_use]
pub fn availability(
    rules: &Rules,
    diary: &Diary<'_>,
    query: Query,
    now: Option<DateTime<Utc>>,
) -> Vec<DateTime<Utc>> {
    let range = query.span();
    let own = offsets_around(diary.calendar.zone, range);
    let days = whole_days(range, &own);
    instants(&slots_of_one(rules, diary, &own, days, now), range, rules)
}

/// `own` are the offsets of the specialist's zone around `range`.
fn slots_of_one(
    rules: &Rules,
    diary: &Diary<'_>,
    own: &OffsetTable,
    range: Span,
    now: Option<DateTime<Utc>>,
) -> Vec<i64> {
    let open = open_spans(diary.calendar, own, range);
    let free = subtract(&open, &barred_spans(diary.busy, rules, range));
    let mut starts = aligned(rules, &free, range, (diary.calendar, own), now);
    drop_full(&mut starts, &full_spans(diary.busy, rules, own, range));
    add_open_sessions(&mut starts, rules, diary.open_sessions, &open, now);
    starts
}

/// The starts in `free`, after notice and horizon. `home` is the specialist whose zone the
/// alignment means when it names none, with the offsets of that zone.
pub(crate) fn aligned(
    rules: &Rules,
    free: &[Span],
    range: Span,
    home: (&SpecialistCalendar, &OffsetTable),
    now: Option<DateTime<Utc>>,
) -> Vec<i64> {
    let bounds = Bounds::new(rules, now);
    let windows = free.iter().filter_map(|window| bounds.cut(*window, rules));
    let (calendar, own) = home;
    match rules.alignment.zone().filter(|zone| *zone != calendar.zone) {
        None => align::starts(rules, windows, range.start, own),
        Some(zone) => align::starts(rules, windows, range.start, &offsets_around(zone, range)),
    }
}

/// Adds the sessions that lie in opening hours and within notice and horizon.
pub(crate) fn add_open_sessions(
    starts: &mut Vec<i64>,
    rules: &Rules,
    sessions: &[DateTime<Utc>],
    open: &[Span],
    now: Option<DateTime<Utc>>,
) {
    if sessions.is_empty() {
        return;
    }
    let bounds = Bounds::new(rules, now);
    starts.extend(sessions.iter().map(DateTime::timestamp).filter(|start| {
        let slot = Span::new(*start, *start + rules.duration.seconds());
        bounds.admit(*start) && open.iter().any(|window| window.holds(slot))
    }));
    starts.sort_unstable();
    starts.dedup();
}

/// The instants between which notice and horizon let a slot start, both included.
pub(crate) struct Bounds {
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

impl Bounds {
    pub(crate) fn new(rules: &Rules, now: Option<DateTime<Utc>>) -> Self {
        let latest = now.zip(rules.horizon).map(|(now, ahead)| now.timestamp() + ahead.seconds());
        Self {
            earliest: now.map_or(i64::MIN, |now| ceil(now) + rules.min_notice.seconds()),
            latest: latest.unwrap_or(i64::MAX),
        }
    }

    pub(crate) const fn admit(&self, start: i64) -> bool {
        self.earliest <= start && start <= self.latest
    }

    /// A window begins no earlier than notice allows and on a whole minute, and ends where the last
    /// slot that may start in it ends.
    fn cut(&self, window: Span, rules: &Rules) -> Option<Span> {
        let start = window.start.max(self.earliest);
        let start = start + (-start).rem_euclid(MINUTE);
        let end = window.end.min(self.latest.saturating_add(rules.duration.seconds()));
        let window = Span::new(start, end);
        (!window.is_empty()).then_some(window)
    }
}

/// The starts, which ascend, of the slots that lie whole within `range`.
pub(crate) fn instants(starts: &[i64], range: Span, rules: &Rules) -> Vec<DateTime<Utc>> {
    let last = range.end - rules.duration.seconds();
    let mut instants = Vec::with_capacity(starts.len());
    // Finding the date is most of the cost of the whole engine, so it is done once a date.
    let mut today = (i64::MAX, NaiveDate::MAX);
    for start in starts.iter().filter(|start| range.start <= **start && **start <= last) {
        let day = start.div_euclid(DAY);
        if today.0 != day {
            let Some(midnight) = utc(day * DAY) else { continue };
            today = (day, midnight.date_naive());
        }
        let time = u32::try_from(start.rem_euclid(DAY))
            .ok()
            .and_then(|second| NaiveTime::from_num_seconds_from_midnight_opt(second, 0));
        instants.extend(time.map(|time| today.1.and_time(time).and_utc()));
    }
    instants
}

fn utc(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}
