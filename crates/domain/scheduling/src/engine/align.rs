use super::{
    Alignment, Rules,
    offsets::OffsetTable,
    span::{DAY, MINUTE, Span},
};

/// The length of a local hour, for `round_window_start`.
const HOUR: i64 = 3_600;

/// The starts of whole slots in `windows`, ascending. `origin` is where the query starts;
/// `offsets` are those of the alignment's zone.
pub(crate) fn starts(
    rules: &Rules,
    windows: impl Iterator<Item = Span>,
    origin: i64,
    offsets: &OffsetTable,
) -> Vec<i64> {
    let duration = rules.duration.seconds();
    let interval = rules.interval.seconds();
    let mut starts = Vec::new();
    // From here on `last` is the last instant at which a slot of the window may start.
    for (first, last) in windows.map(|window| (window.start, window.end - duration)) {
        match rules.alignment {
            Alignment::WindowStart => run(&mut starts, first, last, interval),
            Alignment::RoundWindowStart { step, offset_minutes, .. } => {
                let in_hour = offsets.local(first).rem_euclid(HOUR);
                let rounded = first + (-in_hour).rem_euclid(step.seconds());
                let anchor = rounded + i64::from(offset_minutes) * MINUTE;
                run(&mut starts, on_or_after(first, anchor, interval).max(anchor), last, interval);
            }
            Alignment::LocalDayGrid { offset_minutes, .. } => {
                let offset = i64::from(offset_minutes) * MINUTE;
                day_grid(&mut starts, Span::new(first, last + 1), offset, interval, offsets);
            }
            Alignment::QueryGrid => {
                run(&mut starts, on_or_after(first, origin, interval), last, interval);
            }
        }
    }
    starts
}

/// Whether `start` lies on the grid, where the grid is fixed by the wall alone; `true` where it
/// moves with the query or with what is booked.
pub(crate) fn on_fixed_grid(rules: &Rules, start: i64, offsets: &OffsetTable) -> bool {
    let Alignment::LocalDayGrid { offset_minutes, .. } = rules.alignment else {
        return start.rem_euclid(MINUTE) == 0;
    };
    let on_the_wall = offsets.local(start).rem_euclid(DAY);
    (on_the_wall - i64::from(offset_minutes) * MINUTE).rem_euclid(rules.interval.seconds()) == 0
}

/// The first `anchor + k * interval`, for a whole `k` of either sign, that is not before `first`.
fn on_or_after(first: i64, anchor: i64, interval: i64) -> i64 {
    first + (anchor - first).rem_euclid(interval)
}

fn run(starts: &mut Vec<i64>, first: i64, last: i64, interval: i64) {
    let mut start = first;
    while start <= last {
        starts.push(start);
        start += interval;
    }
}

/// The grid begins anew at every local midnight and whenever the wall jumps, so it is laid piece by
/// piece: each piece lies in one local date and one stretch of constant offset.
fn day_grid(
    starts: &mut Vec<i64>,
    window: Span,
    offset: i64,
    interval: i64,
    offsets: &OffsetTable,
) {
    for stretch in offsets.stretches() {
        let part = window.clip(stretch.span);
        let mut from = part.start;
        while from < part.end {
            let midnight = (from + stretch.offset).div_euclid(DAY) * DAY - stretch.offset;
            let until = part.end.min(midnight + DAY);
            run(starts, on_or_after(from, midnight + offset, interval), until - 1, interval);
            from = until;
        }
    }
}
