use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::Stream;
use restartix_kernel::Secret;

use crate::OrgScopedKey;

/// The longest that an upload's URL is good for; stores sign for less where they must.
pub const LONGEST_UPLOAD: Duration = Duration::from_secs(900);
/// The longest that a download's URL is good for.
pub const LONGEST_DOWNLOAD: Duration = Duration::from_secs(300);

/// A body on its way, in parts as they come.
pub type Parts = Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>> + Send>>;

/// The SHA-256 of some bytes (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The hash whose bytes these are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash that `text` spells in 64 hexadecimal digits; `None` where it is not one.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was said of a body before it came: the store takes this body and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its type, as `application/pdf`.
    pub content_type: String,
    /// Its length, in bytes.
    pub size: u64,
    /// Its hash.
    pub sha256: Sha256,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// What its store calls `name`: 1 to 1024 visible ASCII characters.
            pub fn new(name: &str) -> Option<Self> {
                let is_name =
                    (1..=1024).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
                is_name.then(|| Self(name.to_owned()))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            #[cfg(feature = "conformance")]
            pub(crate) fn numbered(number: u64) -> Self {
                Self(format!("n{number}"))
            }
        }
    };
}

name! {
    /// One version of an object, as its store names it: opaque, and never reused.
    ObjectVersion
}

name! {
    /// An upload in parts that is under way, as its store names it: opaque.
    UploadName
}

/// One part of an upload in parts, as it was said before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place, from 1.
    pub number: u16,
    /// Its length, in bytes.
    pub size: u64,
    /// Its hash.
    pub sha256: Sha256,
}

impl Part {
    /// The most parts of one upload: one page of S3's, of the 10,000 that it allows.
    pub const MOST: usize = 1000;
    /// The least that every part but the last one holds (S3's user guide, "Amazon S3 multipart upload
    /// limits").
    pub const LEAST: u64 = 5 * 1024 * 1024;
    /// The most that one part holds.
    pub const LARGEST: u64 = 5 * 1024 * 1024 * 1024;
}

/// What a download's answer says of itself: signed, so that its holder cannot change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// `Content-Disposition` (RFC 6266).
    pub disposition: String,
    /// `Content-Type`.
    pub content_type: String,
}

/// A request that whoever holds it may send, once or often, until it expires.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// Its method.
    pub method: &'static str,
    /// Where to. It is the permission itself: never logged.
    pub url: Secret,
    /// What has to be sent along, exactly so.
    pub headers: Vec<(String, String)>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// What a store knows of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Which.
    pub version: ObjectVersion,
    /// Its length, in bytes.
    pub size: u64,
    /// Its type, where it has one.
    pub content_type: Option<String>,
    /// Whether it is encrypted at rest as the store was told to encrypt.
    pub encrypted: bool,
}

/// The bytes of one version, as they come.
pub struct Content {
    /// How many there are.
    pub size: u64,
    /// They. Ends with an error unless there were exactly so many.
    pub parts: Parts,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Why a store did not do what it was asked, by what the caller can do next. What is not there is
/// no error: it is `None`.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Out of reach or overloaded: try again later.
    #[error("the store of files is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The body that was to be stored is as long as was announced, and another one: its hash is not the
    /// announced one; nothing of it was kept.
    #[error("the body to store is another one than was announced")]
    OtherBytes(#[source] Box<dyn StdError + Send + Sync>),
    /// It will not do this however often it is asked: our key or configuration is wrong.
    #[error("the store of files refused")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
    /// The body that was to be stored broke off, or is not as long as was announced; nothing of it
    /// was kept.
    #[error("the body to store cannot be read")]
    Body(#[source] Box<dyn StdError + Send + Sync>),
}

/// A store of objects with versions, encrypted at rest, which outlives this process.
///
/// Every object is named by an [`OrgScopedKey`] and by nothing else: there is no way to ask for
/// another organisation's.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Signs a request that puts exactly `body` at `key`: another length, type or hash, and a body
    /// that would not be encrypted, are refused by the store. Good for `ttl`, or less:
    /// [`LONGEST_UPLOAD`] at most.
    async fn sign_put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError>;

    /// Begins an upload in parts of what is to be at `key`, of this type and encrypted. Whoever is told
    /// to go away in the middle has begun one that nobody knows: [`ObjectStore::delete`] ends it.
    async fn begin_parts(
        &self,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<UploadName, ObjectError>;

    /// Signs a request that puts exactly `part`: another length or hash is refused by the store. Good
    /// for `ttl`, or less: [`LONGEST_UPLOAD`] at most.
    async fn sign_part(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        part: &Part,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError>;

    /// Makes one object of the parts that came, in the order of their numbers, and answers its version.
    /// `None`, and nothing is done, where there is no such upload (any more), or its parts are not
    /// `size` bytes together.
    async fn join_parts(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        size: u64,
    ) -> Result<Option<ObjectVersion>, ObjectError>;

    /// Signs a request that gets `version` of `key`, presented so. That there is such a version is
    /// not asked. Good for `ttl`, or less: [`LONGEST_DOWNLOAD`] at most.
    async fn sign_get(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
        presentation: &Presentation,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError>;

    /// Stores a body as it comes, in constant memory, and answers its version. It is kept whole and
    /// as announced, or not at all.
    async fn put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        parts: Parts,
    ) -> Result<ObjectVersion, ObjectError>;

    /// What is known of a version, the newest unless one is named; `None` where there is none.
    async fn head(
        &self,
        key: &OrgScopedKey,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<ObjectFacts>, ObjectError>;

    /// The bytes of a version as they come; `None` where there is none.
    async fn read(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
    ) -> Result<Option<Content>, ObjectError>;

    /// Deletes every version of `key`, and ends every upload in parts of it. That there was none is no
    /// error.
    async fn delete(&self, key: &OrgScopedKey) -> Result<(), ObjectError>;
}
