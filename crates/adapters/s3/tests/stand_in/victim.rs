//! The hostile keys against a server that believes paths: `s3s-fs` resolves `..` on its disk, from one
//! organisation's folder into another's. What saves us is that no request leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper_next::service::service_fn;
use hyper_util::rt::TokioIo;
use restartix_s3::Config;
use restartix_storage::{ObjectStore as _, Presentation, conformance, org_scoped_key};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::support::{BUCKET, config_at, key, member, parts, s3};

const SECRET: &[u8] = b"%PDF-1.7 of clinic 1";

/// Clinic 1's report on a disk, and a server before it that counts what it is asked.
struct Victim {
    url: String,
    asked: Arc<AtomicUsize>,
    _disk: tempfile::TempDir,
}

impl Victim {
    async fn start() -> Self {
        let disk = tempfile::tempdir().unwrap();
        let folder = disk.path().join(BUCKET);
        std::fs::create_dir_all(folder.join("1/uploads")).unwrap();
        std::fs::create_dir_all(folder.join("2/uploads")).unwrap();
        std::fs::write(folder.join("1/uploads/test.pdf"), SECRET).unwrap();
        let files = s3s_fs::FileSystem::new(disk.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        let auth = SimpleAuth::from_single("sandbox-access-key", "sandbox-secret-access-key");
        builder.set_auth(auth);
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (service, count) = (service.clone(), count.clone());
                let counted =
                    service_fn(move |request: http::Request<hyper_next::body::Incoming>| {
                        count.fetch_add(1, Ordering::SeqCst);
                        let service = service.clone();
                        async move { service.call(request.map(s3s::Body::from)).await }
                    });
                let serving = hyper_next::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), counted);
                tokio::spawn(async move { drop(serving.await) });
            }
        });
        Self { url, asked, _disk: disk }
    }

    fn config(&self) -> Config {
        config_at(&self.url)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[derive(Deserialize)]
struct Samples {
    hostile: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    hex: String,
    reason: String,
}

/// The samples, and ways out that need this server's folders.
fn hostile() -> Vec<(Vec<u8>, String)> {
    let text = include_str!("../../../../../fixtures/storage/hostile_keys.json");
    let samples: Samples = serde_json::from_str(text).unwrap();
    let samples = samples.hostile.into_iter();
    let samples = samples.map(|sample| (hex::decode(sample.hex).unwrap(), sample.reason));
    let ways = [
        "../1/uploads/test.pdf",
        "uploads/../../1/uploads/test.pdf",
        "uploads/./../../1/uploads/test.pdf",
        "/1/uploads/test.pdf",
        "..%2f1/uploads/test.pdf",
        "%2e%2e/1/uploads/test.pdf",
        "\u{2025}/1/uploads/test.pdf",
        "\u{FF0E}\u{FF0E}\u{FF0F}1/uploads/test.pdf",
        "..\\1\\uploads\\test.pdf",
    ];
    let ways = ways.map(|way| (way.as_bytes().to_vec(), way.to_owned()));
    samples.chain(ways).collect()
}

#[tokio::test]
async fn the_victim_hands_clinic_1s_report_to_whoever_asks_for_it_as_clinic_2() {
    let victim = Victim::start().await;
    let climb = "2/../1/uploads/test.pdf";
    let stolen = asked_without_rules(&victim, climb).await;
    assert_eq!(stolen, SECRET, "the victim is none: the proof below would prove nothing");
}

/// Asks by a key that no rule has seen, as a client would that joins texts: signed, by rusoto itself.
async fn asked_without_rules(victim: &Victim, key: &str) -> Vec<u8> {
    use rusoto_core::credential::StaticProvider;
    use rusoto_core::{HttpClient, Region};
    use rusoto_s3::{GetObjectRequest, S3 as _, S3Client};
    use tokio::io::AsyncReadExt as _;

    let provider = StaticProvider::new_minimal(
        "sandbox-access-key".to_owned(),
        "sandbox-secret-access-key".to_owned(),
    );
    let region = Region::Custom { name: "eu-central-1".to_owned(), endpoint: victim.url.clone() };
    let client = S3Client::new_with(HttpClient::new().unwrap(), provider, region);
    let request =
        GetObjectRequest { bucket: BUCKET.to_owned(), key: key.to_owned(), ..Default::default() };
    let found = client.get_object(request).await.unwrap();
    let mut bytes = Vec::new();
    found.body.unwrap().into_async_read().read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn of_the_hostile_keys_not_one_request_is_sent() {
    let victim = Victim::start().await;
    let store = s3(&victim.config());
    let two = member(2).await;
    let tenant = two.tenant().unwrap();
    let hostile = hostile();
    assert!(hostile.len() >= 48);
    for (relative, reason) in hostile {
        // What a service does with a path that somebody gave it; the key comes before the request.
        let put = async {
            let key = org_scoped_key(tenant, &relative)?;
            store.put(&key, &conformance::announced(SECRET), parts(SECRET)).await.unwrap();
            Ok::<_, restartix_storage::KeyError>(())
        };
        assert!(put.await.is_err(), "{relative:?} was put: {reason}");
        let read = async {
            let key = org_scoped_key(tenant, &relative)?;
            store.head(&key, None).await.unwrap();
            let shown = Presentation { disposition: "inline".into(), content_type: "a/b".into() };
            let version = restartix_storage::ObjectVersion::new("null").unwrap();
            let link = std::time::Duration::from_secs(60);
            store.sign_get(&key, &version, &shown, link).await.unwrap();
            Ok::<_, restartix_storage::KeyError>(())
        };
        assert!(read.await.is_err(), "{relative:?} was read: {reason}");
        assert_eq!(victim.asked(), 0, "{relative:?} was asked for: {reason}");
    }
    // It does listen, and it is asked for what keeps the rules.
    let _ = store.head(&key(2, "uploads/test.pdf").await, None).await;
    assert!(victim.asked() > 0);
}
