use sha2::{Digest, Sha256};

use super::encode;

/// A request as far as a signature covers it.
#[derive(Clone)]
pub(crate) struct Unsigned {
    pub(crate) method: &'static str,
    /// Not encoded; begins with a slash.
    path: String,
    /// Not encoded.
    query: Vec<(String, String)>,
    /// By lower-case name, sorted. All of them are signed.
    headers: Vec<(String, String)>,
    pub(crate) payload: Payload,
    /// Of the query; the last of it, as AWS's own examples have it.
    pub(super) signature: Option<String>,
}

/// What is said of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Its SHA-256.
    Hash([u8; 32]),
    /// Nothing: it is not known yet, or not the signer's to say.
    Unsigned,
    /// Another of AWS's names for what is said, as its examples have them.
    #[cfg(test)]
    Named(&'static str),
}

impl Payload {
    /// A body that is at hand.
    pub(crate) fn of(body: &[u8]) -> Self {
        Self::Hash(Sha256::digest(body).into())
    }

    /// What `x-amz-content-sha256` says.
    pub(crate) fn hash(&self) -> String {
        match self {
            Self::Hash(hash) => hex::encode(hash),
            Self::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            #[cfg(test)]
            Self::Named(name) => (*name).to_owned(),
        }
    }
}

impl Unsigned {
    /// A request without query, headers and body, but with its host.
    pub(crate) fn new(method: &'static str, host: &str, path: &str) -> Self {
        let headers = vec![("host".to_owned(), host.to_owned())];
        let (path, payload) = (path.to_owned(), Payload::of(b""));
        Self { method, path, query: Vec::new(), headers, payload, signature: None }
    }

    pub(crate) fn add_query(&mut self, name: &str, value: &str) {
        self.query.push((name.to_owned(), value.to_owned()));
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

    /// `host;x-amz-date`.
    pub(crate) fn signed_headers(&self) -> String {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.join(";")
    }

    /// Path and query as they are sent: exactly what is signed.
    pub(crate) fn target(&self) -> String {
        let (path, query) = (encode::path(&self.path), encode::query(&self.query));
        match &self.signature {
            Some(signature) => format!("{path}?{query}&X-Amz-Signature={signature}"),
            None if query.is_empty() => path,
            None => format!("{path}?{query}"),
        }
    }

    /// The canonical request.
    pub(crate) fn canonical(&self) -> String {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", encode::header(value)))
            .collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            encode::path(&self.path),
            encode::query(&self.query),
            self.signed_headers(),
            self.payload.hash(),
        )
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
