//! Bytes as hexadecimal digits, in the one spelling that is ours: lower case.

use std::fmt::Write as _;

/// The digits of `bytes`.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of a text that has exactly their digits.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let mut bytes = [0; N];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != N.saturating_mul(2) {
        return None;
    }
    for (slot, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair else { return None };
        *slot = digit(*high)?.wrapping_shl(4) | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_the_spelling_in_which_they_are_written() {
        assert_eq!(digits(&[0, 171, 255]), "00abff");
        assert_eq!(read("00abff"), Some([0, 171, 255]));
        for bad in ["00abf", "00abff00", "00ABff", "00abfg", "0\u{e9}abf"] {
            assert_eq!(read::<3>(bad), None, "{bad}");
        }
    }
}
