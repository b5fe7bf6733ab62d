use restartix_kernel::PersonId;
use restartix_telemetry::{AnalyticsFact, Attendee, Fact, Party, Subject, Whom};
use restartix_video::Part;

use crate::{Happening, Side};

/// What the Telemetry service is told of what happened, and whom that names. Without a wildcard:
/// whoever adds a happening decides here whether it is told.
pub(crate) const fn fact(what: Happening) -> Option<(Whom, Fact)> {
    let (whom, fact) = match what {
        Happening::AppointmentCreated { appointment, .. } => {
            (Whom::Actor, AnalyticsFact::AppointmentCreated { appointment })
        }
        Happening::AppointmentRescheduled { appointment, .. } => {
            (Whom::Actor, AnalyticsFact::AppointmentRescheduled { appointment })
        }
        Happening::AppointmentCancelled { appointment, by, .. } => {
            let by = match by {
                Side::Patient => Party::Patient,
                Side::Staff => Party::Staff,
            };
            (Whom::Actor, AnalyticsFact::AppointmentCancelled { appointment, by })
        }
        Happening::AppointmentStarted { appointment, .. } => {
            (Whom::Actor, AnalyticsFact::AppointmentStarted { appointment })
        }
        Happening::AppointmentCompleted { appointment, .. } => {
            (Whom::Actor, AnalyticsFact::AppointmentCompleted { appointment })
        }
        Happening::AppointmentMissed { appointment, .. } => {
            (Whom::Actor, AnalyticsFact::AppointmentNoShow { appointment })
        }
        Happening::ParticipantJoined { appointment, part, person, .. } => {
            let (part, whom) = attendee(part, person);
            (whom, AnalyticsFact::VideoJoined { appointment, part })
        }
        Happening::ParticipantLeft { appointment, part, person, seconds, .. } => {
            let (part, whom) = attendee(part, person);
            (whom, AnalyticsFact::VideoLeft { appointment, part, seconds })
        }
        // The appointment itself was told; that somebody was reminded of it says no more.
        Happening::RecordingConsentChanged { .. }
        | Happening::ReminderDue { .. }
        | Happening::RoomReady { .. }
        | Happening::RecordingAvailable { .. }
        | Happening::FileAvailable { .. }
        | Happening::FileRejected { .. }
        | Happening::FileInfected { .. }
        | Happening::FileDeleted { .. }
        | Happening::DocumentSigned { .. }
        // Programmes tell more of themselves than others hear: see `Rehab`.
        | Happening::ProgramAssigned { .. }
        | Happening::ProgramRevised { .. }
        | Happening::ProgramPaused { .. }
        | Happening::ProgramResumed { .. }
        | Happening::ProgramEnded { .. }
        | Happening::ExerciseCompleted { .. }
        | Happening::OutcomeRecorded { .. }
        | Happening::MemberAdded { .. }
        | Happening::MemberRemoved { .. } => return None,
    };
    Some((whom, Fact::Analytics(fact)))
}

const fn attendee(part: Part, person: PersonId) -> (Attendee, Whom) {
    match part {
        Part::Patient => (Attendee::Patient, Whom::Subject(Subject::Patient(person))),
        Part::Specialist => (Attendee::Specialist, Whom::Subject(Subject::Staff(person))),
    }
}
