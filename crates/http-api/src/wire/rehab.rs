use restartix_telemetry::{Instrument, ReportDraft, ReportKind, Source};
use restartix_workflows::{Failure, Receipt, Rehab};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EventKey, ExerciseKey, Id, Instant, PersonKey, ProgramKey, invalid};
use crate::View;

/// What somebody reports, together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportBody {
    #[schema(min_items = 1, max_items = 500)]
    events: Vec<RehabEventBody>,
}

/// What somebody reports. Sent again with the same `id` it is a duplicate, whatever else it says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RehabEventBody {
    /// The client's own, once per patient.
    id: EventKey,
    r#type: RehabEventType,
    /// At most 90 days ago, and 5 minutes ahead.
    occurred_at: Instant,
    /// About whom: staff say it, patients are asked about themselves.
    patient_id: Option<PersonKey>,
    program_id: ProgramKey,
    /// Of `exercise.completed`: one that the programme asks for, or once did.
    exercise_id: Option<ExerciseKey>,
    /// Of `exercise.completed`.
    #[schema(minimum = 1, maximum = 100)]
    sets: Option<i64>,
    /// Of `exercise.completed`: in each set.
    #[schema(minimum = 1, maximum = 1000)]
    reps: Option<i64>,
    /// Of `exercise.completed`, where somebody said.
    #[schema(minimum = 0, maximum = 10)]
    pain: Option<i64>,
    /// Of `exercise.completed`, where somebody said.
    #[schema(minimum = 0, maximum = 10)]
    effort: Option<i64>,
    /// Of `exercise.completed`.
    #[schema(minimum = 0, maximum = 86_400)]
    duration_seconds: Option<i64>,
    /// Of `exercise.completed`.
    source: Option<SourceWord>,
    /// Of `outcome.recorded`.
    instrument: Option<InstrumentWord>,
    /// Of `outcome.recorded`, in the instrument's own unit.
    #[schema(minimum = 0, maximum = 1000)]
    score: Option<i64>,
}

/// What is reported: completions by patients, outcomes by staff.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RehabEventType {
    #[serde(rename = "exercise.completed")]
    ExerciseCompleted,
    #[serde(rename = "outcome.recorded")]
    OutcomeRecorded,
}

/// Who says that an exercise was done: the patient, or a device.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum SourceWord {
    SelfReported,
    Sensor,
}

/// How an outcome was measured.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum InstrumentWord {
    Pain,
    Effort,
    Function,
    RangeOfMotion,
    Other,
}

impl From<RehabEventType> for ReportKind {
    fn from(kind: RehabEventType) -> Self {
        match kind {
            RehabEventType::ExerciseCompleted => Self::ExerciseCompleted,
            RehabEventType::OutcomeRecorded => Self::OutcomeRecorded,
        }
    }
}

impl From<SourceWord> for Source {
    fn from(source: SourceWord) -> Self {
        match source {
            SourceWord::SelfReported => Self::SelfReported,
            SourceWord::Sensor => Self::Sensor,
        }
    }
}

impl From<InstrumentWord> for Instrument {
    fn from(instrument: InstrumentWord) -> Self {
        match instrument {
            InstrumentWord::Pain => Self::Pain,
            InstrumentWord::Effort => Self::Effort,
            InstrumentWord::Function => Self::Function,
            InstrumentWord::RangeOfMotion => Self::RangeOfMotion,
            InstrumentWord::Other => Self::Other,
        }
    }
}

impl From<RehabEventBody> for ReportDraft {
    fn from(body: RehabEventBody) -> Self {
        Self {
            id: body.id.0,
            kind: body.r#type.into(),
            occurred_at: body.occurred_at.into(),
            patient: body.patient_id.map(|Id(patient)| patient),
            program: body.program_id.0,
            exercise: body.exercise_id.map(|Id(exercise)| exercise),
            sets: body.sets,
            reps: body.reps,
            pain: body.pain,
            effort: body.effort,
            duration: body.duration_seconds,
            source: body.source.map(Into::into),
            instrument: body.instrument.map(Into::into),
            score: body.score,
        }
    }
}

impl TryFrom<ReportBody> for Vec<ReportDraft> {
    type Error = Failure;

    fn try_from(body: ReportBody) -> Result<Self, Failure> {
        match body.events.len() {
            0 => Err(invalid("/events", "required")),
            count if count > Rehab::MOST_EVENTS => Err(invalid("/events", "too_many")),
            _ => Ok(body.events.into_iter().map(Into::into).collect()),
        }
    }
}

/// What became of events that were reported together.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// How many are kept now and were not before.
    accepted: usize,
    /// How many were kept already.
    duplicates: usize,
    /// Those that are not kept; the same again would end the same.
    rejected: Vec<RejectedView>,
}

/// An event that is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedView {
    id: EventKey,
    /// `out_of_range`, `required`, `unexpected_field`, `in_future`, `too_old`, `unknown_program`,
    /// `unknown_exercise` or `not_yours`.
    code: &'static str,
}

impl View for ReceiptView {}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let Receipt { accepted, duplicates, rejected } = receipt;
        let rejected = rejected.into_iter();
        let rejected = rejected.map(|(id, why)| RejectedView { id: Id(id), code: why.as_str() });
        Self { accepted, duplicates, rejected: rejected.collect() }
    }
}
