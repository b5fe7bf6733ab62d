use restartix_kernel::StoreError;
use restartix_scheduling::{BookingRefused, HoldError, TransitionRefused};
use restartix_storage::Refusal;
use restartix_telemetry::ProgramRefused;
use restartix_tenancy::ClaimError;
use restartix_video::{AdmissionRefused, NoticeRefused, ProviderError, RecordingRefused};

/// Why a service did not do what it was asked, by what the caller can do next.
///
/// One type for all services, so that one place can turn it into an answer. Causes are for logs.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such thing within the caller's reach, be it what was asked for or what the
    /// request refers to: whether it exists elsewhere is not said.
    #[error("not found")]
    NotFound,
    /// Somebody changed it since the caller looked: look again.
    #[error("changed since it was read")]
    Stale,
    /// Another request was done under the same key: take another key.
    #[error("another request was done under this key")]
    KeyReused,
    /// A value of the request is impossible: mend it.
    #[error("the value at {pointer} is refused: {code}")]
    Invalid {
        /// Where, as a JSON pointer into the body (RFC 6901).
        pointer: &'static str,
        /// Why, as a stable code.
        code: &'static str,
    },
    /// The booking's rules say no.
    #[error(transparent)]
    Booking(#[from] BookingRefused),
    /// The hold is not there any more: confirm by type, specialist and start.
    #[error("the hold is lost")]
    HoldLost,
    /// The hold was renewed as often as it may be.
    #[error("the hold cannot be renewed again")]
    HoldExhausted,
    /// Holds cannot be had now: book without one.
    #[error("holds are unavailable")]
    HoldsUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The appointment does not stand where the transition starts.
    #[error(transparent)]
    Transition(#[from] TransitionRefused),
    /// The programme does not stand where that can be done.
    #[error(transparent)]
    Program(#[from] ProgramRefused),
    /// Nobody may enter the room now.
    #[error(transparent)]
    Admission(#[from] AdmissionRefused),
    /// Nothing is recorded.
    #[error(transparent)]
    Recording(#[from] RecordingRefused),
    /// The appointment takes place in person.
    #[error("the appointment has no video room")]
    InPerson,
    /// The caller is neither patient nor specialist of the appointment.
    #[error("not a participant")]
    NotAParticipant,
    /// The subject or the person is a member already.
    #[error("already a member")]
    AlreadyMember,
    /// Nobody changes or ends their own membership: so an organisation keeps an administrator.
    #[error("one's own membership stays as it is")]
    OwnMembership,
    /// The organisation has as many webhook endpoints as it may have.
    #[error("too many webhook endpoints")]
    TooManyEndpoints,
    /// The organisation has as many programs as it may have.
    #[error("too many programs")]
    TooManyClients,
    /// The webhook endpoint does not stand where that can be done: enable or verify it first.
    #[error("the webhook endpoint is not ready for that")]
    EndpointNotReady,
    /// The caller's role does not allow this of what they asked for.
    #[error("not allowed")]
    Forbidden,
    /// The file's bytes are not awaited any more.
    #[error("the file is not pending")]
    FileNotPending,
    /// The file cannot be read: it is not looked at yet, or was not accepted.
    #[error("the file is not available")]
    FileNotAvailable,
    /// Nothing was uploaded: upload first.
    #[error("there are no bytes of the file")]
    MissingObject,
    /// The file is of no kind that is signed.
    #[error("the file cannot be signed")]
    NotSignable,
    /// The file must be kept.
    #[error("the file is under a legal hold")]
    LegalHold,
    /// The bytes that came are not those that were announced.
    #[error("the bytes are refused: {0}")]
    Content(Refusal),
    /// The bytes broke off.
    #[error("the bytes broke off")]
    BrokenBody(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store of files, or what looks at them, cannot be had now.
    #[error("the files are unavailable")]
    StorageUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What came in the video provider's name is not listened to.
    #[error(transparent)]
    Notice(#[from] NoticeRefused),
    /// The video provider did not do its part.
    #[error("the video provider failed")]
    Video(#[source] ProviderError),
    /// The store did not do its part.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Video(error)
    }
}

impl From<ClaimError> for Failure {
    fn from(error: ClaimError) -> Self {
        Self::Store(StoreError::Unavailable(error.into()))
    }
}

impl From<HoldError> for Failure {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Taken => Self::Booking(BookingRefused::SlotTaken),
            HoldError::NotFound => Self::NotFound,
            HoldError::Exhausted => Self::HoldExhausted,
            HoldError::Unavailable(cause) => Self::HoldsUnavailable(cause),
        }
    }
}
