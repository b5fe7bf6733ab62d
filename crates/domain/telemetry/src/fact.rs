//! What is told to the Telemetry service besides the audit: closed facts.

use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, EventId, ProgramId, words};

use crate::{RehabFact, Subject};

words! {
    /// The three kinds of events that are sent.
    EventKind {
        /// Who did what: with ids.
        Audit = "audit",
        /// What happened in an organisation: with pseudonyms.
        Analytics = "analytics",
        /// What happened to a patient's programme: with pseudonyms.
        Rehab = "rehab",
    }
}

words! {
    /// On which side of the desk somebody stands.
    Party {
        /// They are treated.
        Patient = "patient",
        /// They work for the organisation, or are its platform.
        Staff = "staff",
    }
}

words! {
    /// In what part somebody was in a room.
    Attendee {
        /// They are treated.
        Patient = "patient",
        /// They treat.
        Specialist = "specialist",
    }
}

/// What happened in an organisation: closed words, numbers and ids of things, never of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnalyticsFact {
    /// Somebody was booked.
    AppointmentCreated {
        /// Which appointment.
        appointment: AppointmentId,
    },
    /// An appointment was moved.
    AppointmentRescheduled {
        /// Which.
        appointment: AppointmentId,
    },
    /// An appointment was called off.
    AppointmentCancelled {
        /// Which.
        appointment: AppointmentId,
        /// By whom.
        by: Party,
    },
    /// An appointment began.
    AppointmentStarted {
        /// Which.
        appointment: AppointmentId,
    },
    /// An appointment took place.
    AppointmentCompleted {
        /// Which.
        appointment: AppointmentId,
    },
    /// Nobody came to an appointment.
    AppointmentNoShow {
        /// Which.
        appointment: AppointmentId,
    },
    /// Somebody entered a video room.
    VideoJoined {
        /// Whose room.
        appointment: AppointmentId,
        /// In what part.
        part: Attendee,
    },
    /// Somebody left a video room.
    VideoLeft {
        /// Whose room.
        appointment: AppointmentId,
        /// In what part.
        part: Attendee,
        /// How long they were there, in seconds.
        seconds: u32,
    },
}

impl AnalyticsFact {
    /// The types of all of them, as on the wire.
    pub const TYPES: &[&str] = &[
        "appointment.created",
        "appointment.rescheduled",
        "appointment.cancelled",
        "appointment.started",
        "appointment.completed",
        "appointment.no_show",
        "video.joined",
        "video.left",
    ];

    /// The type of the event on the wire.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::AppointmentCreated { .. } => "appointment.created",
            Self::AppointmentRescheduled { .. } => "appointment.rescheduled",
            Self::AppointmentCancelled { .. } => "appointment.cancelled",
            Self::AppointmentStarted { .. } => "appointment.started",
            Self::AppointmentCompleted { .. } => "appointment.completed",
            Self::AppointmentNoShow { .. } => "appointment.no_show",
            Self::VideoJoined { .. } => "video.joined",
            Self::VideoLeft { .. } => "video.left",
        }
    }

    fn data(&self) -> String {
        match self {
            Self::AppointmentCreated { appointment }
            | Self::AppointmentRescheduled { appointment }
            | Self::AppointmentStarted { appointment }
            | Self::AppointmentCompleted { appointment }
            | Self::AppointmentNoShow { appointment } => {
                format!(r#"{{"appointment_id":{}}}"#, appointment.get())
            }
            Self::AppointmentCancelled { appointment, by } => {
                format!(r#"{{"appointment_id":{},"by":"{by}"}}"#, appointment.get())
            }
            Self::VideoJoined { appointment, part } => {
                format!(r#"{{"appointment_id":{},"part":"{part}"}}"#, appointment.get())
            }
            Self::VideoLeft { appointment, part, seconds } => format!(
                r#"{{"appointment_id":{},"part":"{part}","seconds":{seconds}}}"#,
                appointment.get()
            ),
        }
    }
}

fn rehab_data(fact: &RehabFact) -> String {
    let only = |program: &ProgramId| format!(r#"{{"program_id":"{program}"}}"#);
    match fact {
        RehabFact::ExerciseCompleted {
            program,
            exercise,
            sets,
            reps,
            pain,
            effort,
            duration,
            source,
        } => {
            let or_null =
                |number: Option<u16>| number.map_or_else(|| "null".to_owned(), |n| n.to_string());
            format!(
                concat!(
                    r#"{{"program_id":"{}","exercise_id":"{}","sets":{},"reps":{},"pain":{},"#,
                    r#""effort":{},"duration_seconds":{},"source":"{}"}}"#
                ),
                program,
                exercise,
                sets.get(),
                reps.get(),
                or_null(pain.map(crate::Pain::get)),
                or_null(effort.map(crate::Effort::get)),
                duration.get(),
                source,
            )
        }
        RehabFact::ProgramAssigned { program, exercises, sessions_per_week }
        | RehabFact::ProgramRevised { program, exercises, sessions_per_week } => format!(
            r#"{{"program_id":"{program}","exercises":{},"sessions_per_week":{}}}"#,
            exercises.get(),
            sessions_per_week.get(),
        ),
        RehabFact::ProgramPaused { program }
        | RehabFact::ProgramResumed { program }
        | RehabFact::ProgramEnded { program } => only(program),
        RehabFact::OutcomeRecorded { program, instrument, score } => format!(
            r#"{{"program_id":"{program}","instrument":"{instrument}","score":{}}}"#,
            score.get(),
        ),
    }
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Of an organisation.
    Analytics(AnalyticsFact),
    /// Of a patient's programme.
    Rehab(RehabFact),
}

impl Fact {
    /// Its kind.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Analytics(_) => EventKind::Analytics,
            Self::Rehab(_) => EventKind::Rehab,
        }
    }

    /// The type of the event on the wire.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Analytics(fact) => fact.event_type(),
            Self::Rehab(fact) => fact.event_type(),
        }
    }

    /// `data` as it will stand on the wire, byte by byte: a JSON object on one line.
    pub fn data(&self) -> String {
        match self {
            Self::Analytics(fact) => fact.data(),
            Self::Rehab(fact) => rehab_data(fact),
        }
    }
}

/// Whom a fact names: kept by id, told by pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Whoever acts in the unit of work.
    Actor,
    /// Somebody whom the fact is about.
    Subject(Subject),
}

/// A fact that is about to commit with the change that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The key by which the service drops duplicates.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Whom it names.
    pub whom: Whom,
    /// What.
    pub fact: Fact,
}
