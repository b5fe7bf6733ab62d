//! What is told of rehabilitation: closed words, bounded numbers, ids and times; no text.

use chrono::{DateTime, Utc};
use restartix_kernel::{EventId, ExerciseId, PersonId, ProgramId, words};

words! {
    /// Who says that an exercise was done.
    Source {
        /// The patient.
        SelfReported = "self_reported",
        /// A device.
        Sensor = "sensor",
    }
}

words! {
    /// How an outcome was measured.
    Instrument {
        /// Pain from 0 to 10.
        Pain = "pain",
        /// How hard it was.
        Effort = "effort",
        /// A questionnaire about daily function.
        Function = "function",
        /// How far a joint moves.
        RangeOfMotion = "range_of_motion",
        /// Any other.
        Other = "other",
    }
}

impl Instrument {
    /// The greatest score that it can show; the least is 0. Pain and effort go to 10, questionnaires
    /// about function to 100, a joint to 360 degrees.
    pub const fn most(self) -> u16 {
        match self {
            Self::Pain | Self::Effort => 10,
            Self::Function => 100,
            Self::RangeOfMotion => 360,
            Self::Other => 1000,
        }
    }
}

/// A number is outside what is possible here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number is not within {least} and {most}")]
pub struct OutOfRange {
    /// The least that is possible.
    pub least: u32,
    /// The most.
    pub most: u32,
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident($number:ty) in $least:literal, $most:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($number);

        impl $name {
            /// The value of this number, when it is possible.
            pub const fn new(number: $number) -> Result<Self, OutOfRange> {
                if matches!(number, $least..=$most) {
                    Ok(Self(number))
                } else {
                    Err(OutOfRange { least: $least, most: $most })
                }
            }

            /// The number, as on the wire.
            pub const fn get(self) -> $number {
                self.0
            }
        }
    )+};
}

bounded! {
    /// How many sets: 1 to 100.
    Sets(u16) in 1, 100;
    /// How many repetitions in a set: 1 to 1,000.
    Reps(u16) in 1, 1_000;
    /// How much it hurt: 0 (not at all) to 10 (numeric rating scale).
    Pain(u16) in 0, 10;
    /// How hard it was: 0 to 10 (Borg CR10, in whole numbers).
    Effort(u16) in 0, 10;
    /// How long it took: 0 to 86,400 seconds, a day.
    Seconds(u32) in 0, 86_400;
    /// How many exercises a programme has: 1 to 50.
    ExerciseCount(u16) in 1, 50;
    /// How many sessions a week a programme asks for: 1 to 21, three a day.
    WeeklySessions(u16) in 1, 21;
    /// What an instrument gave: 0 to 1,000, in the instrument's own unit.
    Score(u16) in 0, 1_000;
}

/// What happened to a patient's programme. `Pain` and `Effort` are `None` where nobody said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehabFact {
    /// An exercise was done.
    ExerciseCompleted {
        /// In which programme.
        program: ProgramId,
        /// Which exercise of it.
        exercise: ExerciseId,
        /// How many sets.
        sets: Sets,
        /// How many repetitions in each.
        reps: Reps,
        /// How much it hurt.
        pain: Option<Pain>,
        /// How hard it was.
        effort: Option<Effort>,
        /// How long it took.
        duration: Seconds,
        /// Who says so.
        source: Source,
    },
    /// A programme was given to a patient.
    ProgramAssigned {
        /// Which.
        program: ProgramId,
        /// How many exercises it has.
        exercises: ExerciseCount,
        /// How often a week.
        sessions_per_week: WeeklySessions,
    },
    /// A programme was changed; it asks for this from then on.
    ProgramRevised {
        /// Which.
        program: ProgramId,
        /// How many exercises it has now.
        exercises: ExerciseCount,
        /// How often a week now.
        sessions_per_week: WeeklySessions,
    },
    /// A programme rests.
    ProgramPaused {
        /// Which.
        program: ProgramId,
    },
    /// A programme goes on.
    ProgramResumed {
        /// Which.
        program: ProgramId,
    },
    /// A programme is over.
    ProgramEnded {
        /// Which.
        program: ProgramId,
    },
    /// An outcome was measured.
    OutcomeRecorded {
        /// In which programme.
        program: ProgramId,
        /// How.
        instrument: Instrument,
        /// What it gave.
        score: Score,
    },
}

impl RehabFact {
    /// The type of the event on the wire.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::ExerciseCompleted { .. } => "exercise.completed",
            Self::ProgramAssigned { .. } => "program.assigned",
            Self::ProgramRevised { .. } => "program.revised",
            Self::ProgramPaused { .. } => "program.paused",
            Self::ProgramResumed { .. } => "program.resumed",
            Self::ProgramEnded { .. } => "program.ended",
            Self::OutcomeRecorded { .. } => "outcome.recorded",
        }
    }
}

/// A [`RehabFact`] of a patient. The patient is in it by id: the id stays in the platform, and the
/// Telemetry service hears a [`crate::Pseudonym`] instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RehabEvent {
    /// Its key: the same event told twice is one event.
    pub id: EventId,
    /// When it happened, which for what a device kept offline is long before it was told.
    pub occurred_at: DateTime<Utc>,
    /// Whose programme.
    pub patient: PersonId,
    /// What happened.
    pub fact: RehabFact,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bounded_on_both_sides() {
        assert_eq!(Pain::new(0).map(Pain::get), Ok(0));
        assert_eq!(Pain::new(10).map(Pain::get), Ok(10));
        assert_eq!(Pain::new(11), Err(OutOfRange { least: 0, most: 10 }));
        assert!(Sets::new(0).is_err());
        assert_eq!(Sets::new(100).map(Sets::get), Ok(100));
        assert!(Reps::new(1_001).is_err());
        assert_eq!(Seconds::new(86_400).map(Seconds::get), Ok(86_400));
        assert!(Seconds::new(86_401).is_err());
    }

    #[test]
    fn the_words_are_those_of_the_wire() {
        let program = "00000000-0000-0000-0000-000000000001".parse::<ProgramId>().unwrap();
        let exercises = ExerciseCount::new(4).unwrap();
        let sessions_per_week = WeeklySessions::new(3).unwrap();
        let told = [
            RehabFact::ProgramAssigned { program, exercises, sessions_per_week },
            RehabFact::ProgramRevised { program, exercises, sessions_per_week },
            RehabFact::ProgramPaused { program },
            RehabFact::ProgramResumed { program },
            RehabFact::ProgramEnded { program },
        ]
        .map(|fact| fact.event_type());
        let words = ["assigned", "revised", "paused", "resumed", "ended"];
        assert_eq!(told, words.map(|word| format!("program.{word}")));
        assert_eq!("sensor".parse(), Ok(Source::Sensor));
    }
}
