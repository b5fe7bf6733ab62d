//! Text in UTF-8 that was once read as Windows-1252, and kept so.

/// Whether the text, written in Windows-1252, would be UTF-8 with a character beyond ASCII: real text
/// hardly ever is.
pub(crate) fn is_misencoded(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(windows_1252).collect();
    bytes.is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok())
}

/// The byte of a character in Windows-1252 (the WHATWG's index), its five gaps as in Latin-1.
fn windows_1252(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    if let Some(at) = HIGH.iter().position(|high| *high == c) {
        return u8::try_from(at).ok()?.checked_add(0x80);
    }
    u8::try_from(u32::from(c)).ok().filter(|byte| !(0x80..0xa0).contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_encoded_names_are_seen_and_others_are_not() {
        for wrong in ["È™tefan", "RÄƒdulescu", "FranÃ§ois", "JosÃ©", "MÃ¼ller"] {
            assert!(is_misencoded(wrong), "{wrong}");
        }
        for right in
            ["Ștefan", "Rădulescu", "François", "José", "Müller", "Zoë", "Ana Pop", "李", "Ærø", ""]
        {
            assert!(!is_misencoded(right), "{right}");
        }
    }
}
