//! Everything the stand-in knows, behind one lock.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use s3s::{S3Error, S3Result};

use super::fault::refusal;
use super::journal::Journal;
use super::policy::{Question, Verdict};
use super::settings::Versioning;
use super::store::{Blobs, Bucket, Content, UNVERSIONED, Version};
use super::switches::Switches;

/// All buckets of one account.
#[derive(Default)]
pub(super) struct State {
    pub(super) switches: Switches,
    pub(super) journal: Journal,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) blobs: Blobs,
}

/// What an object's version is called when it has been put or marked.
pub(super) struct Named {
    /// The version, as it is stored.
    pub(super) id: String,
    /// The version, where the answer tells one.
    pub(super) told: Option<String>,
}

impl State {
    pub(super) fn bucket(&self, name: &str) -> S3Result<&Bucket> {
        self.buckets.get(name).ok_or_else(no_such_bucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or_else(no_such_bucket)
    }

    /// Whether `question` about `bucket` may be answered: the policy decides, and where it is
    /// silent the owner may and nobody else. What it allows to everybody, Block Public Access takes
    /// back.
    pub(super) fn authorise(&self, bucket: &str, question: &Question) -> S3Result<()> {
        if self.switches.ignore_policy {
            return Ok(());
        }
        let settings = self.buckets.get(bucket).map(|bucket| &bucket.settings);
        let policy = settings.and_then(|settings| settings.policy.as_ref());
        let verdict = policy.map_or(Verdict::Silent, |(_, policy)| policy.judge(question));
        let owner = question.principal.is_some();
        let restricted = settings.is_some_and(|settings| {
            let public = policy.is_some_and(|(_, policy)| policy.is_public());
            public && settings.blocks(|block| block.restrict_public_buckets)
        });
        match verdict {
            Verdict::Allow if owner || !restricted => Ok(()),
            Verdict::Silent if owner => Ok(()),
            _ => Err(refusal(403, "AccessDenied", "Access Denied")),
        }
    }

    /// Puts a version of `key`, a delete marker where there is no content.
    pub(super) fn place(
        &mut self,
        bucket: &str,
        key: &str,
        content: Option<Content>,
        at: DateTime<Utc>,
        fresh: String,
    ) -> S3Result<Named> {
        let bucket = self.bucket_mut(bucket)?;
        let (id, told) = match bucket.settings.versioning {
            Versioning::Never => (UNVERSIONED.to_owned(), None),
            Versioning::Suspended => (UNVERSIONED.to_owned(), Some(UNVERSIONED.to_owned())),
            Versioning::Enabled => (fresh.clone(), Some(fresh)),
        };
        let replaced = bucket.push(key, Version { id: id.clone(), at, content });
        self.release(replaced);
        Ok(Named { id, told })
    }

    /// Takes a version away for good; `None` where there is none.
    pub(super) fn remove(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> S3Result<Option<Version>> {
        let taken = self.bucket_mut(bucket)?.take(key, id);
        self.release(taken.clone());
        Ok(taken)
    }

    fn release(&mut self, version: Option<Version>) {
        if let Some(content) = version.and_then(|version| version.content) {
            self.blobs.release(&content.digest);
        }
    }

    /// Gives up an upload and the bytes of its parts; false where there is none.
    pub(super) fn give_up(&mut self, bucket: &str, id: &str) -> bool {
        let upload = self.buckets.get_mut(bucket).and_then(|bucket| bucket.uploads.remove(id));
        let Some(upload) = upload else { return false };
        for part in upload.parts.values() {
            self.blobs.release(&part.digest);
        }
        true
    }

    /// Does what the lifecycle rules say: gives up what has been unfinished for too long.
    pub(super) fn settle(&mut self, now: DateTime<Utc>) {
        let mut late = Vec::new();
        for (name, bucket) in &self.buckets {
            for (id, upload) in &bucket.uploads {
                let days = bucket.settings.unfinished_days(&upload.key);
                if days.is_some_and(|days| now - upload.begun >= TimeDelta::days(days.into())) {
                    late.push((name.clone(), id.clone()));
                }
            }
        }
        for (bucket, id) in late {
            self.give_up(&bucket, &id);
        }
    }
}

fn no_such_bucket() -> S3Error {
    refusal(404, "NoSuchBucket", "The specified bucket does not exist")
}
