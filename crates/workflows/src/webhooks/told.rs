use restartix_scheduling::ChangeReason;
use restartix_storage::FileKind;
use restartix_video::Part;
use restartix_webhooks::{Event, Instrument, Kind, ParticipantRole, Party, Reason, Refusal};

use crate::{Happening, Side};

/// What an organisation's own systems are told of what happened. Without a wildcard: whoever adds a
/// happening decides here whether it is told.
pub(crate) const fn told(what: Happening) -> Option<Event> {
    Some(match what {
        Happening::AppointmentCreated { appointment: id, version } => {
            Event::AppointmentCreated { id, version }
        }
        Happening::AppointmentCancelled { appointment: id, version, by } => {
            let by = match by {
                Side::Patient => Party::Patient,
                Side::Staff => Party::Staff,
            };
            Event::AppointmentCancelled { id, version, by }
        }
        Happening::AppointmentRescheduled { appointment: id, version, reason } => {
            Event::AppointmentRescheduled { id, version, reason_code: reason_code(reason) }
        }
        // Between the patient and their clinic.
        Happening::RecordingConsentChanged { .. } => return None,
        Happening::AppointmentStarted { appointment: id, version } => {
            Event::AppointmentStarted { id, version }
        }
        Happening::AppointmentCompleted { appointment: id, version } => {
            Event::AppointmentCompleted { id, version }
        }
        Happening::AppointmentMissed { appointment: id, version } => {
            Event::AppointmentNoShow { id, version }
        }
        Happening::ParticipantJoined { appointment: id, version, part, .. } => {
            Event::VideoParticipantJoined { id, version, role: role(part) }
        }
        Happening::ParticipantLeft { appointment: id, version, part, seconds, .. } => {
            Event::VideoParticipantLeft { id, version, role: role(part), seconds }
        }
        Happening::ReminderDue { appointment: id, version, minutes_before } => {
            Event::AppointmentReminderDue { id, version, minutes_before }
        }
        Happening::RoomReady { appointment: id, version } => Event::VideoRoomReady { id, version },
        Happening::RecordingAvailable { appointment: id, version } => {
            Event::VideoRecordingAvailable { id, version }
        }
        Happening::FileAvailable { file: id, version, kind } => {
            Event::FileAvailable { id, version, kind: file_kind(kind) }
        }
        Happening::FileRejected { file: id, version, refusal } => {
            Event::FileRejected { id, version, code: refusal_code(refusal) }
        }
        Happening::FileInfected { file: id, version } => Event::FileInfected { id, version },
        Happening::FileDeleted { file: id, version } => Event::FileDeleted { id, version },
        Happening::DocumentSigned { file: id, version } => Event::DocumentSigned { id, version },
        Happening::ProgramAssigned { program: id, version } => {
            Event::ProgramAssigned { id, version }
        }
        Happening::ProgramRevised { program: id, version } => Event::ProgramRevised { id, version },
        Happening::ProgramPaused { program: id, version } => Event::ProgramPaused { id, version },
        Happening::ProgramResumed { program: id, version } => Event::ProgramResumed { id, version },
        Happening::ProgramEnded { program: id, version } => Event::ProgramEnded { id, version },
        Happening::ExerciseCompleted { program: id, version } => {
            Event::ExerciseCompleted { id, version }
        }
        Happening::OutcomeRecorded { program: id, version, instrument } => {
            Event::OutcomeRecorded { id, version, instrument: instrument_told(instrument) }
        }
        Happening::MemberAdded { membership: id, version } => Event::MemberAdded { id, version },
        Happening::MemberRemoved { membership: id, version } => {
            Event::MemberRemoved { id, version }
        }
    })
}

const fn reason_code(reason: ChangeReason) -> Reason {
    match reason {
        ChangeReason::PatientRequest => Reason::PatientRequest,
        ChangeReason::SpecialistUnavailable => Reason::SpecialistUnavailable,
        ChangeReason::ClinicClosed => Reason::ClinicClosed,
        ChangeReason::Technical => Reason::Technical,
        ChangeReason::Other => Reason::Other,
    }
}

const fn role(part: Part) -> ParticipantRole {
    match part {
        Part::Patient => ParticipantRole::Patient,
        Part::Specialist => ParticipantRole::Specialist,
    }
}

const fn file_kind(kind: FileKind) -> Kind {
    match kind {
        FileKind::Document => Kind::Document,
        FileKind::Prescription => Kind::Prescription,
        FileKind::Image => Kind::Image,
        FileKind::Signature => Kind::Signature,
        FileKind::Recording => Kind::Recording,
    }
}

const fn refusal_code(refusal: restartix_storage::Refusal) -> Refusal {
    use restartix_storage::Refusal as Why;
    match refusal {
        Why::ChecksumMismatch => Refusal::ChecksumMismatch,
        Why::SizeMismatch => Refusal::SizeMismatch,
        Why::TypeMismatch => Refusal::TypeMismatch,
        Why::Truncated => Refusal::Truncated,
        Why::NotEncrypted => Refusal::Other,
    }
}

const fn instrument_told(instrument: restartix_telemetry::Instrument) -> Instrument {
    use restartix_telemetry::Instrument as With;
    match instrument {
        With::Pain => Instrument::Pain,
        With::Effort => Instrument::Effort,
        With::Function => Instrument::Function,
        With::RangeOfMotion => Instrument::RangeOfMotion,
        With::Other => Instrument::Other,
    }
}
