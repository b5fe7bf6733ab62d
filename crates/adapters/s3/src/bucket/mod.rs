//! The bucket's own rules: what S3 itself refuses, whatever this service does.

mod apply;
mod check;
mod policy;
mod probe;
#[cfg(test)]
mod tests;
mod wanted;

use std::fmt;
use std::sync::Arc;

use rusoto_s3::S3Client;

use crate::encryption::Encryption;
use crate::engine::Engine;

/// The bucket, as something with rules: [`Bucket::apply`] sets them, [`Bucket::check`] tells which
/// do not hold. The bucket is ours alone: rules of others are replaced.
pub struct Bucket {
    pub(crate) engine: Arc<Engine>,
    pub(crate) client: S3Client,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) encryption: Encryption,
    /// The origins whose pages may put and get.
    pub(crate) origins: Vec<String>,
}

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule, as `versioning`.
    pub rule: &'static str,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.rule, self.expected, self.found)
    }
}

impl Bucket {
    /// `arn:aws:s3:::name`, in the region's partition.
    fn arn(&self) -> String {
        let partition = match &self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:s3:::{}", self.name)
    }
}
