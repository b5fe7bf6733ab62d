//! What every [`ObjectStore`] must do; each function panics with the rule that was broken.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use restartix_kernel::ExposeSecret;
use restartix_tenancy::Tenant;
use sha2::Digest as _;

use crate::{
    Announced, ForeignKey, ObjectError, ObjectImport, ObjectStore, ObjectVersion, OrgScopedKey,
    Part, Parts, Presentation, Sha256, SignedRequest, UploadName, org_scoped_key,
};

/// What is announced of `bytes`, as a PDF.
pub fn announced(bytes: &[u8]) -> Announced {
    Announced {
        content_type: "application/pdf".to_owned(),
        size: u64::try_from(bytes.len()).unwrap(),
        sha256: Sha256::from_bytes(sha2::Sha256::digest(bytes).into()),
    }
}

/// The bytes as a body.
pub fn parts(bytes: &[u8]) -> Parts {
    let parts: Vec<io::Result<Bytes>> =
        bytes.chunks(7).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    Box::pin(stream::iter(parts))
}

fn key(tenant: &Tenant, relative: &str) -> OrgScopedKey {
    org_scoped_key(tenant, relative.as_bytes()).unwrap()
}

async fn read(
    store: &dyn ObjectStore,
    key: &OrgScopedKey,
    version: &ObjectVersion,
) -> Option<Vec<u8>> {
    let content = store.read(key, version).await.unwrap()?;
    let parts: Vec<_> = content.parts.collect().await;
    let bytes = parts.into_iter().collect::<Result<Vec<_>, _>>().unwrap().concat();
    assert_eq!(content.size, u64::try_from(bytes.len()).unwrap(), "a size that is not the bytes'");
    Some(bytes)
}

/// What was put is known and read as it was put; the same path of another organisation is another
/// object, which is not there, and `../1/uploads/test.pdf` is no key at all.
pub async fn one_organisations_object_is_not_anothers(
    store: &dyn ObjectStore,
    [one, two]: [&Tenant; 2],
) {
    const BYTES: &[u8] = b"%PDF-1.7 what a patient uploads";
    let ours = key(one, "uploads/test.pdf");
    assert_eq!(ours.as_str(), format!("{}/uploads/test.pdf", one.organisation()));
    let version = store.put(&ours, &announced(BYTES), parts(BYTES)).await.unwrap();
    let facts = store.head(&ours, None).await.unwrap().unwrap();
    assert_eq!(facts.version, version, "the newest is the one that was put");
    assert_eq!((facts.size, facts.encrypted), (announced(BYTES).size, true));
    assert_eq!(facts.content_type.as_deref(), Some("application/pdf"));
    assert_eq!(read(store, &ours, &version).await.unwrap(), BYTES);

    let theirs = key(two, "uploads/test.pdf");
    assert_ne!(ours, theirs);
    assert_eq!(store.head(&theirs, None).await.unwrap(), None, "somebody else's object is seen");
    assert!(read(store, &theirs, &version).await.is_none(), "somebody else's version is read");
    let climb = format!("../{}/uploads/test.pdf", one.organisation());
    assert!(org_scoped_key(two, climb.as_bytes()).is_err(), "a way out of the folder");

    store.delete(&theirs).await.unwrap();
    assert!(store.head(&ours, None).await.unwrap().is_some(), "another's deletion took ours");
    store.delete(&ours).await.unwrap();
}

/// A second body makes a second version and leaves the first as it was; deletion takes all of them,
/// and may be repeated.
pub async fn versions_stay_until_all_are_deleted(store: &dyn ObjectStore, tenant: &Tenant) {
    let (key, longer) = (key(tenant, "uploads/a.pdf"), key(tenant, "uploads/a.pdf2"));
    let first = store.put(&key, &announced(b"first"), parts(b"first")).await.unwrap();
    let second = store.put(&key, &announced(b"second!"), parts(b"second!")).await.unwrap();
    store.put(&longer, &announced(b"other"), parts(b"other")).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(read(store, &key, &first).await.unwrap(), b"first", "a pinned version changed");
    assert_eq!(store.head(&key, None).await.unwrap().unwrap().version, second);
    let named = store.head(&key, Some(&first)).await.unwrap().unwrap();
    assert_eq!((named.version, named.size), (first.clone(), 5));

    for _ in 0..2 {
        store.delete(&key).await.unwrap();
        assert_eq!(store.head(&key, None).await.unwrap(), None);
        assert!(read(store, &key, &first).await.is_none(), "an old version is left");
        assert!(read(store, &key, &second).await.is_none());
    }
    assert!(store.head(&longer, None).await.unwrap().is_some(), "a longer name was deleted");
    store.delete(&longer).await.unwrap();
}

