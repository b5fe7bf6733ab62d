//! What can be told to the stand-in while it runs.

use serde::{Deserialize, Serialize};

use crate::Faults;

/// All switches. A patch over `POST /_sandbox/switches` changes only the keys that it names and
/// refuses keys that do not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switches {
    /// Failures of the API.
    #[serde(flatten)]
    pub faults: Faults,
    /// Daily's limits apply: 20 requests a second in general, 2 for room deletion and recording
    /// lists, 1 for recording starts. On by default.
    pub rate_limits: bool,
    /// HIPAA mode: a chosen room name is refused, names are assigned.
    pub hipaa: bool,
    /// Each event is sent twice, with the same id.
    pub duplicate_events: bool,
    /// Each event waits for the next one, which overtakes it; alone it waits two seconds.
    pub reorder_events: bool,
    /// Events wait this long before they are sent, in milliseconds.
    pub delay_events_ms: u64,
    /// Events that happen now are never sent: polling must find out.
    pub drop_events: bool,
    /// Webhook timestamps in milliseconds instead of seconds (both are seen at Daily).
    pub event_timestamps_in_ms: bool,
    /// Events are signed with a wrong key.
    pub forge_event_signatures: bool,
    /// The next so many recording downloads break off in the middle.
    pub cut_downloads: u32,
}

impl Default for Switches {
    /// Healthy, with Daily's rate limits.
    fn default() -> Self {
        Self {
            faults: Faults::default(),
            rate_limits: true,
            hipaa: false,
            duplicate_events: false,
            reorder_events: false,
            delay_events_ms: 0,
            drop_events: false,
            event_timestamps_in_ms: false,
            forge_event_signatures: false,
            cut_downloads: 0,
        }
    }
}
