//! What a bearer token proves: a subject and a session, never an organisation.

use std::fmt;

use async_trait::async_trait;
use restartix_kernel::Secret;

/// The subject of a token (`sub`): 1 to 255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// The text cannot be a subject or a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters")]
pub struct SubjectError;

/// The session of a token (`sid`): two tabs of one user may be in two organisations.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Session(String);

fn bounded(text: &str) -> Result<String, SubjectError> {
    if text.is_empty() || text.len() > 255 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SubjectError);
    }
    Ok(text.to_owned())
}

impl Subject {
    /// The subject `text`, when it is in bounds.
    pub fn new(text: &str) -> Result<Self, SubjectError> {
        bounded(text).map(Self)
    }

    /// The subject as the identity provider wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Session {
    /// The session `text`, when it is in bounds.
    pub fn new(text: &str) -> Result<Self, SubjectError> {
        bounded(text).map(Self)
    }

    /// The session as the identity provider wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// A subject is often an e-mail address, and a session is as good as a key: neither is printed.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

/// What a token proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who signed in.
    pub subject: Subject,
    /// In which session, where the identity provider tells.
    pub session: Option<Session>,
}

/// Why a token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Malformed, wrongly signed, expired, not yet valid, or meant for somebody else.
    #[error("the token is not valid")]
    Invalid,
    /// The keys that tell cannot be had now; ask again later.
    #[error("the identity provider's keys cannot be had now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Verifies bearer tokens.
#[async_trait]
pub trait TokenVerifier: Send + Sync {
    /// What `bearer`, the text after `Bearer `, proves.
    async fn verify(&self, bearer: &Secret) -> Result<VerifiedToken, TokenError>;
}
