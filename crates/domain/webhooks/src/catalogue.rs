//! Every event type: its object, and what is told of it.

use restartix_kernel::{AppointmentId, FileId, MembershipId, ProgramId, WebhookEndpointId};
use restartix_tenancy::Version;
use serde_json::{Map, Value, json};

use crate::PiiFree;
use crate::pii_free::free_words;

free_words! {
    /// On which side of the desk somebody stands.
    Party {
        /// They are treated.
        Patient = "patient",
        /// They work for the organisation, or are its platform.
        Staff = "staff",
    }
}

free_words! {
    /// In what part somebody joined a room.
    ParticipantRole {
        /// They are treated.
        Patient = "patient",
        /// They treat.
        Specialist = "specialist",
    }
}

free_words! {
    /// Why an appointment was moved.
    Reason {
        /// The patient asked for it.
        PatientRequest = "patient_request",
        /// The specialist cannot be there.
        SpecialistUnavailable = "specialist_unavailable",
        /// The clinic is closed.
        ClinicClosed = "clinic_closed",
        /// Something technical.
        Technical = "technical",
        /// Anything else.
        Other = "other",
    }
}

free_words! {
    /// What a file is.
    Kind {
        /// A document.
        Document = "document",
        /// A prescription.
        Prescription = "prescription",
        /// An image.
        Image = "image",
        /// The picture of a signature.
        Signature = "signature",
        /// What was recorded of a video visit.
        Recording = "recording",
    }
}

free_words! {
    /// Why a file was not accepted.
    Refusal {
        /// The bytes are not those that were announced.
        ChecksumMismatch = "checksum_mismatch",
        /// There are more or fewer bytes than were announced.
        SizeMismatch = "size_mismatch",
        /// The bytes are of another type than was announced.
        TypeMismatch = "type_mismatch",
        /// The bytes end before they should.
        Truncated = "truncated",
        /// Anything else.
        Other = "other",
    }
}

