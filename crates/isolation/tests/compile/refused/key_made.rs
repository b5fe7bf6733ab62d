//! Nobody makes a key by hand.
use restartix_storage::OrgScopedKey;

fn main() {
    let _ = OrgScopedKey { text: "2/documents/somebodys".to_owned(), relative_from: 2 };
}
