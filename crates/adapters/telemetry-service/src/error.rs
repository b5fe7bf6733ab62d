use restartix_telemetry::SendError;

use crate::PublicAddress;

/// What went wrong in a call: the cause behind a [`SendError`], for logs. Holds no secret and no line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No answer: no connection, a time-out, a broken or an endless body.
    #[error("the Telemetry service did not answer")]
    Transport(#[source] Box<ureq::Error>),
    /// Its name leads out of the private network: nothing was sent.
    #[error("the Telemetry service was not called")]
    Public(#[source] PublicAddress),
    /// A status that was not asked for.
    #[error("the Telemetry service answered {status}")]
    Status {
        /// Which.
        status: u16,
    },
    /// It refuses events without naming one of the batch.
    #[error("the Telemetry service refuses events and names none of the batch")]
    Unnamed,
    /// What it answers is not of the format.
    #[error("the Telemetry service's answer cannot be read")]
    Unreadable,
    /// The request could not be built or carried out in this process.
    #[error("the call to the Telemetry service could not be made")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CallError {
    pub(crate) fn transport(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Other(other) if other.is::<PublicAddress>() => Self::Public(PublicAddress),
            error => Self::Transport(Box::new(error)),
        }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    /// Whether the same batch may be taken soon: no answer, 429 and 5xx.
    const fn is_passing(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Internal(_) => true,
            Self::Status { status } => *status == 429 || *status >= 500,
            Self::Public(_) | Self::Unnamed | Self::Unreadable => false,
        }
    }

    /// Whether something in the batch is the cause, and its other events may be taken without it.
    const fn is_of_the_batch(&self) -> bool {
        matches!(self, Self::Unnamed | Self::Status { status: 400 | 413 })
    }
}

impl From<CallError> for SendError {
    fn from(error: CallError) -> Self {
        if error.is_passing() {
            Self::Unavailable(Box::new(error))
        } else if error.is_of_the_batch() {
            Self::Indigestible(Box::new(error))
        } else {
            Self::Refused(Box::new(error))
        }
    }
}
