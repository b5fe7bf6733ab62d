//! A store of objects in memory, for tests and examples.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use restartix_kernel::Clock;
use sha2::Digest as _;

use crate::{
    Announced, Content, ForeignKey, LONGEST_DOWNLOAD, LONGEST_UPLOAD, ObjectError, ObjectFacts,
    ObjectImport, ObjectStore, ObjectVersion, OrgScopedKey, Part, Parts, Presentation, Sha256,
    SignedRequest, UploadName,
};

/// Objects in memory. Its URLs lead nowhere; what they are signed for can be read in them.
pub struct MemoryObjects {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<Stored>>,
    uploads: BTreeMap<String, Upload>,
    versions: u64,
    down: bool,
}

/// An upload in parts, with what has come of it.
struct Upload {
    key: String,
    content_type: String,
    parts: BTreeMap<u16, Bytes>,
}

#[derive(Clone)]
struct Stored {
    facts: ObjectFacts,
    bytes: Bytes,
}

impl MemoryObjects {
    /// Nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// From now on every call fails, or none.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// The keys at which something lies, and how many versions of each.
    pub fn keys(&self) -> Vec<(String, usize)> {
        self.state().objects.iter().map(|(key, versions)| (key.clone(), versions.len())).collect()
    }

    /// Stores `bytes` as somebody with a signed URL would who announced exactly them.
    pub fn place(&self, key: &OrgScopedKey, content_type: &str, bytes: Bytes) -> ObjectVersion {
        self.keep(key.as_str(), content_type, bytes)
    }

    /// Stores `bytes` where another system would have kept them.
    pub fn place_foreign(&self, key: &ForeignKey, bytes: Bytes) {
        self.keep(key.as_str(), "application/octet-stream", bytes);
    }

    fn keep(&self, key: &str, content_type: &str, bytes: Bytes) -> ObjectVersion {
        let mut state = self.state();
        state.versions += 1;
        let version = ObjectVersion::numbered(state.versions);
        let facts = ObjectFacts {
            version: version.clone(),
            size: length(&bytes),
            content_type: Some(content_type.to_owned()),
            encrypted: true,
        };
        let versions = state.objects.entry(key.to_owned()).or_default();
        versions.push(Stored { facts, bytes });
        version
    }

    /// Puts a part as somebody with its signed URL would; false where there is no such upload.
    pub fn place_part(&self, upload: &UploadName, number: u16, bytes: Bytes) -> bool {
        let mut state = self.state();
        let upload = state.uploads.get_mut(upload.as_str());
        upload.map(|upload| upload.parts.insert(number, bytes)).is_some()
    }

