use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{EventId, ExerciseId, PersonId, ProgramId, StoreError, words};
use restartix_tenancy::Reach;

use crate::{
    Effort, Instrument, OutOfRange, Pain, Prescription, RehabEvent, RehabFact, Reps, Score,
    Seconds, Sets, Source,
};

words! {
    /// What is reported of a programme; what the care team does to one is not reported but done.
    ReportKind {
        /// An exercise was done: patients say so, of themselves.
        ExerciseCompleted = "exercise.completed",
        /// An outcome was measured: staff say so, of those within their reach.
        OutcomeRecorded = "outcome.recorded",
    }
}

words! {
    /// Why one event of several is not kept.
    Rejection {
        /// A number is not possible.
        OutOfRange = "out_of_range",
        /// A field is absent that an event of this type has.
        Required = "required",
        /// A field is there that no event of this type has.
        UnexpectedField = "unexpected_field",
        /// It is to happen only.
        InFuture = "in_future",
        /// It was too long ago.
        TooOld = "too_old",
        /// There is no such programme within reach.
        UnknownProgram = "unknown_program",
        /// The programme never asked for such an exercise.
        UnknownExercise = "unknown_exercise",
        /// Such events are not for this caller to write, or not about this patient.
        NotYours = "not_yours",
    }
}

/// An event as somebody reports it: nothing of it is believed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportDraft {
    /// The key that the client gave it.
    pub id: EventId,
    /// Of which type.
    pub kind: ReportKind,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// About whom; staff say it, patients need not.
    pub patient: Option<PersonId>,
    /// In which programme.
    pub program: ProgramId,
    /// Of a completion: which exercise.
    pub exercise: Option<ExerciseId>,
    /// Of a completion: sets.
    pub sets: Option<i64>,
    /// Of a completion: repetitions.
    pub reps: Option<i64>,
    /// Of a completion: how much it hurt, where somebody said.
    pub pain: Option<i64>,
    /// Of a completion: how hard it was, where somebody said.
    pub effort: Option<i64>,
    /// Of a completion: seconds.
    pub duration: Option<i64>,
    /// Of a completion: who says so.
    pub source: Option<Source>,
    /// Of an outcome: how it was measured.
    pub instrument: Option<Instrument>,
    /// Of an outcome: what that gave.
    pub score: Option<i64>,
}

/// What was reported, in bounded numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// An exercise was done.
    ExerciseCompleted {
        /// Which.
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
    /// An outcome was measured.
    OutcomeRecorded {
        /// How.
        instrument: Instrument,
        /// What it gave.
        score: Score,
    },
}

/// A report that may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The key that the client gave it: the same event of one patient told twice is one event.
    pub id: EventId,
    /// When it happened, which for what a device kept offline is long before it was told.
    pub occurred_at: DateTime<Utc>,
    /// About whom.
    pub patient: PersonId,
    /// In which programme, which is the patient's.
    pub program: ProgramId,
    /// What happened.
    pub report: Report,
}

impl From<Reported> for RehabEvent {
    fn from(reported: Reported) -> Self {
        let Reported { id, occurred_at, patient, program, report } = reported;
        let fact = match report {
            Report::ExerciseCompleted { exercise, sets, reps, pain, effort, duration, source } => {
                RehabFact::ExerciseCompleted {
                    program,
                    exercise,
                    sets,
                    reps,
                    pain,
                    effort,
                    duration,
                    source,
                }
            }
            Report::OutcomeRecorded { instrument, score } => {
                RehabFact::OutcomeRecorded { program, instrument, score }
            }
        };
        Self { id, occurred_at, patient, fact }
    }
}

impl ReportDraft {
    /// How long ago an event may have happened that is told only now.
    pub const PATIENCE: TimeDelta = TimeDelta::days(90);

    /// How far ahead of ours a client's clock may be.
    pub const LEEWAY: TimeDelta = TimeDelta::minutes(5);

