//! Failures on demand, the same words for every stand-in.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong on purpose with the provider's own API; control endpoints are never touched.
///
/// Counters run down by one per request that they hit. All delays pass on the injected clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// While true each request loses its connection before anything is done.
    pub outage: bool,
    /// The next so many requests answer 503 before anything is done.
    pub status_5xx: u32,
    /// The next so many requests answer 429 before anything is done.
    pub status_429: u32,
    /// The next so many requests are never answered: held for ten minutes, then dropped.
    pub timeout: u32,
    /// Each answer pauses this long in the middle of its body, in milliseconds; 0 is off.
    pub slow_body_ms: u64,
    /// The next so many **successful changes** (POST or DELETE) are done, and then the connection
    /// drops without a byte of the answer.
    pub lose_answer_after_commit: u32,
}

/// What befalls one request before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection drops.
    Drop,
    /// A 503.
    Unavailable,
    /// A 429.
    TooMany,
    /// No answer.
    Silence,
}

impl Faults {
    /// The fault of the request that arrives now, counted.
    pub(crate) fn strike(&mut self) -> Option<Fault> {
        if self.outage {
            return Some(Fault::Drop);
        }
        if spend(&mut self.timeout) {
            return Some(Fault::Silence);
        }
        if spend(&mut self.status_5xx) {
            return Some(Fault::Unavailable);
        }
        spend(&mut self.status_429).then_some(Fault::TooMany)
    }

    /// Whether the answer of a change that has just succeeded gets lost, counted.
    pub(crate) fn loses_answer(&mut self) -> bool {
        spend(&mut self.lose_answer_after_commit)
    }
}

/// Takes one from `counter`; false when there was none left.
pub(crate) fn spend(counter: &mut u32) -> bool {
    let left = counter.checked_sub(1);
    *counter = left.unwrap_or(0);
    left.is_some()
}

/// Why a change of switches was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PatchError {
    /// The patch is not an object.
    #[error("a JSON object with the switches to change is needed")]
    NotAnObject,
    /// There is no such switch.
    #[error("there is no switch {0:?}")]
    Unknown(String),
    /// A value has the wrong type.
    #[error("a switch has a value of the wrong type")]
    Value(#[source] serde_json::Error),
}

/// `current` with the keys of `patch` replaced; keys that `current` does not have are refused.
pub(crate) fn patched<T: Serialize + DeserializeOwned>(
    current: &T,
    patch: &Value,
) -> Result<T, PatchError> {
    let patch = patch.as_object().ok_or(PatchError::NotAnObject)?;
    let mut merged = serde_json::to_value(current).map_err(PatchError::Value)?;
    for (key, value) in patch {
        let slot = merged.get_mut(key).ok_or_else(|| PatchError::Unknown(key.clone()))?;
        *slot = value.clone();
    }
    serde_json::from_value(merged).map_err(PatchError::Value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let before = Faults { timeout: 2, ..Faults::default() };
        let after = patched(&before, &json!({"status_5xx": 3})).unwrap();
        assert_eq!(after, Faults { timeout: 2, status_5xx: 3, ..Faults::default() });
    }

    #[test]
    fn a_misspelt_switch_and_a_wrong_type_are_refused() {
        let refuse = |patch| patched(&Faults::default(), &patch).unwrap_err();
        assert!(
            matches!(refuse(json!({"timeouts": 1})), PatchError::Unknown(key) if key == "timeouts")
        );
        assert!(matches!(refuse(json!({"timeout": -1})), PatchError::Value(_)));
        assert!(matches!(refuse(json!([])), PatchError::NotAnObject));
    }

    #[test]
    fn counters_run_down_to_health() {
        let mut faults = Faults { status_5xx: 1, status_429: 1, timeout: 1, ..Faults::default() };
        let struck: Vec<_> = (0..4).map(|_| faults.strike()).collect();
        assert_eq!(
            struck,
            [Some(Fault::Silence), Some(Fault::Unavailable), Some(Fault::TooMany), None]
        );
        assert_eq!(faults, Faults::default());
    }
}