    /// How many uploads in parts are under way.
    pub fn uploads(&self) -> usize {
        self.state().uploads.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, ObjectError> {
        let state = self.state();
        if state.down {
            return Err(ObjectError::Unavailable("told to be down".into()));
        }
        Ok(state)
    }

    fn stored(
        &self,
        key: &str,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<Stored>, ObjectError> {
        let state = self.up()?;
        let versions = state.objects.get(key).map(Vec::as_slice).unwrap_or_default();
        let named = |stored: &&Stored| version.is_none_or(|named| *named == stored.facts.version);
        Ok(versions.iter().rev().find(named).cloned())
    }

    fn signed(
        &self,
        method: &'static str,
        target: &str,
        headers: Vec<(String, String)>,
        ttl: Duration,
    ) -> SignedRequest {
        let url = format!("https://files.example/{target}&expires={}", ttl.as_secs());
        let length = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::zero());
        let expires_at = self.clock.now() + length;
        SignedRequest { method, url: url.into(), headers, expires_at }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn content(stored: &Stored) -> Content {
    let parts: Vec<_> =
        stored.bytes.chunks(64 * 1024).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    Content { size: stored.facts.size, parts: Box::pin(stream::iter(parts)) }
}

#[async_trait]
impl ObjectImport for MemoryObjects {
    async fn open(&self, source: &ForeignKey) -> Result<Option<Content>, ObjectError> {
        Ok(self.stored(source.as_str(), None)?.as_ref().map(content))
    }

    async fn copy(
        &self,
        source: &ForeignKey,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<Option<ObjectVersion>, ObjectError> {
        let stored = self.stored(source.as_str(), None)?;
        Ok(stored.map(|stored| self.place(key, content_type, stored.bytes)))
    }
}

#[async_trait]
impl ObjectStore for MemoryObjects {
    async fn sign_put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        drop(self.up()?);
        let headers = vec![
            ("content-length".to_owned(), body.size.to_string()),
            ("content-type".to_owned(), body.content_type.clone()),
            ("x-checksum-sha256".to_owned(), body.sha256.to_string()),
        ];
        Ok(self.signed("PUT", &format!("{key}?"), headers, ttl.min(LONGEST_UPLOAD)))
    }

    async fn sign_get(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
        presentation: &Presentation,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        drop(self.up()?);
        let Presentation { disposition, content_type } = presentation;
        let version = version.as_str();
        let target =
            format!("{key}?version={version}&type={content_type}&disposition={disposition}");
        Ok(self.signed("GET", &target, Vec::new(), ttl.min(LONGEST_DOWNLOAD)))
    }

    async fn put(
        &self,
        key: &OrgScopedKey,
        body: &Announced,
        mut parts: Parts,
    ) -> Result<ObjectVersion, ObjectError> {
        drop(self.up()?);
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(|error| ObjectError::Body(Box::new(error)))?);
            if length(&bytes) > body.size {
                return Err(ObjectError::Body("the body is too long".into()));
            }
        }
        if length(&bytes) < body.size {
            return Err(ObjectError::Body("the body is too short".into()));
        }
        if Sha256::from_bytes(sha2::Sha256::digest(&bytes).into()) != body.sha256 {
            return Err(ObjectError::OtherBytes("the body has another hash".into()));
        }
        Ok(self.place(key, &body.content_type, bytes.into()))
    }

    async fn begin_parts(
        &self,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<UploadName, ObjectError> {
        let mut state = self.up()?;
        state.versions += 1;
        let name = UploadName::numbered(state.versions);
        let (key, content_type) = (key.as_str().to_owned(), content_type.to_owned());
        let upload = Upload { key, content_type, parts: BTreeMap::new() };
        state.uploads.insert(name.as_str().to_owned(), upload);
        Ok(name)
    }

    async fn sign_part(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        part: &Part,
        ttl: Duration,
    ) -> Result<SignedRequest, ObjectError> {
        drop(self.up()?);
        let headers = vec![
            ("content-length".to_owned(), part.size.to_string()),
            ("x-checksum-sha256".to_owned(), part.sha256.to_string()),
        ];
        let target = format!("{key}?upload={}&part={}", upload.as_str(), part.number);
        Ok(self.signed("PUT", &target, headers, ttl.min(LONGEST_UPLOAD)))
    }

    async fn join_parts(
        &self,
        key: &OrgScopedKey,
        upload: &UploadName,
        size: u64,
    ) -> Result<Option<ObjectVersion>, ObjectError> {
        let bytes = {
            let mut state = self.up()?;
            let found = state.uploads.get(upload.as_str());
            let found = found.filter(|upload| upload.key == key.as_str());
            let Some(found) = found else { return Ok(None) };
            let bytes: Vec<u8> = found.parts.values().flatten().copied().collect();
            if found.parts.is_empty() || length(&bytes) != size {
                return Ok(None);
            }
            state.uploads.remove(upload.as_str()).map(|upload| (upload.content_type, bytes))
        };
        Ok(bytes.map(|(content_type, bytes)| self.place(key, &content_type, bytes.into())))
    }

    async fn head(
        &self,
        key: &OrgScopedKey,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<ObjectFacts>, ObjectError> {
        Ok(self.stored(key.as_str(), version)?.map(|stored| stored.facts))
    }

    async fn read(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
    ) -> Result<Option<Content>, ObjectError> {
        Ok(self.stored(key.as_str(), Some(version))?.as_ref().map(content))
    }

    async fn delete(&self, key: &OrgScopedKey) -> Result<(), ObjectError> {
        let mut state = self.up()?;
        state.objects.remove(key.as_str());
        state.uploads.retain(|_, upload| upload.key != key.as_str());
        Ok(())
    }
}
