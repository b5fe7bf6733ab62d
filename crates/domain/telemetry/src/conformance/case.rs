use chrono::{DateTime, Utc};
use restartix_kernel::{Clock, ExerciseId, PersonId, ProgramId, Random};
use restartix_tenancy::Version;

use crate::{Exercise, Exercises, Plan, Program, ProgramStatus, Reps, Sets, WeeklySessions};

/// What an organisation must hold before the suites run over it: these people, and no programme.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// A specialist, who treats `patient` and nobody else.
    pub specialist: PersonId,
    /// A patient.
    pub patient: PersonId,
    /// Another patient.
    pub other_patient: PersonId,
    /// What the clock shows, without fractions of a second.
    pub now: DateTime<Utc>,
}

impl Case {
    /// A programme of `patient` with so many exercises, not added yet.
    pub fn program(
        &self,
        patient: PersonId,
        exercises: u16,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Program {
        Program {
            id: ProgramId::fresh(clock, random),
            patient,
            plan: plan(exercises, clock, random),
            starts_on: self.now.date_naive(),
            status: ProgramStatus::Active,
            ended_at: None,
            version: Version::FIRST,
        }
    }
}

/// A plan with so many exercises, of which no two ask for the same.
pub(super) fn plan(exercises: u16, clock: &dyn Clock, random: &dyn Random) -> Plan {
    let exercise = |n| Exercise {
        id: ExerciseId::fresh(clock, random),
        sets: Sets::new(n).unwrap(),
        reps: Reps::new(n + 10).unwrap(),
    };
    let exercises = Exercises::new((1..=exercises).map(exercise).collect()).unwrap();
    Plan { exercises, sessions_per_week: WeeklySessions::new(5).unwrap() }
}
