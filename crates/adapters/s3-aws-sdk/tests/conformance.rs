//! AWS's own client against the stand-in for S3, by the suite that every store passes.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    VersioningConfiguration,
};
use restartix_kernel::{Clock as _, ExposeSecret as _, SeededRandom, SystemClock};
use restartix_s3_aws_sdk::{AccessKey, AwsS3, Config, KeySource};
use restartix_sandbox::s3::{Options, S3 as StandIn};
use restartix_storage::{ObjectError, ObjectStore as _, SignedRequest, UploadName, conformance};
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;

const BUCKET: &str = "clinic-files";
const ID: &str = "sandbox-access-key";
const SECRET: &str = "sandbox-secret-access-key";

/// What the other adapter's `bucket apply` does, as far as this one needs it.
async fn make_bucket(endpoint: &str) {
    let key = aws_sdk_s3::config::Credentials::new(ID, SECRET, None, None, "a test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .force_path_style(true)
        .endpoint_url(endpoint)
        .credentials_provider(key)
        .build();
    let owner = aws_sdk_s3::Client::from_conf(config);
    let place = BucketLocationConstraint::EuCentral1;
    let place = CreateBucketConfiguration::builder().location_constraint(place).build();
    owner.create_bucket().bucket(BUCKET).create_bucket_configuration(place).send().await.unwrap();
    let kept = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let versions = owner.put_bucket_versioning().bucket(BUCKET).versioning_configuration(kept);
    versions.send().await.unwrap();
}

struct Fixed;

#[async_trait::async_trait]
impl KeySource for Fixed {
    async fn key(&self) -> Result<AccessKey, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AccessKey { id: ID.into(), secret: SECRET.into(), token: None, expires_at: None })
    }
}

/// A bucket that keeps versions, and the SDK's client of it.
async fn stand() -> (StandIn, AwsS3) {
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    make_bucket(stand_in.url()).await;
    let config = Config {
        endpoint: Some(stand_in.url().to_owned()),
        region: "eu-central-1".to_owned(),
        bucket: BUCKET.to_owned(),
        path_style: true,
        kms_key_id: None,
        connect: Duration::from_secs(3),
        call: Duration::from_secs(30),
        stream: Duration::from_secs(60),
        attempts: 4,
    };
    let store = AwsS3::new(&config, Arc::new(Fixed), Arc::new(SystemClock));
    (stand_in, store)
}

/// Sends parts as a browser would.
struct Browser;

#[async_trait::async_trait]
impl conformance::Uploader for Browser {
    async fn put(&self, signed: &SignedRequest, _: &UploadName, _: u16, bytes: Vec<u8>) {
        let mut request = ureq::put(signed.url.expose_secret());
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let sent = tokio::task::spawn_blocking(move || request.send(&bytes[..])).await.unwrap();
        assert_eq!(sent.unwrap().status(), 200);
    }
}

async fn keeps_the_rules(stand_in: &StandIn, store: &AwsS3) {
    let random = SeededRandom::new(1);
    let (one, two) =
        (principal(1, Role::Admin, &random).await, principal(2, Role::Admin, &random).await);
    let tenants = [one.tenant().unwrap(), two.tenant().unwrap()];
    conformance::one_organisations_object_is_not_anothers(store, tenants).await;
    conformance::versions_stay_until_all_are_deleted(store, tenants[0]).await;
    conformance::only_the_announced_body_is_kept(store, tenants[0]).await;
    conformance::what_is_signed_is_narrow(store, tenants, SystemClock.now()).await;
    conformance::parts_become_one_object(store, tenants[0], &Browser).await;
    assert_eq!(stand_in.objects(BUCKET), [], "the suite leaves nothing behind");
    assert_eq!(stand_in.uploads(BUCKET), [], "no upload is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_own_client_keeps_the_rules_of_the_port() {
    let (stand_in, store) = stand().await;
    keeps_the_rules(&stand_in, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_them_while_s3_stumbles_at_every_other_call() {
    let (stand_in, store) = stand().await;
    stand_in.switch(|switches| {
        switches.stumbles = true;
        switches.faults.slow_body_ms = 1;
    });
    keeps_the_rules(&stand_in, &store).await;
}

/// AWS's client reads no answer with a header beyond ASCII, which ours does: that is passing, not a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_it_cannot_read_is_no_refusal() {
    let (stand_in, store) = stand().await;
    let member = principal(1, Role::Admin, &SeededRandom::new(1)).await;
    let key = restartix_storage::org_scoped_key(member.tenant().unwrap(), b"uploads/a").unwrap();
    let body = conformance::announced(b"text");
    store.put(&key, &body, conformance::parts(b"text")).await.unwrap();
    stand_in.switch(|switches| switches.strange_headers = 100);
    let told = store.head(&key, None).await;
    assert!(matches!(told, Err(ObjectError::Unavailable(_))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_passing_and_prints_no_key_and_no_url() {
    let (stand_in, store) = stand().await;
    let member = principal(1, Role::Admin, &SeededRandom::new(1)).await;
    let key = restartix_storage::org_scoped_key(member.tenant().unwrap(), b"uploads/a").unwrap();
    stand_in.stop().await.unwrap();
    let told = store.head(&key, None).await.unwrap_err();
    assert!(matches!(told, ObjectError::Unavailable(_)), "{told:?}");
    let printed = format!("{told:?} {store:?}");
    assert!(!printed.contains("uploads/a") && !printed.contains(SECRET), "{printed}");
    stand_in.restart().await.unwrap();
    assert_eq!(store.head(&key, None).await.unwrap(), None);
}
