use restartix_video::ProviderError;

/// What went wrong in a call: the cause behind a [`ProviderError`], for logs. Holds no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No answer: no connection, a time-out, a broken or an endless body.
    #[error("Daily did not answer")]
    Transport(#[source] Box<ureq::Error>),
    /// A status outside 2xx, after the attempts that it allows.
    #[error("Daily answered {operation} with {status}")]
    Status {
        /// What was asked.
        operation: &'static str,
        /// The answer's HTTP status.
        status: u16,
    },
    /// The answer is not what Daily's pages promise.
    #[error("Daily's answer to {operation} cannot be read")]
    Answer {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A room is public, ends at another time or admits another number than was asked.
    #[error("Daily did not bring the room to its terms")]
    Terms,
    /// The room's name or URL in the answer is not one.
    #[error("Daily's answer names no room")]
    Room,
    /// What should lead to a recording leads nowhere, or would be followed in the open.
    #[error("Daily's link to a recording cannot be followed")]
    Link,
    /// A recording, a participant or a webhook in the answer is not one.
    #[error("Daily's answer to {operation} names what is none")]
    Foreign {
        /// What was asked.
        operation: &'static str,
    },
    /// Repeated failures: nothing is sent for a while.
    #[error("Daily is not called while it fails repeatedly")]
    Open,
    /// Too many calls wait already.
    #[error("too many calls to Daily wait")]
    Busy,
    /// The request could not be built or carried out in this process.
    #[error("the call to Daily could not be made")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CallError {
    /// A transport's failure.
    pub(crate) fn transport(error: ureq::Error) -> Self {
        Self::Transport(Box::new(error))
    }

    /// A failure inside this process.
    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    /// Whether asking again later may help.
    fn is_passing(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Open | Self::Busy | Self::Internal(_) => true,
            Self::Status { status, .. } => is_passing(*status),
            // An unreadable answer is a broken intermediary more often than a new contract.
            Self::Answer { .. } => true,
            Self::Terms | Self::Room | Self::Link | Self::Foreign { .. } => false,
        }
    }
}

impl From<CallError> for ProviderError {
    fn from(error: CallError) -> Self {
        if error.is_passing() {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Refused(Box::new(error))
        }
    }
}

/// Whether an answer of this status may be another one later: 429 and 5xx.
pub(crate) const fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}
