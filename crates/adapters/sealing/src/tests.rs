use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use restartix_kernel::{Secret, SeededRandom};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};
use uuid::Uuid;

use super::{Binding, KeyRing, KeyRingError, SealError};

const HERE: Binding = Binding { purpose: "webhook-secret", of: Uuid::from_u128(7), version: 1 };

fn ring(keys: &[(&str, u8)]) -> KeyRing {
    KeyRing::parse(&text(keys)).unwrap()
}

fn text(keys: &[(&str, u8)]) -> Secret {
    let pair = |(id, byte): &(&str, u8)| format!("{id}:{}", STANDARD.encode([*byte; 32]));
    keys.iter().map(pair).collect::<Vec<_>>().join(", ").into()
}

async fn organisation(number: i64) -> Principal {
    principal(number, Role::Admin, &SeededRandom::new(1)).await
}

#[tokio::test]
async fn what_is_sealed_opens_in_its_place_and_in_no_other() {
    let (one, two) = (organisation(1).await, organisation(2).await);
    let (one, two) = (one.tenant().unwrap(), two.tenant().unwrap());
    let ring = ring(&[("a", 1)]);
    let sealed = ring.seal(&SeededRandom::new(1), one, &HERE, b"whsec").unwrap();
    assert_eq!(ring.open(one, &HERE, &sealed).unwrap(), b"whsec");
    assert_eq!(ring.open(two, &HERE, &sealed), Err(SealError::Forged), "another clinic");
    for elsewhere in [
        Binding { purpose: "webhook-headers", ..HERE },
        Binding { of: Uuid::from_u128(8), ..HERE },
        Binding { version: 2, ..HERE },
    ] {
        assert_eq!(ring.open(one, &elsewhere, &sealed), Err(SealError::Forged), "{elsewhere:?}");
    }
}

#[tokio::test]
async fn a_new_key_seals_and_the_old_one_still_opens_until_it_is_gone() {
    let one = organisation(1).await;
    let one = one.tenant().unwrap();
    let random = SeededRandom::new(1);
    let old = ring(&[("2025", 1)]).seal(&random, one, &HERE, b"x").unwrap();
    let both = ring(&[("2026", 2), ("2025", 1)]);
    let new = both.seal(&random, one, &HERE, b"x").unwrap();
    assert_eq!((both.is_stale(&old), both.is_stale(&new)), (true, false));
    assert_eq!(both.open(one, &HERE, &old).unwrap(), b"x");
    let gone = ring(&[("2026", 2)]);
    assert_eq!(gone.open(one, &HERE, &new).unwrap(), b"x");
    assert_eq!(gone.open(one, &HERE, &old), Err(SealError::UnknownKey));
    let renamed = ring(&[("2025", 2)]);
    assert_eq!(renamed.open(one, &HERE, &old), Err(SealError::Forged), "an id is no key");
}

#[tokio::test]
async fn two_seals_of_one_secret_look_different_and_show_nothing_of_it() {
    let one = organisation(1).await;
    let one = one.tenant().unwrap();
    let ring = ring(&[("a", 1)]);
    let random = SeededRandom::new(1);
    let seal = || ring.seal(&random, one, &HERE, b"whsec_secret").unwrap();
    let (first, second) = (seal(), seal());
    assert_ne!(first, second);
    assert!(!first.windows(5).any(|part| part == b"whsec"));
    assert_eq!(first.len(), 2 + 1 + 24 + 12 + 16);
}

#[test]
fn keys_are_read_strictly_and_never_shown() {
    let refused = |text: &str| KeyRing::parse(&Secret::from(text)).unwrap_err();
    let key = STANDARD.encode([1; 32]);
    let other = STANDARD.encode([2; 32]);
    assert_eq!(refused(""), KeyRingError::Count);
    let many: Vec<_> = (1..=9_u8).map(|n| format!("k{n}:{}", STANDARD.encode([n; 32]))).collect();
    assert_eq!(refused(&many.join(",")), KeyRingError::Count);
    for bad in [
        key.clone(),
        format!(":{key}"),
        format!("A:{key}"),
        format!("{}:{key}", "x".repeat(17)),
        format!("a:{}", STANDARD.encode([1; 31])),
        "a:!".to_owned(),
        format!("a:{key},"),
    ] {
        assert_eq!(refused(&bad), KeyRingError::Form, "{bad}");
    }
    assert_eq!(refused(&format!("a:{key},a:{other}")), KeyRingError::Twice);
    assert_eq!(refused(&format!("a:{key},b:{key}")), KeyRingError::Twice);
    let shown = format!("{:?}", ring(&[("a", 1), ("b", 2)]));
    assert_eq!(shown, r#"["a", "b"]"#);
}

proptest! {
    #[test]
    fn one_changed_bit_or_byte_less_opens_nothing(
        secret in prop::collection::vec(any::<u8>(), 0..64),
        at: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let one = runtime.block_on(organisation(1));
        let one = one.tenant().unwrap();
        let ring = ring(&[("a", 1), ("c", 3)]);
        let sealed = ring.seal(&SeededRandom::new(1), one, &HERE, &secret).unwrap();
        prop_assert_eq!(ring.open(one, &HERE, &sealed).unwrap(), secret);
        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= 1 << bit;
        prop_assert!(ring.open(one, &HERE, &changed).is_err());
        prop_assert!(ring.open(one, &HERE, &sealed[..at.index(sealed.len())]).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let one = runtime.block_on(organisation(1));
        prop_assert!(ring(&[("a", 1)]).open(one.tenant().unwrap(), &HERE, &bytes).is_err());
    }
}

/// The published vector of the cipher: draft-irtf-cfrg-xchacha-03, appendix A.3.1.
#[test]
fn the_library_is_the_published_cipher() {
    use chacha20poly1305::aead::{Aead, Payload};
    use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
    let key: [u8; 32] = std::array::from_fn(|n| 0x80 + u8::try_from(n).unwrap());
    let nonce: [u8; 24] = std::array::from_fn(|n| 0x40 + u8::try_from(n).unwrap());
    let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let msg = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let cipher = XChaCha20Poly1305::new(&key.into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg, aad: &aad }).unwrap();
    assert_eq!(sealed[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
    assert_eq!(
        sealed[sealed.len() - 16..],
        [
            0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a,
            0xcf, 0x49
        ]
    );
}
