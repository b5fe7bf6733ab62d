//! What is stored: bytes by their hash, and beside them who calls them what. A key is only ever a
//! key of a map; nothing here touches a disk.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::settings::Settings;

/// The SHA-256 of some bytes.
pub(super) type Digest = [u8; 32];

/// The SHA-256 of `bytes`. By ring, which is as fast in a build without optimisation: bodies are large.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// The version of what is put where versions are not kept.
pub(super) const UNVERSIONED: &str = "null";

/// Bytes by their hash, each kept once, for as long as somebody refers to them.
#[derive(Default)]
pub(super) struct Blobs(HashMap<Digest, (Bytes, usize)>);

impl Blobs {
    /// Keeps `bytes`, whose digest this is, for one more reference.
    pub(super) fn keep(&mut self, digest: Digest, bytes: Bytes) {
        let kept = self.0.entry(digest).or_insert((bytes, 0));
        kept.1 = kept.1.saturating_add(1);
    }

    pub(super) fn get(&self, digest: &Digest) -> Bytes {
        self.0.get(digest).map(|(bytes, _)| bytes.clone()).unwrap_or_default()
    }

    /// Gives up one reference; with the last one the bytes go.
    pub(super) fn release(&mut self, digest: &Digest) {
        if let Some(kept) = self.0.get_mut(digest) {
            kept.1 = kept.1.saturating_sub(1);
            if kept.1 == 0 {
                self.0.remove(digest);
            }
        }
    }

    /// How many different bodies there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// How an object is encrypted at rest: said, not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Encryption {
    /// `AES256` or `aws:kms`.
    pub algorithm: String,
    /// The KMS key, where one was named.
    pub kms_key_id: Option<String>,
}

/// What is said of an object when it is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) content_type: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) metadata: HashMap<String, String>,
    pub(super) encryption: Encryption,
}

/// The bytes of a version.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) etag: String,
    /// Whether the SHA-256 was said and verified when the object was put.
    pub(super) checked: bool,
    pub(super) label: Label,
}

/// One version of a key, or the mark that it was deleted.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) at: DateTime<Utc>,
    /// `None` is a delete marker.
    pub(super) content: Option<Content>,
}

/// One part of an upload in parts.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) etag: String,
}

/// An upload in parts that is neither completed nor aborted.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) begun: DateTime<Utc>,
    pub(super) label: Label,
    /// Whether each part bears its SHA-256, and is completed by naming it.
    pub(super) checked: bool,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// One bucket.
#[derive(Default)]
pub(super) struct Bucket {
    pub(super) settings: Settings,
    /// The versions of each key, newest last; no key is without any.
    pub(super) objects: BTreeMap<String, Vec<Version>>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

impl Bucket {
    /// The newest version, a marker too.
    pub(super) fn newest(&self, key: &str) -> Option<&Version> {
        self.objects.get(key)?.last()
    }

    /// The version of this id.
    pub(super) fn version(&self, key: &str, id: &str) -> Option<&Version> {
        self.objects.get(key)?.iter().find(|version| version.id == id)
    }

    /// Puts a version on top; what it replaces where versions are not kept is given back.
    pub(super) fn push(&mut self, key: &str, version: Version) -> Option<Version> {
        let versions = self.objects.entry(key.to_owned()).or_default();
        let same = versions.iter().position(|old| old.id == version.id);
        let replaced = same.map(|place| versions.remove(place));
        versions.push(version);
        replaced
    }

    /// Takes a version away.
    pub(super) fn take(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.objects.get_mut(key)?;
        let place = versions.iter().position(|version| version.id == id)?;
        let taken = versions.remove(place);
        if versions.is_empty() {
            self.objects.remove(key);
        }
        Some(taken)
    }
}

/// The tag that tells contents apart. AWS's is an MD5 in the simplest case and says nothing in the
/// others; nobody may compute with it.
pub(super) fn etag(digest: &Digest) -> String {
    hex(digest).chars().take(32).collect()
}

pub(super) fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_once_and_as_long_as_they_are_referred_to() {
        let mut blobs = Blobs::default();
        let one = digest(b"x");
        blobs.keep(one, Bytes::from_static(b"x"));
        blobs.keep(one, Bytes::from_static(b"x"));
        assert_eq!(blobs.count(), 1);
        blobs.release(&one);
        assert_eq!(blobs.get(&one), Bytes::from_static(b"x"));
        blobs.release(&one);
        assert_eq!(blobs.count(), 0);
        blobs.release(&one);
    }
}
