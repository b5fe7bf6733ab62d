//! What can be told to the receiver, or to one of its endpoints, while it runs.

use serde::{Deserialize, Serialize};

use crate::Faults;

/// All switches of an endpoint. A patch changes only the keys that it names and refuses keys that
/// do not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switches {
    /// Failures that every stand-in has. `lose_answer_after_commit` takes the delivery down and
    /// drops the connection.
    #[serde(flatten)]
    pub faults: Faults,
    /// The status of every answer to what is believed; 200 unless told.
    pub status: u16,
    /// The value of `Retry-After` in every answer that is no 2xx.
    pub retry_after: Option<String>,
    /// The value of `Location` in every answer.
    pub location: Option<String>,
    /// Each answer waits this long, in milliseconds.
    pub delay_ms: u64,
    /// Bytes of each answer's body, at most 16 MiB.
    pub body_bytes: u32,
    /// `endpoint.verification` is answered with 404: the endpoint is not the sender's to use.
    pub refuse_verification: bool,
    /// What is not verified because no secret is known is answered with 401 instead of 2xx.
    pub strict: bool,
}

impl Default for Switches {
    /// Healthy; unverified deliveries are accepted until a secret is known.
    fn default() -> Self {
        Self {
            faults: Faults::default(),
            status: 200,
            retry_after: None,
            location: None,
            delay_ms: 0,
            body_bytes: 2,
            refuse_verification: false,
            strict: false,
        }
    }
}
