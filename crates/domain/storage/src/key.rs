use std::fmt;

use restartix_kernel::{FileId, words};
use restartix_tenancy::Tenant;

use crate::Rule;
use crate::rules::broken;

words! {
    /// Where the platform itself puts an object, by what it is.
    Folder {
        /// What people exchange.
        Documents = "documents",
        /// What a specialist prescribes.
        Prescriptions = "prescriptions",
        /// Pictures.
        Images = "images",
        /// Pictures of signatures.
        Signatures = "signatures",
        /// What was recorded of video visits.
        Recordings = "recordings",
    }
}

/// The name of an object in the bucket: it begins with its organisation's id and a slash, and
/// nothing in it can be read, by whoever reads it next, as a way to another organisation.
///
/// There is no other way to one than [`org_scoped_key`] and [`OrgScopedKey::of_file`]; both take the
/// organisation from a proof, and neither takes one as a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgScopedKey {
    text: String,
    /// Where the part after the organisation's prefix begins.
    relative_from: usize,
}

/// The key was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key breaks rule {rule}: {}", rule.meaning())]
pub struct KeyError {
    /// The first rule, in their order, that it breaks.
    pub rule: Rule,
}

/// The key of the object that the organisation of `tenant` calls `relative`.
///
/// Rejects, never rewrites: the key of `a/b` is `{org_id}/a/b` byte for byte, or an error.
pub fn org_scoped_key(tenant: &Tenant, relative: &[u8]) -> Result<OrgScopedKey, KeyError> {
    let prefix = prefix(tenant);
    match broken(prefix.len(), relative) {
        Ok(relative) => Ok(OrgScopedKey::new(prefix, relative)),
        Err(rule) => Err(KeyError { rule }),
    }
}

impl OrgScopedKey {
    fn new(prefix: String, relative: &str) -> Self {
        let relative_from = prefix.len();
        Self { text: prefix + relative, relative_from }
    }

    /// The key that the platform gives to a file: `{org_id}/{folder}/{id}`, plain ASCII. What its
    /// owner calls it is kept elsewhere.
    pub fn of_file(tenant: &Tenant, folder: Folder, file: FileId) -> Self {
        Self::new(prefix(tenant), &format!("{folder}/{file}"))
    }

    /// The whole key, as the bucket knows it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key as its organisation knows it.
    pub fn relative(&self) -> &str {
        self.text.get(self.relative_from..).unwrap_or_default()
    }
}

impl fmt::Display for OrgScopedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn prefix(tenant: &Tenant) -> String {
    format!("{}/", tenant.organisation())
}
