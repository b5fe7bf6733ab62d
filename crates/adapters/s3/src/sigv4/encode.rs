use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What AWS calls `UriEncode`: everything but the unreserved characters of RFC 3986, section 2.3.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path, whose slashes stay.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// A path as it is signed and sent: S3 encodes once, and normalises nothing.
pub(crate) fn path(text: &str) -> String {
    utf8_percent_encode(text, PATH).collect()
}

/// A name and a value of a query, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    text: String,
    /// Of the name; `=` follows it, even where there is no value.
    length: usize,
}

impl Pair {
    pub(crate) fn new(name: &str, value: &str) -> Self {
        // Most of what is sent needs no escape, some all of it.
        let mut text = String::with_capacity(name.len() + 2 * value.len() + 1);
        text.extend(utf8_percent_encode(name, STRICT));
        let length = text.len();
        text.push('=');
        text.extend(utf8_percent_encode(value, STRICT));
        Self { text, length }
    }

    /// `name=value`.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What pairs are sorted by: the name, then the value.
    pub(crate) fn place(&self) -> (&str, &str) {
        self.text.split_at(self.length)
    }
}

/// A header's value as it is signed: trimmed, runs of spaces made one.
pub(crate) fn header(value: &str) -> Cow<'_, str> {
    let tidy = !value.starts_with(' ') && !value.ends_with(' ') && !value.contains("  ");
    if tidy {
        return value.into();
    }
    let words: Vec<_> = value.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(path("/b/1/uploads/a b+c~ț%2F.pdf"), "/b/1/uploads/a%20b%2Bc~%C8%9B%252F.pdf");
        let pairs = [("b", "2/3"), ("a", ""), ("A", "x=y&z"), ("a", "1")];
        let mut pairs = pairs.map(|(name, value)| Pair::new(name, value));
        pairs.sort_by(|one, other| one.place().cmp(&other.place()));
        assert_eq!(pairs.each_ref().map(Pair::as_str), ["A=x%3Dy%26z", "a=", "a=1", "b=2%2F3"]);
        assert_eq!(header("  a   b c "), "a b c");
    }
}
