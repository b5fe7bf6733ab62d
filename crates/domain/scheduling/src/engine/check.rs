use super::{
    Diary, Rules, align::on_fixed_grid, hours::open_spans, limit::full_spans,
    query::offsets_around, slots::Bounds, span::Span,
};
use chrono::{DateTime, Timelike, Utc};

/// Why a start cannot be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotRefusal {
    /// The specialist does not offer this start; ask for availability and choose another.
    #[error("the slot is not offered: {0}")]
    Unavailable(Unavailable),
    /// A booking or somebody's live hold is in the way; it may come free again.
    #[error("the slot is taken")]
    Taken,
}

/// The rule by which a start is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Outside working hours, or on a date of time off, closure or a closing override.
    #[error("outside working hours")]
    Closed,
    /// Before now, or nearer than the minimum notice.
    #[error("too little notice")]
    TooSoon,
    /// Beyond the booking horizon.
    #[error("too far ahead")]
    TooFar,
    /// Not on a whole minute, or not on the type's grid of the local day.
    #[error("not a start of the grid")]
    OffGrid,
    /// The date has as many bookings as it takes.
    #[error("the date is full")]
    DateFull,
}

/// Whether one start may be booked with this specialist now.
///
/// Every start that [`availability`](super::availability) lists is accepted. With
/// [`Alignment::LocalDayGrid`](super::Alignment::LocalDayGrid) no other is. The other alignments
/// move with the query and with every booking made or cancelled since the client was shown the
/// start, so for them any whole minute that breaks no rule is accepted: a start once offered stays
/// good until somebody takes it.
///
/// What holds of the start itself comes before what others booked, and `Taken` before a full date:
/// of many who confirm the same start, the losers are all told `Taken`.
///
/// # Errors
/// [`SlotRefusal`], by what the caller can do.
pub fn check_slot(
    rules: &Rules,
    diary: &Diary<'_>,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), SlotRefusal> {
    let unavailable = |why| Err(SlotRefusal::Unavailable(why));
    let begin = start.timestamp();
    let slot = Span::new(begin, begin + rules.duration.seconds());
    let own = offsets_around(diary.calendar.zone, slot);
    if open_spans(diary.calendar, &own, slot) != [slot] {
        return unavailable(Unavailable::Closed);
    }
    let bounds = Bounds::new(rules, Some(now));
    if begin < bounds.earliest {
        return unavailable(Unavailable::TooSoon);
    }
    if begin > bounds.latest {
        return unavailable(Unavailable::TooFar);
    }
    // A seat in a session that is already there needs neither grid nor free time, and is no further
    // booking of its date.
    if diary.open_sessions.contains(&start) {
        return Ok(());
    }
    let grid =
        rules.alignment.zone().map_or_else(|| own.clone(), |zone| offsets_around(zone, slot));
    if start.nanosecond() != 0 || !on_fixed_grid(rules, begin, &grid) {
        return unavailable(Unavailable::OffGrid);
    }
    let mut barred = diary.busy.iter().filter_map(|busy| busy.barred(rules));
    if barred.any(|barred| barred.meets(slot)) {
        return Err(SlotRefusal::Taken);
    }
    let moment = Span::new(begin, begin + 1);
    if full_spans(diary.busy, rules, &own, slot).iter().any(|full| full.meets(moment)) {
        return unavailable(Unavailable::DateFull);
    }
    Ok(())
}