/// A body that is longer, shorter or other than announced, or that breaks off, leaves nothing.
pub async fn only_the_announced_body_is_kept(store: &dyn ObjectStore, tenant: &Tenant) {
    const BYTES: &[u8] = b"exactly these bytes";
    let key = key(tenant, "uploads/exact.pdf");
    let terms = announced(BYTES);
    let broken: Vec<io::Result<Bytes>> =
        vec![Ok(Bytes::from_static(b"exactly")), Err(io::ErrorKind::ConnectionReset.into())];
    let bodies: [(&str, Parts); 3] = [
        ("shorter", parts(b"exactly")),
        ("longer", parts(b"exactly these bytes, and more")),
        ("broken", Box::pin(stream::iter(broken))),
    ];
    for (name, body) in bodies {
        let told = store.put(&key, &terms, body).await;
        assert!(matches!(told, Err(ObjectError::Body(_))), "{name}: {told:?}");
        assert_eq!(store.head(&key, None).await.unwrap(), None, "a {name} body was kept");
    }
    let told = store.put(&key, &terms, parts(b"EXACTLY THESE BYTES")).await;
    assert!(matches!(told, Err(ObjectError::OtherBytes(_))), "other bytes: {told:?}");
    assert_eq!(store.head(&key, None).await.unwrap(), None, "other bytes were kept");
}

/// What lies outside of every organisation's folder, with these bytes, is copied into one as it is;
/// what is not there is copied nowhere.
pub async fn what_is_brought_in_is_whole(
    store: &(impl ObjectStore + ObjectImport),
    tenant: &Tenant,
    (source, bytes): (&ForeignKey, &[u8]),
) {
    let content = store.open(source).await.unwrap().unwrap();
    let parts: Vec<_> = content.parts.collect().await;
    let found = parts.into_iter().collect::<Result<Vec<_>, _>>().unwrap().concat();
    assert_eq!(found, bytes, "the original is not what it was");

    let key = key(tenant, "documents/brought-in");
    let first = store.copy(source, &key, "application/pdf").await.unwrap().unwrap();
    let facts = store.head(&key, Some(&first)).await.unwrap().unwrap();
    assert_eq!((facts.size, facts.encrypted), (announced(bytes).size, true));
    assert_eq!(facts.content_type.as_deref(), Some("application/pdf"), "the type is the old one");
    assert_eq!(read(store, &key, &first).await.unwrap(), bytes);
    let second = store.copy(source, &key, "application/pdf").await.unwrap().unwrap();
    assert_ne!(first, second, "a copy took the place of a version");

    let absent = ForeignKey::new("elsewhere/absent").unwrap();
    assert!(store.open(&absent).await.unwrap().is_none());
    assert!(store.copy(&absent, &key, "application/pdf").await.unwrap().is_none());
    assert_eq!(store.head(&key, None).await.unwrap().unwrap().version, second);
    store.delete(&key).await.unwrap();
}

