use async_trait::async_trait;

use crate::{Content, ObjectError, ObjectVersion, OrgScopedKey};

/// The name of an object that no organisation has yet: where another system kept it, in the same
/// store. Never one of an organisation's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey(String);

impl ForeignKey {
    /// The object that its system calls `name`: 1 to 1024 bytes without control characters, and
    /// outside of every `{org_id}/`. `None` where it is not such a name.
    pub fn new(name: &str) -> Option<Self> {
        let first = name.split('/').next().unwrap_or_default();
        let is_folder_of_organisation =
            first.bytes().all(|byte| byte.is_ascii_digit()) || first.is_empty();
        let is_name = (1..=1024).contains(&name.len()) && !name.chars().any(char::is_control);
        (is_name && !is_folder_of_organisation).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Brings objects in from outside of every organisation's folder.
///
/// A port of its own: what serves requests has [`ObjectStore`](crate::ObjectStore), which knows no
/// name but an organisation's. That a copy is whole is for the caller to see, by reading both.
#[async_trait]
pub trait ObjectImport: Send + Sync {
    /// The bytes of the object as they come; `None` where there is none.
    async fn open(&self, source: &ForeignKey) -> Result<Option<Content>, ObjectError>;

    /// Copies the object to `key` inside the store, encrypted as everything there, as
    /// `content_type`, and answers the copy's version; `None` where there is no such object.
    /// Copied again, it is another version.
    async fn copy(
        &self,
        source: &ForeignKey,
        key: &OrgScopedKey,
        content_type: &str,
    ) -> Result<Option<ObjectVersion>, ObjectError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisations_folder_is_not_foreign() {
        assert!(ForeignKey::new("strapi/radiografie_1.pdf").is_some());
        assert!(ForeignKey::new("1a/b.pdf").is_some());
        for name in ["", "/a", "1/documents/a.pdf", "007/x", "12", "a\nb"] {
            assert!(ForeignKey::new(name).is_none(), "{name:?}");
        }
    }
}
