//! Which keys are let in. AWS takes nearly all; what could lead out of a folder somewhere else,
//! or lie about itself in a log, never comes from the product, and is refused.

/// Why a key is refused, if it is.
pub(super) fn fault(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("the key is empty")
    } else if key.len() > 1024 {
        Some("the key is longer than 1024 bytes")
    } else if key.chars().any(char::is_control) {
        Some("the key has a control character")
    } else if key.contains('\\') {
        Some("the key has a backslash")
    } else if key.starts_with('/') {
        Some("the key begins with a slash")
    } else if key.split('/').any(|segment| matches!(segment, "." | "..")) {
        Some("the key has a segment of dots")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        let long = "a".repeat(1025);
        let hostile =
            ["", &long, "1/a\0", "1/a\nb", "1\\a", "/1/a", "../1/a", "1/../2/a", "1/..", "1/./a"];
        for key in hostile {
            assert!(fault(key).is_some(), "{key:?}");
        }
        for key in ["1/documents/a", "1/a..b", "1/...", "1//a", "0/probe", "1/%2e%2e/a"] {
            assert_eq!(fault(key), None, "{key:?}");
        }
    }
}
