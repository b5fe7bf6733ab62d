use std::fmt;

use restartix_kernel::Secret;

/// Headers of one endpoint.
const MOST: usize = 10;
/// Bytes of a name.
const LONGEST_NAME: usize = 64;
/// Bytes of a value.
const LONGEST_VALUE: usize = 4096;

/// An endpoint's own headers: `Authorization` or `X-...`, each name once, 10 at most; values of visible
/// ASCII, 1 to 4,096 bytes. Kept sealed, never shown, never printed; ours are set after them.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnHeaders(Vec<(String, String)>);

/// The headers may not be sent, or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 10 headers at most, each Authorization or X-..., with values of visible ASCII")]
pub struct HeadersError;

impl OwnHeaders {
    /// Those of the list, when they may be sent. Names are put into lower case.
    pub fn new(headers: Vec<(String, String)>) -> Result<Self, HeadersError> {
        if headers.len() > MOST {
            return Err(HeadersError);
        }
        let mut kept: Vec<(String, String)> = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            let known = kept.iter().any(|(other, _)| *other == name);
            if known || !is_name(&name) || !is_value(&value) {
                return Err(HeadersError);
            }
            kept.push((name, value));
        }
        Ok(Self(kept))
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// As bytes, to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = self.0.iter().map(|(name, value)| format!("{name}: {value}\n"));
        lines.collect::<String>().into_bytes()
    }

    /// What [`OwnHeaders::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeadersError> {
        let text = std::str::from_utf8(bytes).map_err(|_| HeadersError)?;
        let pairs = text.lines().map(|line| {
            let (name, value) = line.split_once(": ").ok_or(HeadersError)?;
            Ok((name.to_owned(), value.to_owned()))
        });
        Self::new(pairs.collect::<Result<_, _>>()?)
    }

    /// To be sent.
    pub fn expose(&self) -> Vec<(String, Secret)> {
        self.0.iter().map(|(name, value)| (name.clone(), Secret::from(value.as_str()))).collect()
    }
}

impl fmt::Debug for OwnHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnHeaders({})", self.0.len())
    }
}

/// A token (RFC 9110, section 5.6.2) that is ours to give away.
fn is_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let theirs = name == "authorization" || (name.starts_with("x-") && name.len() > 2);
    theirs && name.len() <= LONGEST_NAME && name.bytes().all(token)
}

fn is_value(value: &str) -> bool {
    let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
    (1..=LONGEST_VALUE).contains(&value.len())
        && value.bytes().all(visible)
        && value.trim() == value
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::ExposeSecret;

    fn of(pairs: &[(&str, &str)]) -> Result<OwnHeaders, HeadersError> {
        OwnHeaders::new(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn headers_are_read_as_they_were_kept_and_not_printed() {
        let headers = of(&[("Authorization", "Bearer a: b"), ("X-Make-Key", "k")]).unwrap();
        assert_eq!(OwnHeaders::from_bytes(&headers.to_bytes()), Ok(headers.clone()));
        assert_eq!(format!("{headers:?}"), "OwnHeaders(2)");
        let sent = headers.expose();
        assert_eq!(sent[0].0, "authorization");
        assert_eq!(sent[0].1.expose_secret(), "Bearer a: b");
        assert_eq!(of(&[]).unwrap().count(), 0);
    }

    #[test]
    fn what_is_ours_or_would_break_a_request_is_refused() {
        for (name, value) in [
            ("Host", "x"),
            ("webhook-signature", "x"),
            ("Content-Length", "0"),
            ("X-", "x"),
            ("X-A B", "x"),
            ("X-A", ""),
            ("X-A", " x"),
            ("X-A", "a\r\nhost: evil"),
            ("X-A", "é"),
        ] {
            assert_eq!(of(&[(name, value)]), Err(HeadersError), "{name}: {value}");
        }
        assert!(of(&[("X-A", "1"), ("x-a", "2")]).is_err(), "one name, two values");
        assert!(of(&vec![("X-A", "1"); 11]).is_err());
        assert!(of(&[("X-A", &"v".repeat(4097))]).is_err());
        assert!(OwnHeaders::from_bytes(b"x-a").is_err());
    }
}
