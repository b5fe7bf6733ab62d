use chrono::{DateTime, TimeDelta, Utc};

/// How long before its start somebody is reminded of an appointment: minutes, the longest first, each
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminders(Vec<u32>);

/// These cannot be reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reminders are at most {MOST}, each 1 to {LONGEST} minutes before the start", MOST = Reminders::MOST, LONGEST = Reminders::LONGEST)]
pub struct RemindersError;

impl Reminders {
    /// Reminders of one appointment at most.
    pub const MOST: usize = 5;
    /// The longest, in minutes: 30 days.
    pub const LONGEST: u32 = 30 * 24 * 60;

    /// These, in any order; one that is named twice is one.
    ///
    /// # Errors
    /// There are more than [`Reminders::MOST`], or one is 0 or longer than [`Reminders::LONGEST`].
    pub fn new(minutes: &[u32]) -> Result<Self, RemindersError> {
        let mut sorted = minutes.to_vec();
        sorted.sort_unstable_by(|one, other| other.cmp(one));
        sorted.dedup();
        let fits = |minutes: &u32| (1..=Self::LONGEST).contains(minutes);
        if sorted.len() > Self::MOST || !sorted.iter().all(fits) {
            return Err(RemindersError);
        }
        Ok(Self(sorted))
    }

    /// None at all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Minutes before the start, the longest first.
    pub fn minutes(&self) -> &[u32] {
        &self.0
    }

    /// Those whose time has not come at `now`.
    #[must_use]
    pub fn ahead(&self, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let ahead = |minutes: &&u32| now < due(starts_at, **minutes);
        Self(self.0.iter().filter(ahead).copied().collect())
    }

    /// When the first of them is due.
    pub fn next_at(&self, starts_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.first().map(|minutes| due(starts_at, *minutes))
    }

    /// The one to give at `now`, if any is due: the last whose time has come, because to somebody
    /// whose appointment is in an hour nobody says that it is in a day. After the start there is none.
    pub fn to_give(&self, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<u32> {
        let has_come = |minutes: &&u32| due(starts_at, **minutes) <= now;
        let last = self.0.iter().take_while(has_come).last().copied();
        last.filter(|_| now < starts_at)
    }
}

impl Default for Reminders {
    /// A day and an hour before.
    fn default() -> Self {
        Self(vec![24 * 60, 60])
    }
}

fn due(starts_at: DateTime<Utc>, minutes: u32) -> DateTime<Utc> {
    starts_at - TimeDelta::minutes(i64::from(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-02T{text}:00Z").parse().unwrap()
    }

    #[test]
    fn reminders_are_few_each_once_and_the_longest_first() {
        assert_eq!(Reminders::new(&[60, 1440, 60]).unwrap(), Reminders::default());
        assert_eq!(Reminders::new(&[]).unwrap(), Reminders::none());
        for bad in [&[0][..], &[Reminders::LONGEST + 1], &[1, 2, 3, 4, 5, 6]] {
            assert_eq!(Reminders::new(bad), Err(RemindersError));
        }
    }

    #[test]
    fn each_is_given_at_its_time_and_none_that_time_has_overtaken() {
        let (starts_at, reminders) = (at("12:00"), Reminders::new(&[120, 60, 15]).unwrap());
        assert_eq!(reminders.next_at(starts_at), Some(at("10:00")));
        for (now, given, left) in [
            ("09:59", None, &[120, 60, 15][..]),
            ("10:00", Some(120), &[60, 15]),
            ("10:59", Some(120), &[60, 15]),
            // The first was missed.
            ("11:00", Some(60), &[15]),
            ("11:59", Some(15), &[]),
            ("12:00", None, &[]),
        ] {
            assert_eq!(reminders.to_give(starts_at, at(now)), given, "{now}");
            assert_eq!(reminders.ahead(starts_at, at(now)).minutes(), left, "{now}");
        }
        assert_eq!(Reminders::none().to_give(starts_at, at("11:00")), None);
        assert_eq!(Reminders::none().next_at(starts_at), None);
    }
}
