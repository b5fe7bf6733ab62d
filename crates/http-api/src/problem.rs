use std::error::Error;
use std::time::Duration;

use actix_web::http::StatusCode;
use restartix_telemetry::Outcome;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A kind of problem: its status and its stable code never change once published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code by which a client tells problems apart.
    pub code: &'static str,
    /// What it means, and what the client can do next.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $title:literal;)+) => {
        impl Kind {
            $($(#[$doc])* #[doc = $title] pub const $name: Self =
                Self { status: StatusCode::$status, code: $code, title: $title };)+

            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

kinds! {
    MALFORMED_JSON = BAD_REQUEST "malformed_json" "The body is not JSON in UTF-8.";
    MALFORMED_BODY = BAD_REQUEST "malformed_body" "The body broke off.";
    INVALID_PARAMETER = BAD_REQUEST "invalid_parameter" "A parameter of the query, or a header, is refused.";
    UNREADABLE_NOTICE = BAD_REQUEST "unreadable_notice" "The notice cannot be read.";
    UNPROVEN_NOTICE = UNAUTHORIZED "unproven_notice" "The notice is not signed as agreed, or is old.";
    UNAUTHENTICATED = UNAUTHORIZED "unauthenticated" "A valid bearer token is needed.";
    FORBIDDEN = FORBIDDEN "forbidden" "Your role does not allow this.";
    NO_ORGANIZATION = FORBIDDEN "no_organization" "You act in no organisation: choose one.";
    ORGANIZATION_SUSPENDED = FORBIDDEN "organization_suspended" "The organisation is suspended.";
    NOT_A_PARTICIPANT = FORBIDDEN "not_a_participant" "Only patient and specialist may do this.";
    NOT_FOUND = NOT_FOUND "not_found" "There is no such thing.";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed" "Not with this method.";
    SLOT_TAKEN = CONFLICT "slot_taken" "Somebody has the slot: choose another.";
    HOLD_LOST = CONFLICT "hold_lost" "The hold is lost: book by type, specialist and start.";
    HOLD_EXHAUSTED = CONFLICT "hold_exhausted" "The hold cannot be renewed again.";
    TOO_MANY_OPEN = CONFLICT "too_many_open" "The patient has too many appointments to come.";
    INVALID_TRANSITION = CONFLICT "invalid_transition" "The appointment does not stand so.";
    TOO_EARLY = CONFLICT "too_early" "The room is not open yet.";
    TOO_LATE = CONFLICT "too_late" "The appointment is over.";
    CANCELLED = CONFLICT "cancelled" "The appointment was cancelled.";
    ROOM_NOT_READY = CONFLICT "room_not_ready" "The room is being made: try again in a moment.";
    RECORDING_NOT_OFFERED = CONFLICT "recording_not_offered" "Visits of this type are not recorded.";
    NO_RECORDING_CONSENT = CONFLICT "no_recording_consent" "The patient has not consented to it.";
    RECORDING_RUNNING = CONFLICT "recording_running" "A recording is being made already.";
    IN_PERSON = CONFLICT "in_person" "The appointment takes place in person.";
    ALREADY_MEMBER = CONFLICT "already_member" "The person or the subject is a member already.";
    OWN_MEMBERSHIP = CONFLICT "own_membership" "Nobody changes or ends their own membership.";
    TOO_MANY_ENDPOINTS = CONFLICT "too_many_endpoints" "There are twenty endpoints: remove one.";
    TOO_MANY_CLIENTS = CONFLICT "too_many_clients" "There are twenty programs: revoke one.";
    ENDPOINT_NOT_READY = CONFLICT "endpoint_not_ready" "The endpoint must be enabled first.";
    FILE_NOT_PENDING = CONFLICT "file_not_pending" "The file's bytes are there already.";
    FILE_NOT_AVAILABLE = CONFLICT "file_not_available" "The file cannot be read.";
    MISSING_OBJECT = CONFLICT "missing_object" "Nothing was uploaded: upload first.";
    NOT_SIGNABLE = CONFLICT "not_signable" "Documents and prescriptions can be signed.";
    LEGAL_HOLD = CONFLICT "legal_hold" "The file is under a legal hold.";
    STALE = PRECONDITION_FAILED "stale" "It was changed since you read it: read it again.";
    TOO_LARGE = PAYLOAD_TOO_LARGE "too_large" "The body is too large.";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "Send JSON.";
    INVALID = UNPROCESSABLE_ENTITY "invalid" "A value of the body is refused.";
    UNKNOWN_FIELD = UNPROCESSABLE_ENTITY "unknown_field" "The body has a field that is not known.";
    SLOT_UNAVAILABLE = UNPROCESSABLE_ENTITY "slot_unavailable" "The slot is not on offer.";
    IDEMPOTENCY_MISMATCH = UNPROCESSABLE_ENTITY "idempotency_mismatch" "Another request had this key.";
    CHECKSUM_MISMATCH = UNPROCESSABLE_ENTITY "checksum_mismatch" "Other bytes were announced.";
    SIZE_MISMATCH = UNPROCESSABLE_ENTITY "size_mismatch" "Another size was announced.";
    RATE_LIMITED = TOO_MANY_REQUESTS "rate_limited" "Too many requests: wait.";
    INTERNAL = INTERNAL_SERVER_ERROR "internal" "Something broke on our side.";
    BUSY = SERVICE_UNAVAILABLE "busy" "Too much happened at once: try again.";
    UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable" "The service cannot answer now.";
    TIMEOUT = SERVICE_UNAVAILABLE "timeout" "The service did not answer in time.";
    HOLDS_UNAVAILABLE = SERVICE_UNAVAILABLE "holds_unavailable" "No holds now: book without one.";
    VIDEO_UNAVAILABLE = SERVICE_UNAVAILABLE "video_unavailable" "The video provider is away.";
    STORAGE_UNAVAILABLE = SERVICE_UNAVAILABLE "storage_unavailable" "No files can be had now.";
    AUDIT_UNAVAILABLE = SERVICE_UNAVAILABLE "audit_unavailable" "Nothing is shown unrecorded.";
}

/// Why a request was not answered as asked: the one form of every 4xx and 5xx (RFC 9457).
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    // Apart, because most have none and every result would be as large as the largest.
    details: Box<Details>,
}

#[derive(Debug, Default)]
struct Details {
    errors: Vec<FieldError>,
    extra: Option<(&'static str, Value)>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// One value of a request that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer into the body (RFC 6901), or the name of a query parameter.
    pub pointer: String,
    /// Why, as a stable code.
    pub code: &'static str,
}

/// The body of every refusal and failure (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    /// Stable; clients branch on it.
    code: &'static str,
    detail: &'static str,
    /// As in `x-request-id`.
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Option<Vec<FieldError>>)]
    errors: &'a [FieldError],
    /// With `too_early`: when the room opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opens_at: Option<&'a Value>,
    /// With `slot_unavailable`: `closed`, `too_soon`, `too_far`, `off_grid` or `date_full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reason: Option<&'a Value>,
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self { kind, details: Box::default() }
    }
}

