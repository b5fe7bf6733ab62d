use std::error::Error as StdError;
use std::time::Duration;

/// What went wrong in a call: the cause behind the port's error, for logs. Holds no secret, no
/// URL and no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No connection, or it broke.
    #[error("S3 did not answer")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
    /// Nothing moved, or everything took too long.
    #[error("S3 took longer than {0:?}")]
    TimedOut(Duration),
    /// An answer of an unexpected status, after the attempts that it allows.
    #[error("S3 answered {operation} with {status} {code}")]
    Status {
        /// What was asked.
        operation: &'static str,
        /// The answer's HTTP status.
        status: u16,
        /// S3's code, as `AccessDenied`; empty where it gave none.
        code: String,
    },
    /// An answer that is larger than is read, or than was announced.
    #[error("S3's answer to {0} is too large")]
    TooLarge(&'static str),
    /// The answer is not what S3's pages promise.
    #[error("S3's answer to {operation} cannot be read: {what}")]
    Answer {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There are no credentials to sign with.
    #[error("there are no credentials for S3")]
    Credentials(#[source] Box<dyn StdError + Send + Sync>),
    /// The body that was to be sent broke off, or is not as long as was said.
    #[error("the body to send to S3 cannot be read")]
    Body(#[source] Box<dyn StdError + Send + Sync>),
    /// The request could not be built in this process.
    #[error("the request to S3 could not be built")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl CallError {
    pub(crate) fn transport(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Transport(error.into())
    }

    pub(crate) fn internal(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// Whether the same request, sent again at once, may fare better.
    pub(crate) const fn is_worth_repeating(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::TimedOut(_))
    }

    /// Whether S3 says that a body has another hash than was signed: in S3's API reference, "Error
    /// responses".
    pub(crate) fn is_of_other_bytes(&self) -> bool {
        let Self::Status { code, .. } = self else { return false };
        matches!(code.as_str(), "BadDigest" | "XAmzContentSHA256Mismatch")
    }

    /// Whether asking again later may help.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_passing(*status),
            Self::Transport(_) | Self::TimedOut(_) | Self::Credentials(_) | Self::Internal(_) => {
                true
            }
            // An unreadable answer is a broken intermediary more often than a new contract.
            Self::Answer { .. } | Self::TooLarge(_) => true,
            Self::Body(_) => false,
        }
    }
}

/// Whether an answer of this status may be another one later: 429 and 5xx.
pub(crate) const fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}