/// What is signed is for one key, one purpose and a short while, and is never printed.
pub async fn what_is_signed_is_narrow(
    store: &dyn ObjectStore,
    [one, two]: [&Tenant; 2],
    now: DateTime<Utc>,
) {
    let terms = announced(b"some bytes");
    let presentation = Presentation {
        disposition: "attachment; filename=\"a.pdf\"".to_owned(),
        content_type: "application/pdf".to_owned(),
    };
    let version = ObjectVersion::new("v1").unwrap();
    let day = Duration::from_secs(86_400);
    let (ours, theirs) = (key(one, "uploads/test.pdf"), key(two, "uploads/test.pdf"));

    let put = store.sign_put(&ours, &terms, day).await.unwrap();
    assert_eq!(put.method, "PUT");
    assert!(put.expires_at <= now + TimeDelta::seconds(930), "an upload's URL lives too long");
    assert!(put.url.expose_secret().contains(ours.as_str()), "the URL is not the key's");
    let says = |name: &str, value: &str| {
        put.headers.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
    };
    assert!(says("content-length", "10"), "the length is not signed");
    assert!(says("content-type", "application/pdf"), "the type is not signed");
    assert!(put.headers.iter().any(|(name, _)| name.ends_with("sha256")), "the hash is not signed");

    let get = store.sign_get(&ours, &version, &presentation, day).await.unwrap();
    assert_eq!((get.method, get.headers.len()), ("GET", 0));
    assert!(get.expires_at <= now + TimeDelta::seconds(330), "a download's URL lives too long");
    let other = store.sign_get(&theirs, &version, &presentation, day).await.unwrap();
    assert_ne!(get.url.expose_secret(), other.url.expose_secret());
    assert!(!other.url.expose_secret().contains(ours.as_str()));
    for signed in [&put, &get] {
        let printed = format!("{signed:?}");
        assert!(!printed.contains("uploads/test.pdf"), "a URL was printed: {printed}");
    }
}

/// Puts parts where signed requests say, as a client would: over a socket where there is one.
#[async_trait]
pub trait Uploader: Sync {
    /// Sends `bytes` by `signed`; `upload` and `number` say what it is.
    async fn put(&self, signed: &SignedRequest, upload: &UploadName, number: u16, bytes: Vec<u8>);
}

/// Parts become one object, in the order of their numbers and not in that of their coming; not before
/// all of them are there, and once. What is not completed goes with the key.
pub async fn parts_become_one_object(
    store: &dyn ObjectStore,
    tenant: &Tenant,
    uploader: &dyn Uploader,
) {
    let (key, day) = (key(tenant, "recordings/long.mp4"), Duration::from_secs(86_400));
    let first = vec![b'a'; usize::try_from(Part::LEAST).unwrap()];
    let second = b"and the end".to_vec();
    let size = u64::try_from(first.len() + second.len()).unwrap();
    let upload = store.begin_parts(&key, "video/mp4").await.unwrap();
    assert_eq!(store.join_parts(&key, &upload, size).await.unwrap(), None, "nothing has come");
    for (number, bytes) in [(2, second.clone()), (1, first.clone())] {
        let sha256 = Sha256::from_bytes(sha2::Sha256::digest(&bytes).into());
        let part = Part { number, size: u64::try_from(bytes.len()).unwrap(), sha256 };
        let signed = store.sign_part(&key, &upload, &part, day).await.unwrap();
        assert_eq!(signed.method, "PUT");
        assert!(signed.url.expose_secret().contains(key.as_str()));
        assert!(signed.headers.iter().any(|(name, _)| name.ends_with("sha256")));
        assert_eq!(store.join_parts(&key, &upload, size).await.unwrap(), None, "a part is missing");
        uploader.put(&signed, &upload, number, bytes).await;
    }
    assert_eq!(store.join_parts(&key, &upload, size + 1).await.unwrap(), None, "another length");
    let other = UploadName::new("no-such-upload").unwrap();
    assert_eq!(store.join_parts(&key, &other, size).await.unwrap(), None, "no such upload");
    assert_eq!(store.head(&key, None).await.unwrap(), None, "joined too soon");
    let version = store.join_parts(&key, &upload, size).await.unwrap().unwrap();
    let facts = store.head(&key, None).await.unwrap().unwrap();
    assert_eq!((&facts.version, facts.size, facts.encrypted), (&version, size, true));
    assert_eq!(facts.content_type.as_deref(), Some("video/mp4"));
    assert!(read(store, &key, &version).await.unwrap() == [first, second].concat(), "other bytes");
    assert_eq!(store.join_parts(&key, &upload, size).await.unwrap(), None, "joined once");

    let left = store.begin_parts(&key, "video/mp4").await.unwrap();
    store.delete(&key).await.unwrap();
    assert_eq!(store.head(&key, None).await.unwrap(), None);
    assert_eq!(store.join_parts(&key, &left, size).await.unwrap(), None, "an upload is left");
}
