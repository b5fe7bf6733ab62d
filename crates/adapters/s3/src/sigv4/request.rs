use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::encode::{self, Pair};

/// A request as far as a signature covers it.
#[derive(Clone)]
pub(crate) struct Unsigned {
    pub(crate) method: &'static str,
    /// Encoded; begins with a slash.
    path: String,
    /// Encoded, and in order.
    query: Vec<Pair>,
    /// By lower-case name, sorted. All of them are signed.
    headers: Vec<(String, String)>,
    pub(crate) payload: Payload,
    /// Of the query; the last of it, as AWS's own examples have it.
    pub(super) signature: Option<String>,
}

/// What is said of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// There is none.
    Nothing,
    /// Its SHA-256.
    Hash([u8; 32]),
    /// Nothing: it is not known yet, or not the signer's to say.
    Unsigned,
    /// Another of AWS's names for what is said, as its examples have them.
    #[cfg(test)]
    Named(&'static str),
}

/// FIPS 180-4's SHA-256 of no byte at all.
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl Payload {
    /// A body that is at hand.
    pub(crate) fn of(body: &[u8]) -> Self {
        Self::Hash(Sha256::digest(body).into())
    }

    /// What `x-amz-content-sha256` says.
    pub(crate) fn hash(&self) -> Cow<'static, str> {
        match self {
            Self::Nothing => SHA256_OF_NOTHING.into(),
            Self::Hash(hash) => hex::encode(hash).into(),
            Self::Unsigned => "UNSIGNED-PAYLOAD".into(),
            #[cfg(test)]
            Self::Named(name) => (*name).into(),
        }
    }
}

impl Unsigned {
    /// A request without query, headers and body, but with its host. The path begins with a slash, and
    /// is not encoded.
    pub(crate) fn new(method: &'static str, host: &str, path: &str) -> Self {
        let headers = vec![("host".to_owned(), host.to_owned())];
        let (path, payload) = (encode::path(path), Payload::Nothing);
        Self { method, path, query: Vec::new(), headers, payload, signature: None }
    }

    /// Adds to the query; neither is encoded. A name without a value keeps its `=`.
    pub(crate) fn add_query(&mut self, name: &str, value: &str) {
        let pair = Pair::new(name, value);
        let place = self.query.partition_point(|known| known.place() <= pair.place());
        self.query.insert(place, pair);
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        match self.headers.binary_search_by(|(known, _)| known.as_str().cmp(&name)) {
            Ok(place) => {
                if let Some(header) = self.headers.get_mut(place) {
                    value.clone_into(&mut header.1);
                }
            }
            Err(place) => self.headers.insert(place, (name, value.to_owned())),
        }
    }

    /// Names and values, sorted by name.
    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Names and values, sorted by name; the rest is let go.
    pub(crate) fn into_headers(self) -> Vec<(String, String)> {
        self.headers
    }

    /// `host;x-amz-date`.
    pub(crate) fn signed_headers(&self) -> String {
        let mut names = String::with_capacity(128);
        for (name, _) in &self.headers {
            if !names.is_empty() {
                names.push(';');
            }
            names.push_str(name);
        }
        names
    }

    fn write_query(&self, into: &mut String) {
        for (number, pair) in self.query.iter().enumerate() {
            if number > 0 {
                into.push('&');
            }
            into.push_str(pair.as_str());
        }
    }

    /// Path and query as they are sent: exactly what is signed.
    pub(crate) fn target(&self) -> String {
        let mut target = String::with_capacity(TEXT);
        target.push_str(&self.path);
        if !self.query.is_empty() {
            target.push('?');
            self.write_query(&mut target);
        }
        if let Some(signature) = &self.signature {
            target.push_str("&X-Amz-Signature=");
            target.push_str(signature);
        }
        target
    }

    /// The canonical request.
    pub(crate) fn canonical(&self) -> String {
        let mut text = String::with_capacity(TEXT);
        for part in [self.method, "\n", &self.path, "\n"] {
            text.push_str(part);
        }
        self.write_query(&mut text);
        text.push('\n');
        for (name, value) in &self.headers {
            for part in [name, ":", &encode::header(value), "\n"] {
                text.push_str(part);
            }
        }
        for part in ["\n", &self.signed_headers(), "\n", &self.payload.hash()] {
            text.push_str(part);
        }
        text
    }
}

/// Bytes that the canonical text of a presigned request fits in, and what is sent of it.
const TEXT: usize = 1024;

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
