//! What is set and checked, in rusoto's words.

use rusoto_s3::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, CORSConfiguration, CORSRule,
    LifecycleRule, LifecycleRuleFilter, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use serde_json::Value;

use super::{Bucket, policy};

/// The only owner of objects, and no ACLs.
pub(super) const OWNERSHIP: &str = "BucketOwnerEnforced";
/// How long an upload in parts may stay unfinished, in days.
pub(super) const UNFINISHED_DAYS: i64 = 1;
/// What a browser may send along with an upload: what its URL signs.
const UPLOAD_HEADERS: [&str; 4] = [
    "content-type",
    "x-amz-checksum-sha256",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
];
/// What a page may read of an answer.
const ANSWER_HEADERS: [&str; 2] = ["ETag", "x-amz-version-id"];
/// How long a browser may remember the answer, in seconds.
const MAX_AGE: i64 = 3600;

pub(super) fn public_access() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    }
}

pub(super) fn ownership() -> OwnershipControls {
    let rule = OwnershipControlsRule { object_ownership: OWNERSHIP.to_owned() };
    OwnershipControls { rules: vec![rule] }
}

pub(super) fn versioning() -> VersioningConfiguration {
    VersioningConfiguration { status: Some("Enabled".to_owned()), mfa_delete: None }
}

pub(super) fn lifecycle() -> BucketLifecycleConfiguration {
    let abort = AbortIncompleteMultipartUpload { days_after_initiation: Some(UNFINISHED_DAYS) };
    let everything = LifecycleRuleFilter { prefix: Some(String::new()), ..Default::default() };
    let rule = LifecycleRule {
        id: Some("abort-unfinished-uploads".to_owned()),
        status: "Enabled".to_owned(),
        filter: Some(everything),
        abort_incomplete_multipart_upload: Some(abort),
        ..Default::default()
    };
    BucketLifecycleConfiguration { rules: vec![rule] }
}

/// Whether a rule aborts what is unfinished after a day, all over the bucket.
pub(super) fn aborts(rule: &LifecycleRule) -> bool {
    let days = rule.abort_incomplete_multipart_upload.as_ref();
    let days = days.and_then(|abort| abort.days_after_initiation);
    let everywhere = rule.filter.as_ref().is_none_or(|filter| {
        filter.and.is_none()
            && filter.tag.is_none()
            && filter.prefix.as_deref().is_none_or(str::is_empty)
    });
    rule.status == "Enabled" && everywhere && days.is_some_and(|days| days <= UNFINISHED_DAYS)
}

/// Whether a rule deletes objects or versions: retention and legal holds are the service's.
pub(super) fn deletes(rule: &LifecycleRule) -> bool {
    let current = rule
        .expiration
        .as_ref()
        .is_some_and(|expiration| expiration.days.is_some() || expiration.date.is_some());
    let old = rule.noncurrent_version_expiration.as_ref();
    let old = old.is_some_and(|expiration| expiration.noncurrent_days.is_some());
    rule.status == "Enabled" && (current || old)
}

impl Bucket {
    pub(super) fn wanted_encryption(&self) -> ServerSideEncryptionConfiguration {
        let key = self.encryption.key();
        let default = ServerSideEncryptionByDefault {
            sse_algorithm: self.encryption.algorithm().to_owned(),
            kms_master_key_id: key.map(str::to_owned),
        };
        let rule = ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(default),
            // One call to KMS for many objects.
            bucket_key_enabled: key.map(|_| true),
        };
        ServerSideEncryptionConfiguration { rules: vec![rule] }
    }

    /// `None` where no page may come: then there is to be no such configuration.
    pub(super) fn wanted_cors(&self) -> Option<CORSConfiguration> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let rule = CORSRule {
            id: Some("pages-of-ours".to_owned()),
            allowed_origins: self.origins.clone(),
            allowed_methods: texts(&["GET", "PUT"]),
            allowed_headers: Some(texts(&UPLOAD_HEADERS)),
            expose_headers: Some(texts(&ANSWER_HEADERS)),
            max_age_seconds: Some(MAX_AGE),
        };
        (!self.origins.is_empty()).then(|| CORSConfiguration { cors_rules: vec![rule] })
    }

    pub(super) fn wanted_policy(&self) -> Value {
        policy::document(&self.arn(), &self.encryption, self.engine.place.is_plain())
    }
}
