//! What is published: tallies without their small cells.

use restartix_kernel::PersonId;

use super::suppress::{Cell, Parts, SmallestCell, publish};
use super::tally::{ActivityTally, AdherenceTally, CompletionTally, Group, OutcomeTally};
use super::week::{Month, Week};
use crate::{Instrument, ProgramStatus};

/// The adherence of everybody within reach in one week; `None` is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdherenceRow {
    /// Which week.
    pub week: Week,
    /// Of how many patients.
    pub patients: Option<u64>,
    /// Patients in each band, in the order of [`super::Band::ALL`].
    pub bands: [Option<u64>; 3],
    /// Patients who did more than was asked.
    pub overdone: Option<u64>,
    /// The mean of their session adherence in ten-thousandths; `None` also for nobody.
    pub sessions: Option<u64>,
    /// The mean of their exercise adherence, likewise.
    pub exercises: Option<u64>,
}

/// The adherence of one group in one week; `None` is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Which week.
    pub week: Week,
    /// Who treats them; `None`: nobody does.
    pub specialist: Option<PersonId>,
    /// Of how many patients.
    pub patients: Option<u64>,
    /// The mean of their session adherence in ten-thousandths; `None` also for nobody.
    pub sessions: Option<u64>,
}

/// What became of those who were measured; `None` is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeRow {
    /// In which month.
    pub month: Month,
    /// By which instrument.
    pub instrument: Instrument,
    /// Of how many patients.
    pub patients: Option<u64>,
    /// Patients by verdict, in the order of [`super::Verdict::ALL`]; `None` where the instrument has
    /// no MCID.
    pub verdicts: Option<[Option<u64>; 3]>,
    /// The mean of their changes, in hundredths of the instrument's unit.
    pub change: Option<i64>,
}

/// What happened in one week; `None` is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityRow {
    /// Which week.
    pub week: Week,
    /// Appointments.
    pub appointments: Option<u64>,
    /// Appointments by where they stand, in the order of [`super::VisitState::ALL`].
    pub states: [Option<u64>; 5],
    /// Of the appointments that took place or to which nobody came, those to which nobody came, in
    /// ten-thousandths; `None` also where there were none.
    pub no_shows: Option<u64>,
    /// Minutes that patients were in video rooms, rounded down.
    pub video_minutes: Option<u64>,
    /// How often an exercise was done.
    pub exercises: Option<u64>,
}

/// How far programmes were followed; `None` is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletionRow {
    /// Where they stand.
    pub status: ProgramStatus,
    /// How many programmes.
    pub programs: Option<u64>,
    /// These by how much of what was asked was done, in the order of [`super::Band::ALL`].
    pub bands: [Option<u64>; 3],
}

fn mean(sum: u64, of: u32) -> Option<u64> {
    let of = u64::from(of);
    (of > 0).then(|| (sum + of / 2) / of)
}

/// The parts in an array again.
fn array<const N: usize>(parts: Vec<Option<u64>>) -> [Option<u64>; N] {
    parts.try_into().unwrap_or([None; N])
}

/// What may be published of the adherence of everybody.
pub fn adherence(tally: &AdherenceTally, smallest: SmallestCell) -> AdherenceRow {
    let patients = tally.patients();
    let total = Cell::of_patients(patients);
    let split = |parts: &[u32]| {
        let parts: Vec<_> = parts.iter().copied().map(Cell::of_patients).collect();
        publish(total, &parts, Parts::Apart, smallest)
    };
    let bands = split(&tally.bands);
    let overdone = split(&[tally.overdone, patients.saturating_sub(tally.overdone)]);
    // Every division of the same people agrees on whether their number may be said.
    let shown = bands.total.and(overdone.total);
    AdherenceRow {
        week: tally.week,
        patients: shown,
        bands: array(bands.parts),
        overdone: shown.and_then(|_| overdone.parts.first().copied().flatten()),
        sessions: shown.and_then(|_| mean(tally.sessions, patients)),
        exercises: shown.and_then(|_| mean(tally.exercises, patients)),
    }
}

/// What may be published of the adherence of groups in one week; `everybody` are they together.
pub fn groups(
    everybody: &AdherenceTally,
    groups: &[AdherenceTally],
    smallest: SmallestCell,
) -> Vec<GroupRow> {
    let cells: Vec<_> = groups.iter().map(|one| Cell::of_patients(one.patients())).collect();
    let total = Cell::of_patients(everybody.patients());
    let published = publish(total, &cells, Parts::Overlapping, smallest);
    let row = |(tally, patients): (&AdherenceTally, Option<u64>)| GroupRow {
        week: tally.week,
        specialist: match tally.group {
            Group::TreatedBy(specialist) => Some(specialist),
            Group::Everybody | Group::TreatedByNobody => None,
        },
        patients,
        sessions: patients.and_then(|_| mean(tally.sessions, tally.patients())),
    };
    groups.iter().zip(published.parts).map(row).collect()
}

/// What may be published of outcomes.
pub fn outcome(tally: &OutcomeTally, smallest: SmallestCell) -> OutcomeRow {
    let total = Cell::of_patients(tally.patients);
    let parts: Vec<_> = match tally.instrument.mcid() {
        Some(_) => tally.verdicts.iter().copied().map(Cell::of_patients).collect(),
        None => Vec::new(),
    };
    let published = publish(total, &parts, Parts::Apart, smallest);
    let patients = i64::from(tally.patients);
    let change = (patients > 0).then(|| {
        let half = if tally.change < 0 { -patients / 2 } else { patients / 2 };
        (tally.change * 100 + half) / patients
    });
    OutcomeRow {
        month: tally.month,
        instrument: tally.instrument,
        patients: published.total,
        verdicts: tally.instrument.mcid().map(|_| array(published.parts)),
        change: published.total.and(change),
    }
}

/// What may be published of a week's activity.
pub fn activity(tally: &ActivityTally, smallest: SmallestCell) -> ActivityRow {
    let published = publish(tally.appointments, &tally.states, Parts::Overlapping, smallest);
    let alone = |cell: Cell| publish(cell, &[], Parts::Apart, smallest).total;
    let states: [Option<u64>; 5] = array(published.parts);
    let [.., completed, _, no_show] = states;
    let no_shows = completed.zip(no_show).and_then(|(came, stayed_away)| {
        mean(stayed_away * 10_000, u32::try_from(came + stayed_away).ok()?)
    });
    ActivityRow {
        week: tally.week,
        appointments: published.total,
        states,
        no_shows,
        video_minutes: alone(tally.video_seconds).map(|seconds| seconds / 60),
        exercises: alone(tally.exercises),
    }
}

/// What may be published of how far programmes were followed.
pub fn completion(tally: &CompletionTally, smallest: SmallestCell) -> CompletionRow {
    // One patient may have two programmes in different bands.
    let published = publish(tally.programs, &tally.bands, Parts::Overlapping, smallest);
    CompletionRow { status: tally.status, programs: published.total, bands: array(published.parts) }
}
