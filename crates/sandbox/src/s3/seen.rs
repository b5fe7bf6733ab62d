//! What is stored, as tests see it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::state::State;
use super::store::{Encryption, hex};

/// One version of an object, or the mark that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Object {
    /// The key.
    pub key: String,
    /// The version; `null` for what was put where versions are not kept.
    pub version: String,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// When it was put.
    pub at: DateTime<Utc>,
    /// What is in it; `None` for a delete marker.
    pub content: Option<Stored>,
}

/// What is in a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Whether that was said when it was put, and verified.
    pub checked: bool,
    /// The type that it was put with.
    pub content_type: Option<String>,
    /// How it is encrypted at rest.
    pub encryption: Encryption,
}

/// An upload in parts that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// The upload.
    pub id: String,
    /// The key that it will have.
    pub key: String,
    /// When it began.
    pub begun: DateTime<Utc>,
    /// How many parts there are.
    pub parts: usize,
}

impl Object {
    pub(super) fn all(state: &State, bucket: &str) -> Vec<Self> {
        let objects = state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.objects);
        let versions = objects.flat_map(|(key, versions)| {
            versions.iter().rev().enumerate().map(move |(place, version)| Self {
                key: key.clone(),
                version: version.id.clone(),
                is_latest: place == 0,
                at: version.at,
                content: version.content.as_ref().map(|content| Stored {
                    size: content.size,
                    sha256: hex(&content.digest),
                    checked: content.checked,
                    content_type: content.label.content_type.clone(),
                    encryption: content.label.encryption.clone(),
                }),
            })
        });
        versions.collect()
    }
}

impl Unfinished {
    pub(super) fn all(state: &State, bucket: &str) -> Vec<Self> {
        let uploads = state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.uploads);
        let uploads = uploads.map(|(id, upload)| Self {
            id: id.clone(),
            key: upload.key.clone(),
            begun: upload.begun,
            parts: upload.parts.len(),
        });
        let mut uploads: Vec<_> = uploads.collect();
        uploads.sort_by(|a, b| (&a.key, a.begun).cmp(&(&b.key, b.begun)));
        uploads
    }
}
