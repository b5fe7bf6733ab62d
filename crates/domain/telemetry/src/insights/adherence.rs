//! The definition of adherence, version 1.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use restartix_kernel::{ExerciseId, words};

use super::record::Course;
use super::week::{Week, local_day};
use crate::{Plan, Revision};

words! {
    /// How well somebody did what was asked of them.
    Band {
        /// 0.80 of it and more.
        High = "high",
        /// 0.50 of it and more, and less than 0.80.
        Middle = "middle",
        /// Less than 0.50 of it.
        Low = "low",
    }
}

/// So much of what was asked was done: a part of a whole that is not nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    part: u32,
    whole: u32,
}

impl Share {
    /// A `part`, which is never more than the whole; `None` where nothing was asked: not 0 and not 1.
    pub fn new(part: u32, whole: u32) -> Option<Self> {
        (whole > 0).then(|| Self { part: part.min(whole), whole })
    }

    /// In which band it lies.
    pub fn band(self) -> Band {
        let (part, whole) = (u64::from(self.part) * 100, u64::from(self.whole));
        if part >= whole * 80 {
            Band::High
        } else if part >= whole * 50 {
            Band::Middle
        } else {
            Band::Low
        }
    }

    /// In ten-thousandths, half of one rounded up: 0 to 10,000.
    pub fn ten_thousandths(self) -> u32 {
        let (part, whole) = (u64::from(self.part), u64::from(self.whole));
        u32::try_from((part * 10_000 + whole / 2) / whole).unwrap_or(10_000)
    }
}

/// Days of one week: Monday is the lowest of seven bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySet(u8);

impl DaySet {
    /// No day.
    pub const NONE: Self = Self(0);

    /// The set of these bits; `None` where there are more than seven.
    pub fn new(bits: u8) -> Option<Self> {
        (bits < 1 << 7).then_some(Self(bits))
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// With this day.
    pub(super) fn add(&mut self, day: NaiveDate) {
        self.0 |= 1 << day.weekday().num_days_from_monday();
    }

    /// Whether this day, counted from Monday (0), is in it.
    pub fn has(self, day: u32) -> bool {
        self.0.checked_shr(day).unwrap_or_default() & 1 == 1
    }

    /// How many days there are in it.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// What was asked and done in one week, of one programme or of several. Sessions and exercises that
/// are asked for come by the week and are kept by the day, so they are counted in sevenths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fulfilment {
    /// Sevenths of sessions that were asked for.
    pub prescribed: u32,
    /// Sessions that were done on the days that count.
    pub done: u32,
    /// Of the sevenths asked for, those that were done.
    pub credited: u32,
    /// Sevenths of sessions that were done beyond.
    pub overdone: u32,
    /// Sevenths of exercises that were asked for.
    pub exercises_prescribed: u32,
    /// Of these, those that were done.
    pub exercises_credited: u32,
    /// The days on which something was asked.
    pub asked: DaySet,
}

impl Fulfilment {
    /// How much of what was asked was done; `None`: not applicable.
    pub fn sessions(&self) -> Option<Share> {
        Share::new(self.credited, self.prescribed)
    }

    /// As [`Fulfilment::sessions`], of single exercises.
    pub fn exercises(&self) -> Option<Share> {
        Share::new(self.exercises_credited, self.exercises_prescribed)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.prescribed = self.prescribed.saturating_add(other.prescribed);
        self.done = self.done.saturating_add(other.done);
        self.credited = self.credited.saturating_add(other.credited);
        self.overdone = self.overdone.saturating_add(other.overdone);
        self.exercises_prescribed =
            self.exercises_prescribed.saturating_add(other.exercises_prescribed);
        self.exercises_credited = self.exercises_credited.saturating_add(other.exercises_credited);
        self.asked = DaySet(self.asked.0 | other.asked.0);
    }
}

/// How often each exercise of one programme was done, by day.
pub(super) type Done = BTreeMap<NaiveDate, BTreeMap<ExerciseId, u32>>;

impl Course {
    /// What the programme asks for on `day`: as it stands when the day ends. A day that ends while the
    /// programme rests, or after it, does not count.
    fn asked_on(&self, day: NaiveDate, zone: Tz) -> Option<&Plan> {
        let ended = self.ended_at.is_some_and(|at| local_day(at, zone) <= day);
        let rests = self.history.pauses.iter().any(|pause| {
            local_day(pause.from, zone) <= day
                && pause.to.is_none_or(|to| local_day(to, zone) > day)
        });
        if day < self.starts_on || ended || rests {
            return None;
        }
        let in_force = |revision: &&Revision| revision.effective_on <= day;
        let revisions = self.history.revisions.iter().filter(in_force);
        revisions.max_by_key(|revision| revision.version).map(|revision| &revision.plan)
    }

    /// What was asked and done in a week.
    pub(super) fn fulfilment(&self, week: Week, zone: Tz, done: &Done) -> Fulfilment {
        let mut sum = Fulfilment::default();
        let mut exercises: BTreeMap<ExerciseId, (u32, u32)> = BTreeMap::new();
        for day in week.days() {
            let Some(plan) = self.asked_on(day, zone) else { continue };
            let sessions = u32::from(plan.sessions_per_week.get());
            sum.asked.add(day);
            sum.prescribed += sessions;
            let on_day = done.get(&day);
            // The third time that an exercise is done is a part of the day's third session.
            let times = on_day.and_then(|done| done.values().max());
            sum.done = sum.done.saturating_add(times.copied().unwrap_or_default());
            for exercise in plan.exercises.as_slice() {
                let (asked, did) = exercises.entry(exercise.id).or_default();
                *asked += sessions;
                let times = on_day.and_then(|done| done.get(&exercise.id));
                *did = did.saturating_add(times.copied().unwrap_or_default());
            }
        }
        let sevenths = sum.done.saturating_mul(7);
        sum.credited = sevenths.min(sum.prescribed);
        sum.overdone = sevenths.saturating_sub(sum.prescribed);
        for (asked, did) in exercises.values() {
            sum.exercises_prescribed += asked;
            sum.exercises_credited += did.saturating_mul(7).min(*asked);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_is_not_applicable() {
        assert_eq!(Share::new(0, 0), None);
        assert_eq!(Share::new(3, 0), None);
    }

    #[test]
    fn bands_have_their_edges_in_whole_numbers() {
        let band = |part, whole| Share::new(part, whole).unwrap().band();
        assert_eq!(
            [band(4, 5), band(79, 100), band(1, 2)],
            [Band::High, Band::Middle, Band::Middle]
        );
        assert_eq!([band(49, 100), band(0, 1), band(9, 3)], [Band::Low, Band::Low, Band::High]);
    }

    #[test]
    fn shares_are_rounded_to_the_nearest_ten_thousandth() {
        let of = |part, whole| Share::new(part, whole).unwrap().ten_thousandths();
        assert_eq!([of(1, 3), of(2, 3), of(1, 1), of(0, 7)], [3_333, 6_667, 10_000, 0]);
        assert_eq!(of(u32::MAX, u32::MAX), 10_000);
    }

    #[test]
    fn days_are_counted_from_monday() {
        let mut days = DaySet::default();
        days.add("2026-03-02".parse().unwrap());
        days.add("2026-03-08".parse().unwrap());
        assert_eq!((days.bits(), days.count()), (0b100_0001, 2));
        assert!(days.has(0) && days.has(6) && !days.has(1) && !days.has(40));
        assert_eq!(DaySet::new(128), None);
    }
}
