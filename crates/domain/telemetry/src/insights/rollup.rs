//! From what happened to one patient to what is kept of each week and month.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use restartix_kernel::ProgramId;

use super::adherence::{DaySet, Done, Fulfilment};
use super::outcome::{OutcomeMonth, outcomes};
use super::record::{PatientRecord, VisitState};
use super::week::{Month, Week, local_day};

/// How many appointments stand where, in the order of [`VisitState::ALL`].
pub type VisitCounts = [u32; 5];

/// What became of a patient in one week of their calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatientWeek {
    /// Which.
    pub week: Week,
    /// What was asked and done, of all programmes together.
    pub fulfilment: Fulfilment,
    /// The days on which at least one exercise was done, whatever was asked.
    pub active: DaySet,
    /// How often an exercise was done, whatever was asked.
    pub exercises: u32,
    /// Appointments that start in it.
    pub visits: VisitCounts,
    /// Time in video rooms, of stays that begin in it.
    pub video_seconds: u32,
}

/// What became of one programme in one week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourseWeek {
    /// Which programme.
    pub program: ProgramId,
    /// Which week.
    pub week: Week,
    /// What was asked and done.
    pub fulfilment: Fulfilment,
}

/// What is kept of a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// By week; one in which nothing was asked and nothing happened is not there.
    pub weeks: Vec<PatientWeek>,
    /// By programme and week; one in which it asked for nothing is not there.
    pub courses: Vec<CourseWeek>,
    /// By instrument and month.
    pub outcomes: Vec<OutcomeMonth>,
}

/// What is kept of a patient from the week `since` on, and from its month on: programmes up to the
/// week in which `now` lies, appointments also of weeks to come.
pub fn roll_up(record: &PatientRecord, since: Week, now: DateTime<Utc>) -> Rollup {
    let mut weeks: BTreeMap<Week, PatientWeek> = BTreeMap::new();
    let mut done: BTreeMap<ProgramId, Done> = BTreeMap::new();
    let zone = record.zone;
    let mut seen = BTreeSet::new();
    for completion in record.completions.iter().filter(|one| seen.insert(one.id)) {
        let day = local_day(completion.at, zone);
        let of_day = done.entry(completion.program).or_default().entry(day).or_default();
        *of_day.entry(completion.exercise).or_default() += 1;
        if let Some(week) = one(&mut weeks, day, since) {
            week.active.add(day);
            week.exercises += 1;
        }
    }
    for visit in &record.visits {
        let week = one(&mut weeks, local_day(visit.at, zone), since);
        let place = VisitState::ALL.iter().position(|state| *state == visit.state);
        if let Some(count) = week.zip(place).and_then(|(week, place)| week.visits.get_mut(place)) {
            *count += 1;
        }
    }
    for stay in &record.stays {
        if let Some(week) = one(&mut weeks, local_day(stay.at, zone), since) {
            week.video_seconds = week.video_seconds.saturating_add(stay.seconds);
        }
    }
    let (nothing, last) = (Done::new(), Week::at(now, zone));
    let mut courses = Vec::new();
    for course in &record.courses {
        let done = done.get(&course.program).unwrap_or(&nothing);
        let ended = course.ended_at.map_or(last, |at| Week::at(at, zone));
        let mut week = Week::of(course.starts_on).max(since);
        while week <= last.min(ended) {
            let fulfilment = course.fulfilment(week, zone, done);
            if fulfilment.asked.count() > 0 {
                courses.push(CourseWeek { program: course.program, week, fulfilment });
                let kept = weeks.entry(week).or_insert_with(|| PatientWeek::empty(week));
                kept.fulfilment.add(&fulfilment);
            }
            week = week.next();
        }
    }
    courses.sort_by_key(|course| (course.week, course.program));
    let outcomes = outcomes(record, Month::of(since.monday()));
    Rollup { weeks: weeks.into_values().collect(), courses, outcomes }
}

impl PatientWeek {
    /// A week in which nothing was asked and nothing happened.
    pub const fn empty(week: Week) -> Self {
        Self {
            week,
            fulfilment: Fulfilment {
                prescribed: 0,
                done: 0,
                credited: 0,
                overdone: 0,
                exercises_prescribed: 0,
                exercises_credited: 0,
                asked: DaySet::NONE,
            },
            active: DaySet::NONE,
            exercises: 0,
            visits: [0; 5],
            video_seconds: 0,
        }
    }
}

fn one(
    weeks: &mut BTreeMap<Week, PatientWeek>,
    day: NaiveDate,
    since: Week,
) -> Option<&mut PatientWeek> {
    let week = Week::of(day);
    (week >= since).then(|| weeks.entry(week).or_insert_with(|| PatientWeek::empty(week)))
}

/// How somebody kept at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// The most days in a row on which something was asked and nothing was done; days on which
    /// nothing was asked neither break the row nor lengthen it.
    pub longest_gap_days: u32,
    /// The first of the weeks at the end in which something was asked and nothing was done, where
    /// they are two or more.
    pub dropped_out: Option<Week>,
}

/// How somebody kept at it in these weeks, which are over and in their order.
pub fn persistence(weeks: &[PatientWeek]) -> Persistence {
    let (mut gap, mut longest) = (0_u32, 0);
    for week in weeks {
        for day in 0..7 {
            if week.active.has(day) {
                gap = 0;
            } else if week.fulfilment.asked.has(day) {
                gap += 1;
                longest = longest.max(gap);
            }
        }
    }
    let asked = weeks.iter().rev().filter(|week| week.fulfilment.prescribed > 0);
    let idle: BTreeSet<Week> =
        asked.take_while(|week| week.active.count() == 0).map(|week| week.week).collect();
    let dropped_out = idle.first().copied().filter(|_| idle.len() > 1);
    Persistence { longest_gap_days: longest, dropped_out }
}
