use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What AWS calls `UriEncode`: everything but the unreserved characters of RFC 3986, section 2.3.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path, whose slashes stay.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// A path as it is signed and sent: S3 encodes once, and normalises nothing.
pub(crate) fn path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// A name or value of a query.
fn part(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// A query as it is signed and sent: encoded, then sorted; a name without value keeps its `=`.
pub(crate) fn query(pairs: &[(String, String)]) -> String {
    let mut encoded: Vec<_> = pairs.iter().map(|(name, value)| (part(name), part(value))).collect();
    encoded.sort();
    let pairs: Vec<_> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A header's value as it is signed: trimmed, runs of spaces made one.
pub(crate) fn header(value: &str) -> String {
    let words: Vec<_> = value.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(path("/b/1/uploads/a b+c~ț%2F.pdf"), "/b/1/uploads/a%20b%2Bc~%C8%9B%252F.pdf");
        let pairs = [("b", "2/3"), ("a", ""), ("A", "x=y&z"), ("a", "1")];
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(query(&pairs), "A=x%3Dy%26z&a=&a=1&b=2%2F3");
        assert_eq!(header("  a   b c "), "a b c");
    }
}
