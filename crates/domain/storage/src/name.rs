use std::fmt::{self, Write as _};

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::Rule;
use crate::rules::{
    CHARACTERS, MAX_MARKS, MAX_SEGMENT, broken, is_device, is_invisible, is_mark, is_white_space,
};

/// The longest text that is cleaned, in bytes.
const LONGEST: usize = 1024;
/// The longest extension that survives when a name is cut, in bytes, with its dot.
const EXTENSION: usize = 16;

/// What somebody calls a file: one segment by the rules of keys, so that it is safe wherever it is
/// saved. It may say who somebody is: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// The name, when no rule rejects it.
    ///
    /// # Errors
    /// The rule that it breaks; a slash is a second segment, and breaks the rule of segments.
    pub fn new(text: &str) -> Result<Self, Rule> {
        let name = broken(0, text.as_bytes())?;
        if name.contains('/') {
            return Err(Rule::Deep);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name that is left of what somebody calls their file when everything is taken out or replaced
    /// that a rule would reject: what cannot be seen goes, what is syntax somewhere becomes `_`, what is
    /// too long is cut before its extension. A name that breaks no rule stays as it is.
    ///
    /// # Errors
    /// Nothing is left ([`Rule::Empty`]), or there are more than 1024 bytes ([`Rule::Long`]).
    pub fn cleaned(text: &str) -> Result<Self, Rule> {
        if text.len() > LONGEST {
            return Err(Rule::Long);
        }
        let composer = ComposingNormalizerBorrowed::new_nfc();
        let seen: String = composer.normalize(text).chars().filter(|c| !is_unseen(*c)).collect();
        let plain: String = composer.normalize(&seen).chars().map(harmless).collect();
        let plain = without_escapes(&without_piles(&plain));
        let name = fitting(trimmed(&plain));
        let name = if is_device(&name) { fitting(&format!("_{name}")) } else { name };
        if name.is_empty() { Err(Rule::Empty) } else { Self::new(&name) }
    }

    /// The name: for the database and for whoever may see the file.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What follows the last dot, in lower case; empty where there is none.
    pub fn extension(&self) -> String {
        let extension = self.0.rsplit_once('.').map(|(_, extension)| extension);
        extension.unwrap_or_default().to_ascii_lowercase()
    }

    /// `Content-Disposition` of a download under this name (RFC 6266): a plain name for those who
    /// read no other, and the whole one in UTF-8 (RFC 8187).
    pub fn disposition(&self) -> String {
        let plain: String = self
            .0
            .chars()
            .map(|c| match c {
                '"' | '\\' | '%' => '_',
                c if c.is_ascii_graphic() || c == ' ' => c,
                _ => '_',
            })
            .collect();
        let mut whole = String::new();
        for byte in self.0.bytes() {
            // attr-char of RFC 8187, section 3.2.1.
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                whole.push(char::from(byte));
            } else {
                // Writing to a text cannot fail.
                let _ = write!(whole, "%{byte:02X}");
            }
        }
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
    }
}

fn is_unseen(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// `_` in place of what is syntax somewhere, or looks as if it were.
fn harmless(c: char) -> char {
    if c == '/' || CHARACTERS.iter().any(|(_, bad)| bad(c)) { '_' } else { c }
}

/// No more marks in a row than may be.
fn without_piles(text: &str) -> String {
    let mut row = 0_usize;
    let kept = text.chars().filter(|c| {
        row = if is_mark(*c) { row.saturating_add(1) } else { 0 };
        row <= MAX_MARKS
    });
    kept.collect()
}

/// `_` in place of each percent sign that begins an escape.
fn without_escapes(text: &str) -> String {
    let mut plain = text.to_owned();
    while broken(0, plain.as_bytes()) == Err(Rule::PercentEscape) {
        plain = plain.replace('%', "_");
    }
    plain
}

/// Without what others trim, drop or hide at either end.
fn trimmed(text: &str) -> &str {
    let text = text.trim_start_matches(|c| is_white_space(c) || matches!(c, '.' | '~'));
    text.trim_end_matches(|c| is_white_space(c) || c == '.')
}

/// The text where it is short enough; else cut before its extension.
fn fitting(text: &str) -> String {
    if text.len() <= MAX_SEGMENT {
        return text.to_owned();
    }
    let extension = text.rsplit_once('.').map(|(stem, _)| text.get(stem.len()..));
    let extension = extension.flatten().filter(|e| e.len() <= EXTENSION).unwrap_or_default();
    let stem = text.strip_suffix(extension).unwrap_or(text);
    let room = stem.floor_char_boundary(MAX_SEGMENT.saturating_sub(extension.len()));
    let stem = stem.get(..room).unwrap_or_default();
    format!("{}{extension}", trimmed(stem))
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileName(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_and_goes_out_in_both_forms() {
        let name = FileName::new("rețetă nouă.PDF").unwrap();
        assert_eq!(name.extension(), "pdf");
        assert_eq!(
            name.disposition(),
            "attachment; filename=\"re_et_ nou_.PDF\"; \
             filename*=UTF-8''re%C8%9Bet%C4%83%20nou%C4%83.PDF"
        );
        assert_eq!(format!("{name:?}"), "FileName(..)");
        assert_eq!(FileName::cleaned("rețetă nouă.PDF").unwrap(), name);
        for bad in ["", "..", "a/b.pdf", "a\"b.pdf", "a\r\nb.pdf", ".hidden", "con.pdf", "a\\b"] {
            assert!(FileName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_no_rule_admits_is_cleaned_and_what_is_left_keeps_them() {
        let long = format!("{}.pdf", "ă".repeat(300));
        let cut = format!("{}.pdf", "ă".repeat(125));
        let piled = format!("a{}.pdf", "\u{330}".repeat(9));
        let fewer = format!("a{}.pdf", "\u{330}".repeat(4));
        for (text, expected) in [
            ("C:\\fakepath\\raport.pdf", "C__fakepath_raport.pdf"),
            ("../1/uploads/test.pdf", "_1_uploads_test.pdf"),
            ("what? why: \"so\" <b>|*.pdf", "what_ why_ _so_ _b___.pdf"),
            (" .hidden .pdf. ", "hidden .pdf"),
            ("re\u{301}sume\u{301}\u{200B}.pdf", "résumé.pdf"),
            ("invoice\u{202E}fdp.exe", "invoicefdp.exe"),
            ("con.pdf", "_con.pdf"),
            ("100%2e.pdf", "100_2e.pdf"),
            ("100% sure.pdf", "100% sure.pdf"),
            ("a\r\nb…\u{FF0F}.pdf", "ab__.pdf"),
            (&long, &cut),
            (&piled, &fewer),
        ] {
            let name = FileName::cleaned(text).unwrap_or_else(|rule| panic!("{text:?}: {rule}"));
            assert_eq!(name.expose(), expected);
        }
        assert_eq!(FileName::cleaned("\u{200B}. ."), Err(Rule::Empty));
        assert_eq!(FileName::cleaned(&"a".repeat(1025)), Err(Rule::Long));
    }
}
