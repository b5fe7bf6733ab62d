use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use restartix_storage::ObjectError;

/// What went wrong in a call, for logs. Holds no secret, no URL and no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer, or none in time.
    #[error("S3 did not answer {0}")]
    Silent(&'static str),
    /// An answer that is no success.
    #[error("S3 answered {operation} with {status} {code}")]
    Status {
        /// What was asked.
        operation: &'static str,
        /// The answer's HTTP status.
        status: u16,
        /// S3's code, where it gave one.
        code: String,
    },
    /// An answer that lacks something, or cannot be read.
    #[error("S3's answer to {operation} cannot be read: {what}")]
    Answer {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The request could not be built, or there is nobody to sign it.
    #[error("{0} could not be asked of S3")]
    Unasked(&'static str),
}

impl CallError {
    pub(crate) fn lacks(operation: &'static str, what: &'static str) -> ObjectError {
        Self::Answer { operation, what }.into()
    }
}

/// What became of a call, by what the SDK says.
pub(crate) fn failed<E: ProvideErrorMetadata>(
    operation: &'static str,
    error: &SdkError<E>,
) -> ObjectError {
    let status = status(error);
    match (error, status) {
        // A success that the client cannot read: a header beyond ASCII is enough for it.
        (_, Some(200..300)) => CallError::lacks(operation, "what the client understands"),
        (_, Some(status)) => {
            let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
            let code = code.filter(|code| code.len() <= 64).unwrap_or_default().to_owned();
            CallError::Status { operation, status, code }.into()
        }
        (SdkError::ConstructionFailure(_), None) => CallError::Unasked(operation).into(),
        (_, None) => CallError::Silent(operation).into(),
    }
}

/// The status of the answer, where there was one.
pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

impl From<CallError> for ObjectError {
    fn from(error: CallError) -> Self {
        // In S3's API reference, "Error responses".
        if let CallError::Status { code, .. } = &error
            && matches!(code.as_str(), "BadDigest" | "XAmzContentSHA256Mismatch")
        {
            return Self::OtherBytes(Box::new(error));
        }
        let refused = match &error {
            CallError::Status { status, .. } => *status < 500 && *status != 429,
            CallError::Silent(_) | CallError::Answer { .. } | CallError::Unasked(_) => false,
        };
        if refused { Self::Refused(Box::new(error)) } else { Self::Unavailable(Box::new(error)) }
    }
}
