//! What happened, for those who act on it later.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{
    AppointmentId, EventId, FileId, MembershipId, PersonId, ProgramId, StoreError, words,
};
use restartix_scheduling::ChangeReason;
use restartix_storage::{FileKind, Refusal};
use restartix_telemetry::Instrument;
use restartix_tenancy::{Actor, ClaimSource, Role, Version};
use restartix_video::Part;

/// What happened: a closed set, and the one vocabulary in which the domains hear of one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Somebody was booked.
    AppointmentCreated {
        /// What was booked.
        appointment: AppointmentId,
        /// Its version.
        version: Version,
    },
    /// An appointment was called off.
    AppointmentCancelled {
        /// Which.
        appointment: AppointmentId,
        /// Its version after that.
        version: Version,
        /// By whom.
        by: Side,
    },
    /// An appointment was moved to another time.
    AppointmentRescheduled {
        /// Which.
        appointment: AppointmentId,
        /// Its version after that.
        version: Version,
        /// Why.
        reason: ChangeReason,
    },
    /// The patient of an appointment consented to a recording, or does so no more.
    RecordingConsentChanged {
        /// Of which.
        appointment: AppointmentId,
        /// Its version after that.
        version: Version,
    },
    /// An appointment began.
    AppointmentStarted {
        /// Which.
        appointment: AppointmentId,
        /// Its version after that.
        version: Version,
    },
    /// An appointment took place.
    AppointmentCompleted {
        /// Which.
        appointment: AppointmentId,
        /// Its version after that.
        version: Version,
    },
    /// Nobody came to an appointment.
    AppointmentMissed {
        /// Which.
        appointment: AppointmentId,
        /// Its version after that.
        version: Version,
    },
    /// It is time to remind of an appointment.
    ReminderDue {
        /// Of which.
        appointment: AppointmentId,
        /// Its version.
        version: Version,
        /// How long before its start.
        minutes_before: u32,
    },
    /// The video room of an appointment can be entered.
    RoomReady {
        /// Whose room.
        appointment: AppointmentId,
        /// The appointment's version.
        version: Version,
    },
    /// Somebody entered a video room.
    ParticipantJoined {
        /// Whose room.
        appointment: AppointmentId,
        /// The appointment's version.
        version: Version,
        /// In what part they are there.
        part: Part,
        /// Who.
        person: PersonId,
    },
    /// Somebody left a video room.
    ParticipantLeft {
        /// Whose room.
        appointment: AppointmentId,
        /// The appointment's version.
        version: Version,
        /// In what part they were there.
        part: Part,
        /// Who.
        person: PersonId,
        /// How long they were there.
        seconds: u32,
    },
    /// What was recorded of a visit can be seen.
    RecordingAvailable {
        /// Of which.
        appointment: AppointmentId,
        /// The appointment's version.
        version: Version,
    },
    /// A file can be read.
    FileAvailable {
        /// Which.
        file: FileId,
        /// Its version.
        version: Version,
        /// What it is.
        kind: FileKind,
    },
    /// A file was not accepted.
    FileRejected {
        /// Which.
        file: FileId,
        /// Its version.
        version: Version,
        /// Why.
        refusal: Refusal,
    },
    /// A file bears malware.
    FileInfected {
        /// Which.
        file: FileId,
        /// Its version.
        version: Version,
    },
    /// A file is gone.
    FileDeleted {
        /// Which.
        file: FileId,
        /// Its version after that.
        version: Version,
    },
    /// A document was signed.
    DocumentSigned {
        /// Which.
        file: FileId,
        /// Its version.
        version: Version,
    },
    /// A patient was given a programme.
    ProgramAssigned {
        /// Which.
        program: ProgramId,
        /// Its version.
        version: Version,
    },
    /// A programme was changed.
    ProgramRevised {
        /// Which.
        program: ProgramId,
        /// Its version after that.
        version: Version,
    },
    /// A programme rests.
    ProgramPaused {
        /// Which.
        program: ProgramId,
        /// Its version after that.
        version: Version,
    },
    /// A programme goes on.
    ProgramResumed {
        /// Which.
        program: ProgramId,
        /// Its version after that.
        version: Version,
    },
    /// A programme is over.
    ProgramEnded {
        /// Which.
        program: ProgramId,
        /// Its version after that.
        version: Version,
    },
    /// An exercise of a programme was done.
    ExerciseCompleted {
        /// Of which programme.
        program: ProgramId,
        /// The programme's version.
        version: Version,
    },
    /// An outcome was measured.
    OutcomeRecorded {
        /// In which programme.
        program: ProgramId,
        /// The programme's version.
        version: Version,
        /// How.
        instrument: Instrument,
    },
    /// Somebody became a member.
    MemberAdded {
        /// The membership.
        membership: MembershipId,
        /// Its version.
        version: Version,
    },
    /// A membership ended.
    MemberRemoved {
        /// The membership.
        membership: MembershipId,
        /// Its version after that.
        version: Version,
    },
}

words! {
    /// On which side of the desk somebody stands.
    Side {
        /// They are treated.
        Patient = "patient",
        /// They work for the organisation, or are its platform.
        Staff = "staff",
    }
}

