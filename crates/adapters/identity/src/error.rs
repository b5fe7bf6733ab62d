/// Why a set of keys cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The file cannot be read.
    #[error("the JWKS file cannot be read")]
    File(#[source] std::io::Error),
    /// The URL did not answer.
    #[error("the JWKS URL did not answer")]
    Url(#[source] Box<ureq::Error>),
    /// The URL answered without keys.
    #[error("the JWKS URL answered {0}")]
    Status(u16),
    /// The set is larger than 256 KiB.
    #[error("the JWK set is too large")]
    TooLarge,
    /// The text is no JWK set.
    #[error("the JWK set cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// No key of the set is one for RS256, ES256 or EdDSA.
    #[error("the JWK set has no usable key")]
    NoKeys,
    /// Nothing was fetched yet and the last attempt was moments ago.
    #[error("the keys could not be fetched moments ago")]
    TriedMomentsAgo,
    /// The keys that are there were fetched too long ago.
    #[error("the keys are too old to be trusted")]
    TooOld,
    /// The work could not be done in this process.
    #[error("the keys could not be fetched in this process")]
    Internal(#[source] tokio::task::JoinError),
}
