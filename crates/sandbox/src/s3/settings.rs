//! What a bucket is told of itself.

use s3s::dto::{
    CORSRule, LifecycleRule, OwnershipControls, PublicAccessBlockConfiguration,
    ServerSideEncryptionConfiguration,
};

use super::policy::Policy;
use super::store::Encryption;

/// The settings of a bucket, as they were put.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) public_access: Option<PublicAccessBlockConfiguration>,
    pub(super) ownership: Option<OwnershipControls>,
    pub(super) versioning: Versioning,
    pub(super) encryption: Option<ServerSideEncryptionConfiguration>,
    pub(super) lifecycle: Vec<LifecycleRule>,
    pub(super) cors: Vec<CORSRule>,
    /// As it was put, and understood.
    pub(super) policy: Option<(String, Policy)>,
}

/// Whether versions are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Versioning {
    /// Never were.
    #[default]
    Never,
    Enabled,
    /// They were; what is put from now on has none.
    Suspended,
}

impl Settings {
    /// How objects are encrypted that are put without a word of it: as AWS does since 2023, never
    /// not at all.
    pub(super) fn default_encryption(&self) -> Encryption {
        let rules = self.encryption.iter().flat_map(|encryption| &encryption.rules);
        let default =
            rules.filter_map(|rule| rule.apply_server_side_encryption_by_default.as_ref()).next();
        match default {
            Some(default) => Encryption {
                algorithm: default.sse_algorithm.as_str().to_owned(),
                kms_key_id: default.kms_master_key_id.clone(),
            },
            None => Encryption { algorithm: "AES256".to_owned(), kms_key_id: None },
        }
    }

    /// Whether one of the four parts of Block Public Access is on.
    pub(super) fn blocks(
        &self,
        part: impl Fn(&PublicAccessBlockConfiguration) -> Option<bool>,
    ) -> bool {
        self.public_access.as_ref().and_then(part).unwrap_or(false)
    }

    /// Whether ACLs are switched off.
    pub(super) fn is_owner_enforced(&self) -> bool {
        let rules = self.ownership.iter().flat_map(|ownership| &ownership.rules);
        let mut owners = rules.map(|rule| rule.object_ownership.as_str());
        owners.any(|owner| owner == "BucketOwnerEnforced")
    }

    /// After how many days an unfinished upload of `key` is aborted, if ever.
    pub(super) fn unfinished_days(&self, key: &str) -> Option<i32> {
        let concerns = |rule: &&LifecycleRule| {
            let filter = rule.filter.as_ref().and_then(|filter| filter.prefix.as_deref());
            let prefix = filter.or(rule.prefix.as_deref()).unwrap_or_default();
            rule.status.as_str() == "Enabled" && key.starts_with(prefix)
        };
        let rules = self.lifecycle.iter().filter(concerns);
        let aborts = rules.filter_map(|rule| rule.abort_incomplete_multipart_upload.as_ref());
        aborts.filter_map(|abort| abort.days_after_initiation).min()
    }
}
