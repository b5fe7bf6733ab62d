//! What an engine counts, before it is known what of it may be published.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use restartix_kernel::{PersonId, ProgramId};

use super::adherence::{Band, Share};
use super::outcome::Verdict;
use super::rollup::PatientWeek;
use super::suppress::Cell;
use super::week::{Month, Week};
use crate::{Instrument, ProgramStatus};

/// Whom a tally is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Everybody within reach.
    Everybody,
    /// Those whom this specialist treats now.
    TreatedBy(PersonId),
    /// Those whom nobody treats now.
    TreatedByNobody,
}

/// How everybody is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Not at all.
    Everybody,
    /// By the specialists who treat them; whom two treat is in both groups.
    BySpecialist,
}

/// The adherence of a group in one week, of those patients of whom something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdherenceTally {
    /// Which week.
    pub week: Week,
    /// Of whom.
    pub group: Group,
    /// Patients in each band, in the order of [`Band::ALL`].
    pub bands: [u32; 3],
    /// Patients who did more than was asked in some programme.
    pub overdone: u32,
    /// Their session adherence, summed up in ten-thousandths.
    pub sessions: u64,
    /// Their exercise adherence, likewise.
    pub exercises: u64,
}

impl AdherenceTally {
    /// A tally of nobody.
    pub const fn empty(week: Week, group: Group) -> Self {
        Self { week, group, bands: [0; 3], overdone: 0, sessions: 0, exercises: 0 }
    }

    /// Of how many patients it is.
    pub fn patients(&self) -> u32 {
        self.bands.iter().sum()
    }

    /// Counts a patient's week, when something was asked in it.
    pub fn count(&mut self, week: &PatientWeek) {
        let Some(share) = week.fulfilment.sessions() else { return };
        let band = Band::ALL.iter().position(|band| *band == share.band());
        if let Some(count) = band.and_then(|place| self.bands.get_mut(place)) {
            *count += 1;
        }
        self.overdone += u32::from(week.fulfilment.overdone > 0);
        self.sessions += u64::from(share.ten_thousandths());
        let exercises = week.fulfilment.exercises().map(Share::ten_thousandths);
        self.exercises += u64::from(exercises.unwrap_or_default());
    }
}

/// What became of those who were measured by one instrument in one month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeTally {
    /// By which.
    pub instrument: Instrument,
    /// In which month.
    pub month: Month,
    /// Of how many patients it is.
    pub patients: u32,
    /// Patients by verdict, in the order of [`Verdict::ALL`]; all 0 where the instrument has none.
    pub verdicts: [u32; 3],
    /// Their changes from the baseline, summed up.
    pub change: i64,
}

impl OutcomeTally {
    /// A tally of nobody.
    pub const fn empty(instrument: Instrument, month: Month) -> Self {
        Self { instrument, month, patients: 0, verdicts: [0; 3], change: 0 }
    }

    /// Counts so many patients whose scores went so far.
    pub fn count(&mut self, change: i32, patients: u32) {
        self.patients += patients;
        self.change += i64::from(change) * i64::from(patients);
        let Some(verdict) = self.instrument.verdict(change) else { return };
        let place = Verdict::ALL.iter().position(|one| *one == verdict);
        if let Some(count) = place.and_then(|place| self.verdicts.get_mut(place)) {
            *count += patients;
        }
    }
}

/// What happened in one week, to everybody within reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityTally {
    /// Which week.
    pub week: Week,
    /// Appointments.
    pub appointments: Cell,
    /// Appointments by where they stand, in the order of [`super::VisitState::ALL`].
    pub states: [Cell; 5],
    /// Seconds that patients were in video rooms.
    pub video_seconds: Cell,
    /// How often an exercise was done.
    pub exercises: Cell,
}

impl ActivityTally {
    /// A tally of nobody.
    pub fn empty(week: Week) -> Self {
        Self {
            week,
            appointments: Cell::default(),
            states: [Cell::default(); 5],
            video_seconds: Cell::default(),
            exercises: Cell::default(),
        }
    }

    /// Counts a patient's week.
    pub fn count(&mut self, week: &PatientWeek) {
        let count = |cell: &mut Cell, value: u32| {
            cell.value += u64::from(value);
            cell.patients += u32::from(value > 0);
        };
        count(&mut self.appointments, week.visits.iter().sum());
        for (cell, value) in self.states.iter_mut().zip(week.visits) {
            count(cell, value);
        }
        count(&mut self.video_seconds, week.video_seconds);
        count(&mut self.exercises, week.exercises);
    }
}

/// How far a programme was followed, up to a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourseProgress {
    /// Which.
    pub program: ProgramId,
    /// Whose.
    pub patient: PersonId,
    /// Where it stands now.
    pub status: ProgramStatus,
    /// Its first day.
    pub starts_on: NaiveDate,
    /// Sevenths of sessions that were asked for.
    pub prescribed: u32,
    /// Of these, those that were done.
    pub credited: u32,
}

impl CourseProgress {
    /// How much of what was asked was done; `None`: not applicable.
    pub fn completion(&self) -> Option<Share> {
        Share::new(self.credited, self.prescribed)
    }
}

/// How far the programmes were followed that stand in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletionTally {
    /// Where they stand.
    pub status: ProgramStatus,
    /// Programmes of which something was asked.
    pub programs: Cell,
    /// These by how much of it was done, in the order of [`Band::ALL`].
    pub bands: [Cell; 3],
}

impl CompletionTally {
    /// The tallies of these programmes, by where they stand.
    pub fn of(courses: &[CourseProgress]) -> Vec<Self> {
        let mut seen: BTreeSet<(&str, Option<&str>, PersonId)> = BTreeSet::new();
        let mut tallies: BTreeMap<&str, Self> = BTreeMap::new();
        for course in courses {
            let Some(share) = course.completion() else { continue };
            let (status, band) = (course.status, share.band());
            let mut count = |cell: &mut Cell, band: Option<&'static str>| {
                cell.value += 1;
                let first = seen.insert((status.as_str(), band, course.patient));
                cell.patients += u32::from(first);
            };
            let tally = tallies.entry(status.as_str()).or_insert_with(|| Self {
                status,
                programs: Cell::default(),
                bands: [Cell::default(); 3],
            });
            count(&mut tally.programs, None);
            let place = Band::ALL.iter().position(|one| *one == band);
            if let Some(cell) = place.and_then(|place| tally.bands.get_mut(place)) {
                count(cell, Some(band.as_str()));
            }
        }
        tallies.into_values().collect()
    }
}
