//! The store in memory passes the suite that every store passes.
#![cfg(feature = "conformance")]

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use restartix_kernel::{ManualClock, SeededRandom};
use restartix_storage::memory::MemoryObjects;
use restartix_storage::{
    EicarScanner, ForeignKey, MalwareScanner, ObjectError, ObjectStore, Scanned, SignedRequest,
    UploadName, conformance, org_scoped_key,
};
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;

#[tokio::test]
async fn the_store_in_memory_keeps_the_rules() {
    let random = SeededRandom::new(1);
    let (one, two) =
        (principal(1, Role::Admin, &random).await, principal(2, Role::Admin, &random).await);
    let tenants = [one.tenant().unwrap(), two.tenant().unwrap()];
    let now = DateTime::UNIX_EPOCH;
    let store = MemoryObjects::new(Arc::new(ManualClock::at(now)));
    conformance::one_organisations_object_is_not_anothers(&store, tenants).await;
    conformance::versions_stay_until_all_are_deleted(&store, tenants[0]).await;
    conformance::only_the_announced_body_is_kept(&store, tenants[0]).await;
    conformance::what_is_signed_is_narrow(&store, tenants, now).await;
    conformance::parts_become_one_object(&store, tenants[0], &Hand(&store)).await;
    assert_eq!(store.uploads(), 0);
    assert_eq!(store.keys(), Vec::new(), "the suite leaves nothing behind");
    let left = ForeignKey::new("old-system/a.pdf").unwrap();
    store.place_foreign(&left, "%PDF-1.4".into());
    conformance::what_is_brought_in_is_whole(&store, tenants[0], (&left, b"%PDF-1.4")).await;
}

/// Puts parts into the store's memory.
struct Hand<'a>(&'a MemoryObjects);

#[async_trait]
impl conformance::Uploader for Hand<'_> {
    async fn put(&self, _: &SignedRequest, upload: &UploadName, number: u16, bytes: Vec<u8>) {
        assert!(self.0.place_part(upload, number, bytes.into()), "no such upload");
    }
}

#[tokio::test]
async fn a_store_that_is_down_says_so_and_keeps_what_it_has() {
    let one = principal(1, Role::Admin, &SeededRandom::new(1)).await;
    let key = org_scoped_key(one.tenant().unwrap(), b"uploads/test.pdf").unwrap();
    let store = MemoryObjects::new(Arc::new(ManualClock::at(DateTime::UNIX_EPOCH)));
    store.place(&key, "application/pdf", "%PDF-1.7".into());
    store.set_down(true);
    assert!(matches!(store.head(&key, None).await, Err(ObjectError::Unavailable(_))));
    store.set_down(false);
    assert_eq!(store.head(&key, None).await.unwrap().unwrap().size, 8);
}

#[tokio::test]
async fn the_embedded_scanner_finds_the_test_string_wherever_the_parts_are_cut() {
    let eicar =
        ["X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let bytes = format!("%PDF-1.7 {eicar} and more");
    for (text, expected) in [(bytes.as_str(), Scanned::Infected), ("%PDF-1.7", Scanned::Clean)] {
        for length in [1, 7, 4096] {
            let mut scan = EicarScanner.begin().await.unwrap();
            for part in text.as_bytes().chunks(length) {
                scan.feed(part).await.unwrap();
            }
            assert_eq!(scan.finish().await.unwrap(), expected, "in parts of {length}");
        }
    }
}