impl Problem {
    /// A value of the body that is refused: 422 `invalid`.
    pub fn invalid(pointer: impl Into<String>, code: &'static str) -> Self {
        Self::from(Kind::INVALID).at(pointer, code)
    }

    /// A query parameter that is refused: 400 `invalid_parameter`.
    pub fn parameter(name: &'static str, code: &'static str) -> Self {
        Self::from(Kind::INVALID_PARAMETER).at(name, code)
    }

    /// With the place of a refused value.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, code: &'static str) -> Self {
        self.details.errors.push(FieldError { pointer: pointer.into(), code });
        self
    }

    /// With one more member of the body: `opens_at` or `reason`.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.extra = Some((name, value.into()));
        self
    }

    /// With the header `Retry-After`; rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.details.retry_after = Some(wait);
        self
    }

    /// With what caused it: for the log, never for the body.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.details.cause = Some(cause.into());
        self
    }

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What caused it, each cause after the one it caused; empty when nothing did.
    pub(crate) fn causes(&self) -> String {
        let mut told = String::new();
        let mut next: Option<&dyn Error> = match &self.details.cause {
            Some(cause) => Some(&**cause),
            None => None,
        };
        while let Some(cause) = next {
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&cause.to_string());
            next = cause.source();
        }
        told
    }

    /// The wait that `Retry-After` names, in whole seconds, at least one.
    pub(crate) fn retry_seconds(&self) -> Option<u64> {
        let wait = self.details.retry_after?;
        Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// What the audit keeps of it.
    pub(crate) fn outcome(&self) -> Outcome {
        let Kind { status, code, .. } = self.kind;
        if status.is_server_error() { Outcome::Failed(code) } else { Outcome::Refused(code) }
    }

    /// The body.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        let Kind { status, code, title } = self.kind;
        let extra =
            |name| self.details.extra.as_ref().filter(|(is, _)| *is == name).map(|(_, v)| v);
        let body = ProblemBody {
            r#type: format!("urn:restartix:problem:{code}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail: title,
            request_id,
            errors: &self.details.errors,
            opens_at: extra("opens_at"),
            reason: extra("reason"),
        };
        // Nothing in it can fail to serialise: texts, numbers and lists of them.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}
