//! Keys: the samples, and what holds for every sequence of bytes.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use proptest::prelude::*;
use restartix_kernel::SeededRandom;
use restartix_storage::{FileName, Folder, OrgScopedKey, Rule, org_scoped_key};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};
use serde::Deserialize;

#[derive(Deserialize)]
struct Samples {
    hostile: Vec<Sample>,
    benign: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    hex: String,
    reason: String,
    rule: Option<String>,
}

impl Sample {
    fn bytes(&self) -> Vec<u8> {
        let pairs = self.hex.as_bytes().chunks(2);
        pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
    }
}

fn member_of(organisation: i64) -> Principal {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(principal(organisation, Role::Admin, &SeededRandom::new(1)))
}

#[test]
fn the_samples_are_judged_as_they_say() {
    let text = include_str!("../../../../fixtures/storage/hostile_keys.json");
    let samples: Samples = serde_json::from_str(text).unwrap();
    let member = member_of(1);
    let tenant = member.tenant().unwrap();
    assert!(samples.hostile.len() >= 39 && samples.benign.len() >= 24);
    for sample in &samples.hostile {
        let rule = org_scoped_key(tenant, &sample.bytes()).map_err(|error| error.rule.as_str());
        let expected = sample.rule.as_deref().unwrap().split('-').next().unwrap();
        assert_eq!(rule.unwrap_err(), expected, "{}: {}", sample.hex, sample.reason);
    }
    for sample in &samples.benign {
        let key = org_scoped_key(tenant, &sample.bytes());
        let key = key.unwrap_or_else(|error| panic!("{}: {error}", sample.reason));
        assert_eq!(key.as_str().as_bytes(), [b"1/", sample.bytes().as_slice()].concat());
    }
}

#[test]
fn uploads_test_pdf_of_organisation_1_is_1_uploads_test_pdf_and_of_2_another_key() {
    let (one, two) = (member_of(1), member_of(2));
    let key = |member: &Principal, relative: &str| {
        org_scoped_key(member.tenant().unwrap(), relative.as_bytes())
    };
    assert_eq!(key(&one, "uploads/test.pdf").unwrap().as_str(), "1/uploads/test.pdf");
    assert_eq!(key(&two, "uploads/test.pdf").unwrap().as_str(), "2/uploads/test.pdf");
}

#[test]
fn a_key_that_climbs_to_1_uploads_test_pdf_is_refused() {
    let two = member_of(2);
    let refused = org_scoped_key(two.tenant().unwrap(), b"../1/uploads/test.pdf").unwrap_err();
    assert_eq!(refused.rule, Rule::DotSegment);
    assert_eq!(
        refused.to_string(),
        "the key breaks rule R15: no segment may be dots and spaces only"
    );
}

#[test]
fn the_platforms_own_keys_keep_the_rules() {
    let member = member_of(7);
    let tenant = member.tenant().unwrap();
    let id = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
    for folder in Folder::ALL {
        let key = OrgScopedKey::of_file(tenant, *folder, id.parse().unwrap());
        assert_eq!(key.as_str(), format!("7/{folder}/{id}"));
        assert_eq!(org_scoped_key(tenant, key.relative().as_bytes()), Ok(key));
    }
}

/// Bytes that come close to being keys.
fn nearly_keys() -> impl Strategy<Value = Vec<u8>> {
    let character = prop_oneof![
        4 => proptest::char::range('a', 'e').prop_map(String::from),
        2 => Just("/".to_owned()),
        2 => Just(".".to_owned()),
        1 => Just(" ".to_owned()),
        1 => Just("%2e".to_owned()),
        1 => any::<char>().prop_map(String::from),
        1 => proptest::char::range('\u{2000}', '\u{303F}').prop_map(String::from),
    ];
    let text = proptest::collection::vec(character, 0..24).prop_map(|parts| parts.concat());
    prop_oneof![
        8 => text.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn whatever_the_name_what_is_left_of_it_keeps_the_rules(bytes in nearly_keys()) {
        let text = String::from_utf8_lossy(&bytes);
        match FileName::cleaned(&text) {
            Ok(name) => {
                prop_assert_eq!(&FileName::new(name.expose()), &Ok(name.clone()));
                prop_assert_eq!(&FileName::cleaned(name.expose()), &Ok(name));
            }
            Err(rule) => prop_assert_eq!(rule, Rule::Empty),
        }
        if let Ok(name) = FileName::new(&text) {
            prop_assert_eq!(FileName::cleaned(&text), Ok(name));
        }
    }

    #[test]
    fn whatever_the_bytes_the_key_stays_in_its_organisation(bytes in nearly_keys()) {
        let member = member_of(12);
        let tenant = member.tenant().unwrap();
        let Ok(key) = org_scoped_key(tenant, &bytes) else { return Ok(()) };
        prop_assert_eq!(key.as_str().as_bytes(), [b"12/", bytes.as_slice()].concat());
        prop_assert_eq!(key.relative().as_bytes(), bytes.as_slice());
        prop_assert_eq!(&org_scoped_key(tenant, key.relative().as_bytes()), &Ok(key.clone()));
        // However a reader resolves it, it stays below its organisation.
        let mut depth = 0_i32;
        for segment in key.as_str().split('/') {
            depth += if segment == ".." { -1 } else { i32::from(segment != ".") };
            prop_assert!(depth >= 1);
        }
    }
}
