//! The one place where what the services say becomes a status and a code.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use restartix_kernel::StoreError;
use restartix_scheduling::BookingRefused;
use restartix_scheduling::engine::Unavailable;
use restartix_storage::Refusal;
use restartix_telemetry::AuditUnavailable;
use restartix_tenancy::{AuthError, SwitchError};
use restartix_video::{AdmissionRefused, NoticeRefused, RecordingRefused};
use restartix_workflows::Failure;

use crate::{Kind, Problem};

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Kind::NOT_FOUND.into(),
            Failure::Stale => Kind::STALE.into(),
            Failure::KeyReused => Kind::IDEMPOTENCY_MISMATCH.into(),
            Failure::Invalid { pointer, code } => Self::invalid(pointer, code),
            Failure::Booking(refused) => booking(refused),
            Failure::HoldLost => Kind::HOLD_LOST.into(),
            Failure::HoldExhausted => Kind::HOLD_EXHAUSTED.into(),
            Failure::HoldsUnavailable(cause) => Self::from(Kind::HOLDS_UNAVAILABLE).because(cause),
            Failure::Transition(_) | Failure::Program(_) => Kind::INVALID_TRANSITION.into(),
            Failure::Admission(refused) => admission(refused),
            Failure::Recording(refused) => recording(refused).into(),
            Failure::InPerson => Kind::IN_PERSON.into(),
            Failure::NotAParticipant => Kind::NOT_A_PARTICIPANT.into(),
            Failure::AlreadyMember => Kind::ALREADY_MEMBER.into(),
            Failure::OwnMembership => Kind::OWN_MEMBERSHIP.into(),
            Failure::TooManyClients => Kind::TOO_MANY_CLIENTS.into(),
            Failure::TooManyEndpoints => Kind::TOO_MANY_ENDPOINTS.into(),
            Failure::EndpointNotReady => Kind::ENDPOINT_NOT_READY.into(),
            Failure::Forbidden => Kind::FORBIDDEN.into(),
            Failure::FileNotPending => Kind::FILE_NOT_PENDING.into(),
            Failure::FileNotAvailable => Kind::FILE_NOT_AVAILABLE.into(),
            Failure::MissingObject => Kind::MISSING_OBJECT.into(),
            Failure::NotSignable => Kind::NOT_SIGNABLE.into(),
            Failure::LegalHold => Kind::LEGAL_HOLD.into(),
            Failure::Content(Refusal::SizeMismatch) => Kind::SIZE_MISMATCH.into(),
            Failure::Content(_) => Kind::CHECKSUM_MISMATCH.into(),
            Failure::BrokenBody(cause) => Self::from(Kind::MALFORMED_BODY).because(cause),
            Failure::StorageUnavailable(cause) => {
                Self::from(Kind::STORAGE_UNAVAILABLE).because(cause)
            }
            Failure::Notice(NoticeRefused::Unproven) => Kind::UNPROVEN_NOTICE.into(),
            Failure::Notice(NoticeRefused::Unreadable) => Kind::UNREADABLE_NOTICE.into(),
            Failure::Video(cause) => Self::from(Kind::VIDEO_UNAVAILABLE).because(cause),
            Failure::Store(error) => store(error),
        }
    }
}

fn booking(refused: BookingRefused) -> Problem {
    match refused {
        BookingRefused::SlotTaken => Kind::SLOT_TAKEN.into(),
        BookingRefused::TooManyOpen => Kind::TOO_MANY_OPEN.into(),
        BookingRefused::SlotUnavailable(why) => {
            Problem::from(Kind::SLOT_UNAVAILABLE).with("reason", reason(why))
        }
    }
}

const fn reason(why: Unavailable) -> &'static str {
    match why {
        Unavailable::Closed => "closed",
        Unavailable::TooSoon => "too_soon",
        Unavailable::TooFar => "too_far",
        Unavailable::OffGrid => "off_grid",
        Unavailable::DateFull => "date_full",
    }
}

fn admission(refused: AdmissionRefused) -> Problem {
    match refused {
        AdmissionRefused::Cancelled => Kind::CANCELLED.into(),
        AdmissionRefused::TooLate => Kind::TOO_LATE.into(),
        AdmissionRefused::RoomNotReady => Kind::ROOM_NOT_READY.into(),
        AdmissionRefused::TooEarly { opens_at } => {
            Problem::from(Kind::TOO_EARLY).with("opens_at", rfc3339(opens_at))
        }
    }
}

const fn recording(refused: RecordingRefused) -> Kind {
    match refused {
        RecordingRefused::NotOffered => Kind::RECORDING_NOT_OFFERED,
        RecordingRefused::NoConsent => Kind::NO_RECORDING_CONSENT,
        RecordingRefused::Running => Kind::RECORDING_RUNNING,
    }
}

/// An instant as clients read it: RFC 3339, UTC, `Z`, fractions only where there are any.
pub(crate) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn store(error: StoreError) -> Problem {
    match error {
        StoreError::Busy(_) => {
            Problem::from(Kind::BUSY).retry_after(Duration::from_secs(1)).because(error)
        }
        StoreError::Unavailable(_) => Problem::from(Kind::UNAVAILABLE).because(error),
        StoreError::Cursor(_) => Problem::parameter("cursor", "unknown"),
        StoreError::Defect(_) => Problem::from(Kind::INTERNAL).because(error),
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unauthenticated => Kind::UNAUTHENTICATED.into(),
            AuthError::NoOrganisation => Kind::NO_ORGANIZATION.into(),
            AuthError::Suspended => Kind::ORGANIZATION_SUSPENDED.into(),
            AuthError::Unavailable(cause) => Self::from(Kind::UNAVAILABLE).because(cause),
        }
    }
}

impl From<SwitchError> for Problem {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::NotAMember => Kind::NOT_FOUND.into(),
            SwitchError::Unavailable(cause) => Self::from(Kind::UNAVAILABLE).because(cause),
        }
    }
}

impl From<AuditUnavailable> for Problem {
    fn from(error: AuditUnavailable) -> Self {
        Self::from(Kind::AUDIT_UNAVAILABLE).because(error)
    }
}
