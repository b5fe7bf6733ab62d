//! Half-open ranges of UTC seconds, and the sorted sweeps over them.

pub(crate) const MINUTE: i64 = 60;
pub(crate) const DAY: i64 = 86_400;

/// `[start, end)` in seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Span {
    pub(crate) const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    pub(crate) fn clip(self, to: Self) -> Self {
        Self::new(self.start.max(to.start), self.end.min(to.end))
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub(crate) const fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// Sorts, and unites what overlaps or touches.
pub(crate) fn unite(spans: &mut Vec<Span>) {
    spans.sort_unstable_by_key(|span| span.start);
    spans.dedup_by(|next, kept| {
        let touches = next.start <= kept.end;
        if touches {
            kept.end = kept.end.max(next.end);
        }
        touches
    });
}

/// What of `from` lies outside `taken`. Both united.
pub(crate) fn subtract(from: &[Span], taken: &[Span]) -> Vec<Span> {
    let mut left = Vec::with_capacity(from.len() + taken.len());
    let mut taken = taken.iter().peekable();
    for window in from {
        let mut cursor = window.start;
        while let Some(next) = taken.peek()
            && next.start < window.end
        {
            if cursor < next.start {
                left.push(Span::new(cursor, next.start));
            }
            cursor = cursor.max(next.end);
            // Kept for the next window when it reaches beyond this one.
            if next.end > window.end {
                break;
            }
            taken.next();
        }
        if cursor < window.end {
            left.push(Span::new(cursor, window.end));
        }
    }
    left
}

/// What lies in both. Both united.
pub(crate) fn intersect(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut both = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(first), Some(second)) = (a.peek(), b.peek()) {
        let common = first.clip(**second);
        if !common.is_empty() {
            both.push(common);
        }
        if first.end <= second.end {
            a.next();
        } else {
            b.next();
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::vec((0i64..60, 1i64..9), 0..9).prop_map(|pairs| {
            let mut spans: Vec<_> =
                pairs.into_iter().map(|(start, length)| Span::new(start, start + length)).collect();
            unite(&mut spans);
            spans
        })
    }

    fn covers(spans: &[Span], second: i64) -> bool {
        spans.iter().any(|span| span.start <= second && second < span.end)
    }

    proptest! {
        #[test]
        fn the_sweeps_agree_with_membership_second_by_second(a in spans(), b in spans()) {
            let (left, both) = (subtract(&a, &b), intersect(&a, &b));
            for second in -1..80 {
                let (in_a, in_b) = (covers(&a, second), covers(&b, second));
                prop_assert_eq!(covers(&left, second), in_a && !in_b);
                prop_assert_eq!(covers(&both, second), in_a && in_b);
            }
        }

        #[test]
        fn united_spans_ascend_and_neither_overlap_nor_touch(spans in spans()) {
            prop_assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
