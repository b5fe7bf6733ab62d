//! Daily's rate limits (<https://docs.daily.co/reference/rest-api#rate-limits>), each a window
//! that slides over the last second.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// A group of endpoints that share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Everything else: 20 a second.
    General,
    /// Room deletion: 2 a second.
    RoomDeletion,
    /// Lists of recordings: 2 a second.
    RecordingList,
    /// Recording starts: 1 a second.
    RecordingStart,
}

impl Class {
    /// The class of `method` on the path `segments` after `/v1`.
    pub(super) fn of(method: &str, segments: &[&str]) -> Self {
        match (method, segments) {
            ("DELETE", ["rooms", _]) => Self::RoomDeletion,
            ("GET", ["recordings"]) => Self::RecordingList,
            ("POST", ["rooms", _, "recordings", "start"]) => Self::RecordingStart,
            _ => Self::General,
        }
    }

    fn per_second(self) -> usize {
        match self {
            Self::General => 20,
            Self::RoomDeletion | Self::RecordingList => 2,
            Self::RecordingStart => 1,
        }
    }
}

/// The admitted requests of the last second, by class.
#[derive(Debug, Default)]
pub(super) struct Limits {
    general: VecDeque<DateTime<Utc>>,
    room_deletion: VecDeque<DateTime<Utc>>,
    recording_list: VecDeque<DateTime<Utc>>,
    recording_start: VecDeque<DateTime<Utc>>,
}

impl Limits {
    /// Admits a request, or not. Refused requests cost nothing, so that a storm can end.
    pub(super) fn admit(&mut self, class: Class, now: DateTime<Utc>) -> bool {
        let window = match class {
            Class::General => &mut self.general,
            Class::RoomDeletion => &mut self.room_deletion,
            Class::RecordingList => &mut self.recording_list,
            Class::RecordingStart => &mut self.recording_start,
        };
        while window.front().is_some_and(|first| now - *first >= TimeDelta::seconds(1)) {
            window.pop_front();
        }
        let free = window.len() < class.per_second();
        if free {
            window.push_back(now);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_own_budget_and_it_comes_back() {
        let mut limits = Limits::default();
        let start = DateTime::UNIX_EPOCH;
        let admitted =
            |limits: &mut Limits, class, now| (0..50).filter(|_| limits.admit(class, now)).count();
        assert_eq!(admitted(&mut limits, Class::General, start), 20);
        assert_eq!(admitted(&mut limits, Class::RoomDeletion, start), 2);
        assert_eq!(admitted(&mut limits, Class::RecordingList, start), 2);
        assert_eq!(admitted(&mut limits, Class::RecordingStart, start), 1);
        let later = start + TimeDelta::milliseconds(999);
        assert_eq!(admitted(&mut limits, Class::General, later), 0);
        let later = start + TimeDelta::milliseconds(1000);
        assert_eq!(admitted(&mut limits, Class::General, later), 20);
    }
}
