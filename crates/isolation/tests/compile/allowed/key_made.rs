//! A key is read, and its organisation with it.
use restartix_storage::OrgScopedKey;

fn folder(key: &OrgScopedKey) -> Option<&str> {
    key.as_str().split('/').next()
}

fn main() {
    let _ = |key: &OrgScopedKey| folder(key).is_some();
}
