use super::{
    Busy, Rules,
    offsets::OffsetTable,
    span::{DAY, Span, unite},
};

/// The instants of the local dates in `range` that already have `max_per_day` counted bookings;
/// united, ascending. A booking counts on the date it starts, and a full date takes no start.
pub(crate) fn full_spans(
    busy: &[Busy],
    rules: &Rules,
    offsets: &OffsetTable,
    range: Span,
) -> Vec<Span> {
    let Some(most) = rules.max_per_day else { return Vec::new() };
    if most == 0 {
        return vec![range];
    }
    // Wider than the dates that the range touches, so that each of them is counted whole.
    let near = Span::new(range.start - 2 * DAY, range.end + 2 * DAY);
    let mut days: Vec<i64> = busy
        .iter()
        .filter_map(Busy::counted_start)
        .filter(|start| near.holds(Span::new(*start, *start)))
        .map(|start| offsets.local_day(start))
        .collect();
    days.sort_unstable();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut full = Vec::new();
    for same in days.chunk_by(PartialEq::eq).filter(|same| same.len() >= most) {
        let Some(day) = same.first() else { continue };
        // By stretches: a date that was entered twice (St. John's, until 2011) is two spans.
        for stretch in offsets.stretches() {
            let start = day * DAY - stretch.offset;
            let span = Span::new(start, start + DAY).clip(stretch.span);
            if !span.is_empty() {
                full.push(span);
            }
        }
    }
    unite(&mut full);
    full
}

/// Keeps the starts, which ascend, that lie outside `full`.
pub(crate) fn drop_full(starts: &mut Vec<i64>, full: &[Span]) {
    let mut full = full.iter().peekable();
    starts.retain(|start| {
        while full.next_if(|span| span.end <= *start).is_some() {}
        full.peek().is_none_or(|span| *start < span.start)
    });
}
