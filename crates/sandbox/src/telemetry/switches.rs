//! What can be told to the stand-in while it runs.

use serde::{Deserialize, Serialize};

use crate::Faults;

/// All switches. A patch changes only the keys that it names and refuses keys that do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switches {
    /// Failures that every stand-in has. `lose_answer_after_commit` keeps the batch and drops the
    /// connection.
    #[serde(flatten)]
    pub faults: Faults,
    /// Each answer waits this long, in milliseconds.
    pub delay_ms: u64,
    /// Ids of events that are refused, with the reason `other`.
    pub refuse_events: Vec<String>,
    /// Ids of events because of which a batch is refused without a word on which.
    pub refuse_unnamed: Vec<String>,
    /// Types of events that are refused, with the reason `unknown_type`; a line of the audit has its
    /// operation for a type.
    pub refuse_types: Vec<String>,
}
