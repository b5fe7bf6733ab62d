use super::{
    EngineError, Minutes, Rules,
    span::{Span, unite},
};
use chrono::{DateTime, Utc};

/// Time that is taken: a booking with its own buffers, or somebody else's live hold.
///
/// One's own hold and an expired one are not busy: the caller leaves them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    span: Span,
    buffer_before: Minutes,
    buffer_after: Minutes,
    counts_toward_limit: bool,
}

impl Busy {
    /// `[start, end)` without buffers, not counted toward `max_per_day`: a hold. Fractions of a
    /// second are rounded outward.
    ///
    /// # Errors
    /// [`EngineError::BusyNotForward`] when `end` is before `start`.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Self, EngineError> {
        if end < start {
            return Err(EngineError::BusyNotForward);
        }
        Ok(Self {
            span: Span::new(start.timestamp(), ceil(end)),
            buffer_before: Minutes::ZERO,
            buffer_after: Minutes::ZERO,
            counts_toward_limit: false,
        })
    }

    /// With the time kept clear around it, as it was when it was booked.
    #[must_use]
    pub const fn with_buffers(self, before: Minutes, after: Minutes) -> Self {
        Self { buffer_before: before, buffer_after: after, ..self }
    }

    /// As a booking that counts toward `max_per_day` of the local date it starts on.
    #[must_use]
    pub const fn counted(self) -> Self {
        Self { counts_toward_limit: true, ..self }
    }

    /// The start, when the booking counts toward `max_per_day`.
    pub(crate) fn counted_start(&self) -> Option<i64> {
        self.counts_toward_limit.then_some(self.span.start)
    }

    /// Where no slot of `rules` may lie: its own buffers and the slot's are added up, so that the
    /// footprints of the two do not meet. `None` when nothing is taken.
    pub(crate) fn barred(&self, rules: &Rules) -> Option<Span> {
        let footprint = Span::new(
            self.span.start - self.buffer_before.seconds(),
            self.span.end + self.buffer_after.seconds(),
        );
        (!footprint.is_empty()).then(|| {
            Span::new(
                footprint.start - rules.buffer_after.seconds(),
                footprint.end + rules.buffer_before.seconds(),
            )
        })
    }
}

/// All that is barred within `range`, united.
pub(crate) fn barred_spans(busy: &[Busy], rules: &Rules, range: Span) -> Vec<Span> {
    let mut barred = Vec::with_capacity(busy.len());
    barred.extend(
        busy.iter().filter_map(|busy| busy.barred(rules)).filter(|barred| barred.meets(range)),
    );
    unite(&mut barred);
    barred
}

/// Whole seconds, not before the instant.
pub(crate) fn ceil(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.timestamp_subsec_nanos() > 0)
}
