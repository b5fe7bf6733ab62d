//! Whatever the bytes: a key is an error, or stays in its organisation and parses to itself; a name is an
//! error, or keeps the rules.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use restartix_kernel::SeededRandom;
use restartix_storage::{FileName, org_scoped_key};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};

static MEMBER: OnceLock<Principal> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let member = MEMBER.get_or_init(|| {
        futures_executor::block_on(principal(12, Role::Admin, &SeededRandom::new(1)))
    });
    let tenant = member.tenant().expect("a member");
    if let Ok(key) = org_scoped_key(tenant, bytes) {
        assert_eq!(key.as_str().as_bytes(), [b"12/", bytes].concat());
        assert!(key.as_str().len() <= 1024);
        assert_eq!(org_scoped_key(tenant, key.relative().as_bytes()), Ok(key.clone()));
        // However a reader resolves it, it stays below its organisation.
        let mut depth = 0_i32;
        for segment in key.as_str().split('/') {
            assert!(!segment.is_empty() && segment.len() <= 255);
            depth += if segment == ".." { -1 } else { i32::from(segment != ".") };
            assert!(depth >= 1);
        }
        assert!(!key.as_str().contains(['\\', '\0', '%']) || !decodes(bytes));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = FileName::cleaned(&text) {
        assert_eq!(FileName::new(name.expose()), Ok(name.clone()));
        assert_eq!(FileName::cleaned(name.expose()), Ok(name.clone()));
        assert!(name.disposition().is_ascii());
    }
});

/// Whether a percent escape stands in it.
fn decodes(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit))
}
