use super::{
    LocalBlock, LocalDates, SpecialistCalendar,
    offsets::OffsetTable,
    span::{DAY, Span, subtract, unite},
};
use chrono::TimeDelta;

/// A block belongs to its date; the dates looked at reach this far beyond the range, because a zone
/// change may move a block by as much as a day.
const PADDING_DAYS: i64 = 2;

/// Where a date's hours come from; the greater beats the less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Weekly,
    Overrides,
    Nothing,
}

/// The dates of a range, each with the source of its hours.
struct Dates {
    first: i64,
    sources: Vec<Source>,
}

impl Dates {
    fn of(calendar: &SpecialistCalendar, offsets: &OffsetTable, range: Span) -> Self {
        let first = offsets.local_day(range.start) - PADDING_DAYS;
        let last = offsets.local_day(range.end) + PADDING_DAYS;
        let sources = (first..=last)
            .map(|day| if offsets.has_day(day) { Source::Weekly } else { Source::Nothing })
            .collect();
        let mut dates = Self { first, sources };
        for row in &calendar.overrides {
            let source = if row.block().is_some() { Source::Overrides } else { Source::Nothing };
            dates.raise(LocalDates::day(row.date()), source);
        }
        for away in calendar.time_off.iter().chain(&calendar.closures) {
            dates.raise(*away, Source::Nothing);
        }
        dates
    }

    fn raise(&mut self, dates: LocalDates, to: Source) {
        let first = i64::from(dates.first().to_epoch_days()) - self.first;
        let last = i64::from(dates.last().to_epoch_days()) - self.first;
        let (Ok(skip), Ok(end)) = (usize::try_from(first.max(0)), usize::try_from(last + 1)) else {
            return;
        };
        for source in self.sources.iter_mut().take(end).skip(skip) {
            *source = (*source).max(to);
        }
    }

    fn source(&self, day: i64) -> Option<Source> {
        self.sources.get(usize::try_from(day - self.first).ok()?).copied()
    }

    fn with(&self, wanted: Source) -> impl Iterator<Item = i64> {
        (self.first..)
            .zip(&self.sources)
            .filter(move |(_, got)| **got == wanted)
            .map(|(day, _)| day)
    }
}

/// When the specialist is open within `range`, before any booking: united, ascending.
pub(crate) fn open_spans(
    calendar: &SpecialistCalendar,
    offsets: &OffsetTable,
    range: Span,
) -> Vec<Span> {
    let dates = Dates::of(calendar, offsets, range);
    let mut open = Vec::with_capacity(dates.sources.len() * 2);
    let mut add = |day: i64, block: LocalBlock| {
        let span = Span::new(
            offsets.instant(day * DAY + block.start().seconds()),
            offsets.instant(day * DAY + block.end().seconds()),
        )
        .clip(range);
        // A gap that swallows the block's start alone can leave it ending before it starts.
        if !span.is_empty() {
            open.push(span);
        }
    };
    for day in dates.with(Source::Weekly) {
        // 1970-01-01 was a Thursday, three days after Monday.
        let weekday = (day + 3).rem_euclid(7);
        for hours in &calendar.weekly_hours {
            if i64::from(hours.weekday().num_days_from_monday()) == weekday {
                add(day, hours.block());
            }
        }
    }
    for row in &calendar.overrides {
        let day = i64::from(row.date().to_epoch_days());
        if let Some(block) = row.block()
            && dates.source(day) == Some(Source::Overrides)
        {
            add(day, block);
        }
    }
    unite(&mut open);
    if calendar.away.is_empty() {
        return open;
    }
    // A second that is away in part is away.
    let mut away: Vec<_> = calendar
        .away
        .iter()
        .map(|away| {
            let last = away.ends_at - TimeDelta::nanoseconds(1);
            Span::new(away.starts_at.timestamp(), last.timestamp() + 1)
        })
        .collect();
    away.retain(|away| !away.is_empty());
    unite(&mut away);
    subtract(&open, &away)
}