impl Side {
    /// Where the one who acts stands.
    pub const fn of(actor: Actor) -> Self {
        match actor {
            Actor::User { role: Role::Patient, .. } => Self::Patient,
            Actor::User { .. } | Actor::Client { .. } | Actor::System => Self::Staff,
        }
    }
}

impl Happening {
    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppointmentCreated { .. } => "appointment.created",
            Self::AppointmentCancelled { .. } => "appointment.cancelled",
            Self::AppointmentRescheduled { .. } => "appointment.rescheduled",
            Self::RecordingConsentChanged { .. } => "appointment.recording_consent_changed",
            Self::AppointmentStarted { .. } => "appointment.started",
            Self::AppointmentCompleted { .. } => "appointment.completed",
            Self::AppointmentMissed { .. } => "appointment.no_show",
            Self::ReminderDue { .. } => "appointment.reminder_due",
            Self::RoomReady { .. } => "video.room_ready",
            Self::ParticipantJoined { .. } => "video.participant_joined",
            Self::ParticipantLeft { .. } => "video.participant_left",
            Self::RecordingAvailable { .. } => "video.recording_available",
            Self::FileAvailable { .. } => "file.available",
            Self::FileRejected { .. } => "file.rejected",
            Self::FileInfected { .. } => "file.infected",
            Self::FileDeleted { .. } => "file.deleted",
            Self::DocumentSigned { .. } => "document.signed",
            Self::ProgramAssigned { .. } => "program.assigned",
            Self::ProgramRevised { .. } => "program.revised",
            Self::ProgramPaused { .. } => "program.paused",
            Self::ProgramResumed { .. } => "program.resumed",
            Self::ProgramEnded { .. } => "program.ended",
            Self::ExerciseCompleted { .. } => "exercise.completed",
            Self::OutcomeRecorded { .. } => "outcome.recorded",
            Self::MemberAdded { .. } => "member.added",
            Self::MemberRemoved { .. } => "member.removed",
        }
    }

    /// Whose queue it goes to, and the appointment that is to be looked at there.
    pub const fn queued(self) -> Option<(Topic, AppointmentId, Version)> {
        match self {
            Self::AppointmentCreated { appointment, version }
            | Self::RecordingConsentChanged { appointment, version }
            | Self::AppointmentRescheduled { appointment, version, .. } => {
                Some((Topic::Video, appointment, version))
            }
            Self::AppointmentCancelled { appointment, version, .. } => {
                Some((Topic::VideoClosing, appointment, version))
            }
            Self::AppointmentStarted { .. }
            | Self::AppointmentCompleted { .. }
            | Self::AppointmentMissed { .. }
            | Self::ReminderDue { .. }
            | Self::RoomReady { .. }
            | Self::ParticipantJoined { .. }
            | Self::ParticipantLeft { .. }
            | Self::RecordingAvailable { .. }
            | Self::FileAvailable { .. }
            | Self::FileRejected { .. }
            | Self::FileInfected { .. }
            | Self::FileDeleted { .. }
            | Self::DocumentSigned { .. }
            | Self::ProgramAssigned { .. }
            | Self::ProgramRevised { .. }
            | Self::ProgramPaused { .. }
            | Self::ProgramResumed { .. }
            | Self::ProgramEnded { .. }
            | Self::ExerciseCompleted { .. }
            | Self::OutcomeRecorded { .. }
            | Self::MemberAdded { .. }
            | Self::MemberRemoved { .. } => None,
        }
    }
}

/// Somebody who acts on events; each has a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Makes rooms and moves them.
    Video,
    /// Deletes rooms: the provider lets few of them go in a second, and nobody's new room waits for that.
    VideoClosing,
}

impl Topic {
    /// The topic's name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::VideoClosing => "video_closing",
        }
    }
}

/// Something that happened, at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    /// The key by which consumers drop duplicates.
    pub id: EventId,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// What.
    pub what: Happening,
}

/// How a consumer claims events.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Whose queue.
    pub topic: Topic,
    /// Events at most.
    pub limit: u16,
    /// The consumer's clock.
    pub now: DateTime<Utc>,
    /// How long nobody else gets them.
    pub length: TimeDelta,
}

/// The fence of one claim: an outcome is recorded only while its lease is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseToken(pub EventId);

/// A claimed event.
#[derive(Clone, Copy, Debug)]
pub struct QueuedEvent {
    /// What happened.
    pub id: EventId,
    /// To which appointment.
    pub appointment: AppointmentId,
    /// How often it was claimed before.
    pub attempts: u32,
    /// The fence.
    pub lease: LeaseToken,
}

/// What became of a claimed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Dealt with: it leaves the queue.
    Done,
    /// To be claimed again, not before this.
    RetryAt(DateTime<Utc>),
}

/// A claimed event and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub event: EventId,
    /// Under which lease.
    pub lease: LeaseToken,
    /// What became of it.
    pub settlement: Settlement,
}

/// The queues of events, across organisations.
///
/// Events about one appointment are handed out one after another, in the order in which they
/// happened and whatever their topics; what is not settled before its lease ends is handed out again.
#[async_trait]
pub trait EventQueue: ClaimSource<Key = Lease, Row = QueuedEvent> {
    /// Records outcomes, all at once; one whose lease is no longer the current one changes nothing.
    async fn settle(&self, outcomes: &[Settled]) -> Result<(), StoreError>;
}
