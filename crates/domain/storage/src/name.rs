use std::fmt::{self, Write as _};

use crate::Rule;
use crate::rules::broken;

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
        for bad in ["", "..", "a/b.pdf", "a\"b.pdf", "a\r\nb.pdf", ".hidden", "con.pdf", "a\\b"] {
            assert!(FileName::new(bad).is_err(), "{bad:?}");
        }
    }
}