free_words! {
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

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $object:literal $id:ty
        { $($(#[$field_doc:meta])* $field:ident: $type:ty),* };)+) => {
        restartix_kernel::words! {
            /// The types of events: a closed set.
            EventType { $($(#[$doc])* $name = $text,)+ }
        }

        /// Something to be told. Every field is [`PiiFree`], or this does not compile.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $name {
                /// What it happened to.
                id: $id,
                /// The object's version after it.
                version: Version,
                $($(#[$field_doc])* $field: $type,)*
            },)+
        }

        impl Event {
            /// Its type.
            pub const fn kind(&self) -> EventType {
                match self { $(Self::$name { .. } => EventType::$name,)+ }
            }

            /// `data` as it will stand in the body, byte by byte.
            pub fn data(&self) -> String {
                match self {
                    $(Self::$name { id, version, $($field),* } => {
                        #[allow(unused_mut, clippy::allow_attributes, reason = "some types have no further field")]
                        let mut text = format!(
                            "{{\"object\":\"{}\",\"id\":{},\"version\":{}",
                            $object, id.value(), version.value(),
                        );
                        $(text.push_str(concat!(",\"", stringify!($field), "\":"));
                        text.push_str(&$field.value().to_string());)*
                        text.push('}');
                        text
                    })+
                }
            }
        }

        impl EventType {
            /// The JSON Schema (2020-12) of a whole body of this type.
            pub fn schema(self) -> Value {
                match self {
                    $(Self::$name => body_schema($text, &[
                        ("object", json!({"const": $object})),
                        ("id", <$id>::schema()),
                        ("version", Version::schema()),
                        $((stringify!($field), <$type>::schema()),)*
                    ]),)+
                }
            }
        }
    };
}

catalogue! {
    /// Somebody was booked.
    AppointmentCreated = "appointment.created", "appointment" AppointmentId {};
    /// It was moved.
    AppointmentRescheduled = "appointment.rescheduled", "appointment" AppointmentId {
        /// Why.
        reason_code: Reason
    };
    /// It was called off.
    AppointmentCancelled = "appointment.cancelled", "appointment" AppointmentId {
        /// By whom.
        by: Party
    };
    /// It began.
    AppointmentStarted = "appointment.started", "appointment" AppointmentId {};
    /// It took place.
    AppointmentCompleted = "appointment.completed", "appointment" AppointmentId {};
    /// Nobody came.
    AppointmentNoShow = "appointment.no_show", "appointment" AppointmentId {};
    /// It is time to remind of it.
    AppointmentReminderDue = "appointment.reminder_due", "appointment" AppointmentId {
        /// How long before its start.
        minutes_before: u32
    };
    /// The video room can be entered.
    VideoRoomReady = "video.room_ready", "appointment" AppointmentId {};
    /// Somebody entered it.
    VideoParticipantJoined = "video.participant_joined", "appointment" AppointmentId {
        /// In what part.
        role: ParticipantRole
    };
    /// Somebody left it.
    VideoParticipantLeft = "video.participant_left", "appointment" AppointmentId {
        /// In what part.
        role: ParticipantRole,
        /// After how long.
        seconds: u32
    };
    /// What was recorded is there.
    VideoRecordingAvailable = "video.recording_available", "appointment" AppointmentId {};
    /// A file can be read.
    FileAvailable = "file.available", "file" FileId {
        /// What it is.
        kind: Kind
    };
    /// A file was not accepted.
    FileRejected = "file.rejected", "file" FileId {
        /// Why.
        code: Refusal
    };
    /// A file bears malware.
    FileInfected = "file.infected", "file" FileId {};
    /// A file is gone.
    FileDeleted = "file.deleted", "file" FileId {};
    /// A document was signed.
    DocumentSigned = "document.signed", "file" FileId {};
    /// Somebody was given a programme.
    ProgramAssigned = "program.assigned", "program" ProgramId {};
    /// It rests.
    ProgramPaused = "program.paused", "program" ProgramId {};
    /// It goes on.
    ProgramResumed = "program.resumed", "program" ProgramId {};
    /// It was changed.
    ProgramRevised = "program.revised", "program" ProgramId {};
    /// It ended.
    ProgramEnded = "program.ended", "program" ProgramId {};
    /// An exercise of a programme was done.
    ExerciseCompleted = "exercise.completed", "program" ProgramId {};
    /// An outcome was measured.
    OutcomeRecorded = "outcome.recorded", "program" ProgramId {
        /// With what.
        instrument: Instrument
    };
    /// Asks whether anybody answers; sent to the one endpoint that is asked.
    EndpointVerification = "endpoint.verification", "endpoint" WebhookEndpointId {};
    /// A test; sent to the one endpoint that is tested.
    EndpointTest = "endpoint.test", "endpoint" WebhookEndpointId {};
    /// An endpoint hears nothing any more.
    EndpointDisabled = "endpoint.disabled", "endpoint" WebhookEndpointId {};
    /// An endpoint answers again.
    EndpointRecovered = "endpoint.recovered", "endpoint" WebhookEndpointId {};
    /// Somebody became a member.
    MemberAdded = "member.added", "membership" MembershipId {};
    /// A membership ended.
    MemberRemoved = "member.removed", "membership" MembershipId {};
}

impl EventType {
    /// Whether it is sent to one endpoint by name, and to nobody who subscribes.
    pub const fn is_addressed(self) -> bool {
        matches!(self, Self::EndpointVerification | Self::EndpointTest)
    }
}

fn closed(fields: &[(&str, Value)]) -> Value {
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<_, _> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn body_schema(kind: &str, data: &[(&str, Value)]) -> Value {
    let mut schema = closed(&[
        ("id", json!({"type": "string", "pattern": "^evt_[0-9a-f-]{36}$"})),
        ("type", json!({"const": kind})),
        ("timestamp", json!({"type": "string", "format": "date-time"})),
        ("organization_id", json!({"type": "integer", "minimum": 1})),
        ("seq", json!({"type": "integer", "minimum": 0})),
        ("data", closed(data)),
    ]);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_those_that_were_agreed() {
        let names: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), 29);
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'.' || b == b'_';
        assert!(names.iter().all(|name| name.bytes().all(plain) && name.contains('.')));
    }

    #[test]
    fn data_is_object_id_version_and_the_closed_fields() {
        let id = AppointmentId::new(102).unwrap();
        let version = Version::new(3).unwrap();
        let event =
            Event::AppointmentRescheduled { id, version, reason_code: Reason::PatientRequest };
        assert_eq!(
            event.data(),
            r#"{"object":"appointment","id":102,"version":3,"reason_code":"patient_request"}"#
        );
        assert_eq!(event.kind().as_str(), "appointment.rescheduled");
        let plain = Event::AppointmentCreated { id, version };
        assert_eq!(plain.data(), r#"{"object":"appointment","id":102,"version":3}"#);
    }

    #[test]
    fn every_schema_is_closed_at_both_levels_and_names_its_type() {
        for kind in EventType::ALL {
            let schema = kind.schema();
            assert_eq!(schema["additionalProperties"], false, "{kind}");
            assert_eq!(schema["properties"]["data"]["additionalProperties"], false, "{kind}");
            assert_eq!(schema["properties"]["type"]["const"], kind.as_str());
            let required = schema["properties"]["data"]["required"].as_array().unwrap();
            for field in ["object", "id", "version"] {
                assert!(required.iter().any(|name| name == field), "{kind} lacks {field}");
            }
        }
    }
}
