//! Files: keys that cannot leave their organisation, and the bucket that keeps its own rules.

mod bucket;
mod keys;

use serde::Deserialize;

use crate::Probe;

/// The bucket of the stack, and as whom it is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Where S3 is, when it is not AWS's own.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Whether the bucket stands in the path.
    #[serde(default)]
    pub path_style: bool,
    /// The ARN of the KMS key that encrypts, if any.
    pub kms_key_id: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: Hidden,
    /// The origins whose pages may put and get files.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// A text that is not printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// The probes.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let mut all = keys::probes();
    all.extend(bucket::probes());
    all
}
