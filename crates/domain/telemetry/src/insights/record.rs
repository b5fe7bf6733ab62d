//! What insights are computed from: what happened to one patient, and what was asked of them.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use restartix_kernel::{EventId, ExerciseId, ProgramId, words};

use crate::{Instrument, ProgramHistory, Score};

/// A programme and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// Which.
    pub program: ProgramId,
    /// Its first day, on the patient's calendar.
    pub starts_on: NaiveDate,
    /// When it ended, when it did.
    pub ended_at: Option<DateTime<Utc>>,
    /// Its plans and rests.
    pub history: ProgramHistory,
}

/// An exercise that was done, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The event: two with one id are one.
    pub id: EventId,
    /// In which programme.
    pub program: ProgramId,
    /// Which.
    pub exercise: ExerciseId,
    /// When it was done, however late it was told.
    pub at: DateTime<Utc>,
}

/// An outcome that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The event: of two at one instant the one with the greater id is the later.
    pub id: EventId,
    /// In which programme.
    pub program: ProgramId,
    /// How.
    pub instrument: Instrument,
    /// What it gave.
    pub score: Score,
    /// When.
    pub at: DateTime<Utc>,
}

words! {
    /// Where an appointment stands, in the words of the clinic's calendar.
    VisitState {
        /// Booked.
        Confirmed = "confirmed",
        /// Going on.
        InProgress = "in_progress",
        /// It took place.
        Completed = "completed",
        /// Called off.
        Cancelled = "cancelled",
        /// The patient did not come.
        NoShow = "no_show",
    }
}

/// An appointment of the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// When it starts.
    pub at: DateTime<Utc>,
    /// Where it stands.
    pub state: VisitState,
}

/// The patient's time in a video room, which is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// When they came.
    pub at: DateTime<Utc>,
    /// For how long they stayed.
    pub seconds: u32,
}

/// What happened to one patient.
///
/// Programmes and measurements are all there, whatever the weeks that are computed; of the rest what
/// happened before them may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientRecord {
    /// Where the patient lives, as far as clocks are concerned.
    pub zone: Tz,
    /// Their programmes.
    pub courses: Vec<Course>,
    /// What they did.
    pub completions: Vec<Completion>,
    /// What was measured of them.
    pub measurements: Vec<Measurement>,
    /// When they had appointments.
    pub visits: Vec<Visit>,
    /// When they were in a video room.
    pub stays: Vec<Stay>,
}