    /// What may be kept of it, when somebody with this reach tells it now; `known` is its programme,
    /// when that is within their reach.
    ///
    /// When it happened says to which days it counts: a programme that rests or has ended since
    /// takes it too.
    ///
    /// # Errors
    /// [`Rejection`]: the event is not to be kept, and sent again it will not be either.
    pub fn judge(
        &self,
        reach: Reach,
        now: DateTime<Utc>,
        known: Option<&Prescription>,
    ) -> Result<Reported, Rejection> {
        let patient = self.about(reach)?;
        if self.occurred_at > now + Self::LEEWAY {
            return Err(Rejection::InFuture);
        }
        if self.occurred_at < now - Self::PATIENCE {
            return Err(Rejection::TooOld);
        }
        let known = known.ok_or(Rejection::UnknownProgram)?;
        if known.patient != patient {
            return Err(Rejection::NotYours);
        }
        let report = match self.kind {
            ReportKind::ExerciseCompleted => self.completion()?,
            ReportKind::OutcomeRecorded => self.outcome()?,
        };
        if let Report::ExerciseCompleted { exercise, .. } = report
            && !known.exercises.contains(&exercise)
        {
            return Err(Rejection::UnknownExercise);
        }
        let Self { id, occurred_at, program, .. } = *self;
        Ok(Reported { id, occurred_at, patient, program, report })
    }

    /// About whom it is, when its type is for this caller to write.
    fn about(&self, reach: Reach) -> Result<PersonId, Rejection> {
        match (self.kind, reach) {
            (ReportKind::ExerciseCompleted, Reach::Own(own)) => match self.patient {
                Some(patient) if patient != own => Err(Rejection::NotYours),
                _ => Ok(own),
            },
            (ReportKind::OutcomeRecorded, Reach::Organisation | Reach::TreatedBy(_)) => {
                self.patient.ok_or(Rejection::Required)
            }
            _ => Err(Rejection::NotYours),
        }
    }

    fn completion(&self) -> Result<Report, Rejection> {
        if self.instrument.is_some() || self.score.is_some() {
            return Err(Rejection::UnexpectedField);
        }
        Ok(Report::ExerciseCompleted {
            exercise: self.exercise.ok_or(Rejection::Required)?,
            sets: number(self.sets, Sets::new)?.ok_or(Rejection::Required)?,
            reps: number(self.reps, Reps::new)?.ok_or(Rejection::Required)?,
            pain: number(self.pain, Pain::new)?,
            effort: number(self.effort, Effort::new)?,
            duration: number(self.duration, Seconds::new)?.ok_or(Rejection::Required)?,
            source: self.source.ok_or(Rejection::Required)?,
        })
    }

    fn outcome(&self) -> Result<Report, Rejection> {
        let numbers = [self.sets, self.reps, self.pain, self.effort, self.duration];
        let others = self.exercise.is_some() || self.source.is_some();
        if others || numbers.iter().any(Option::is_some) {
            return Err(Rejection::UnexpectedField);
        }
        let instrument = self.instrument.ok_or(Rejection::Required)?;
        let score = number(self.score, Score::new)?.ok_or(Rejection::Required)?;
        if score.get() > instrument.most() {
            return Err(Rejection::OutOfRange);
        }
        Ok(Report::OutcomeRecorded { instrument, score })
    }
}

/// The number in its bounds; `None` when there is none.
fn number<N: TryFrom<i64>, T>(
    value: Option<i64>,
    bounded: impl Fn(N) -> Result<T, OutOfRange>,
) -> Result<Option<T>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let value = N::try_from(value).map_err(|_| Rejection::OutOfRange)?;
    bounded(value).map(Some).map_err(|_| Rejection::OutOfRange)
}

/// What was reported in one organisation, within one unit of work.
#[async_trait]
pub trait RehabEvents: Send {
    /// Keeps those of `events` that are not kept yet, by patient and id, as told at `told_at`;
    /// answers which those were. Of two with one key the first is kept. One statement, however many
    /// they are.
    async fn keep(
        &mut self,
        events: &[Reported],
        told_at: DateTime<Utc>,
    ) -> Result<BTreeSet<(PersonId, EventId)>, StoreError>;

    /// What happened to a patient at or after `from` and before `to`, by time and id.
    async fn between(
        &mut self,
        patient: PersonId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Reported>, StoreError>;
}

#[cfg(test)]
mod tests;
