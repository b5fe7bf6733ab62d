//! Signing the URL of an upload and of a download, against rusoto's presigner, which signs less: neither
//! length nor hash.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use restartix_kernel::{ExposeSecret, SeededRandom, SystemClock};
use restartix_s3::{Config, CredentialSource, Credentials, S3};
use restartix_storage::{
    Announced, ObjectStore, ObjectVersion, OrgScopedKey, Presentation, Sha256, org_scoped_key,
};
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;
use rusoto_core::Region;
use rusoto_core::credential::AwsCredentials;
use rusoto_s3::util::{PreSignedRequest, PreSignedRequestOption};
use rusoto_s3::{GetObjectRequest, PutObjectRequest};
use serde_json::json;

use crate::report::Figure;
use crate::rounds::median;

const ROUNDS: usize = 15;
const URLS: u32 = 2000;
const TTL: Duration = Duration::from_secs(60);
const BUCKET: &str = "clinic-files";
const REGION: &str = "eu-central-1";
const DISPOSITION: &str = "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf";
const PDF: &str = "application/pdf";
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "the-secret-key-of-nobody-0123456789";

/// At least 3 times rusoto's rate, for uploads and for downloads; the lesser of the two counts.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measured())
}

/// What both sign.
struct Ours {
    s3: S3,
    key: OrgScopedKey,
    body: Announced,
    version: ObjectVersion,
    presentation: Presentation,
}

impl Ours {
    async fn new() -> Result<Self> {
        let credentials = CredentialSource::Fixed(Credentials::new(ID, SECRET.into()));
        let config = Config { path_style: true, ..Config::new(REGION, BUCKET, credentials) };
        let random = Arc::new(SeededRandom::new(1));
        let member = principal(1, Role::Admin, &*random).await;
        let relative = b"documents/0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
        let key = org_scoped_key(member.tenant()?, relative)?;
        let body =
            Announced { content_type: PDF.into(), size: 1234, sha256: Sha256::from_bytes([7; 32]) };
        let version =
            ObjectVersion::new("3HL4kqtJlcpXroDTDmJrmSpXd3dIbrHY").context("a version")?;
        let presentation =
            Presentation { disposition: DISPOSITION.into(), content_type: PDF.into() };
        Ok(Self {
            s3: S3::new(&config, Arc::new(SystemClock), random)?,
            key,
            body,
            version,
            presentation,
        })
    }

    async fn put(&self) -> Result<usize> {
        let signed = black_box(self).s3.sign_put(&self.key, &self.body, TTL).await?;
        Ok(signed.url.expose_secret().len())
    }

    async fn get(&self) -> Result<usize> {
        let Self { s3, key, version, presentation, .. } = black_box(self);
        let signed = s3.sign_get(key, version, presentation, TTL).await?;
        Ok(signed.url.expose_secret().len())
    }
}

struct Theirs {
    put: PutObjectRequest,
    get: GetObjectRequest,
    credentials: AwsCredentials,
    region: Region,
    option: PreSignedRequestOption,
}

impl Theirs {
    fn new(ours: &Ours) -> Self {
        let (bucket, key) = (BUCKET.to_owned(), ours.key.as_str().to_owned());
        let put = PutObjectRequest {
            bucket: bucket.clone(),
            key: key.clone(),
            content_type: Some(PDF.to_owned()),
            server_side_encryption: Some("AES256".to_owned()),
            ..Default::default()
        };
        let get = GetObjectRequest {
            bucket,
            key,
            response_content_disposition: Some(DISPOSITION.to_owned()),
            response_content_type: Some(PDF.to_owned()),
            version_id: Some(ours.version.as_str().to_owned()),
            ..Default::default()
        };
        let credentials = AwsCredentials::new(ID, SECRET, None, None);
        let region = Region::EuCentral1;
        Self { put, get, credentials, region, option: PreSignedRequestOption { expires_in: TTL } }
    }

    fn sign(&self, request: &impl PreSignedRequest) -> usize {
        black_box(request).get_presigned_url(&self.region, &self.credentials, &self.option).len()
    }
}

/// URLs a second.
fn rate(started: Instant) -> f64 {
    f64::from(URLS) / started.elapsed().as_secs_f64()
}

async fn measured() -> Result<Vec<Figure>> {
    let ours = Ours::new().await?;
    let theirs = Theirs::new(&ours);
    ensure!(theirs.sign(&theirs.put) > 100 && ours.put().await? > 100, "no URLs");
    let mut ratios = [Vec::new(), Vec::new()];
    let (mut our_rates, mut their_rates) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let started = Instant::now();
        for _ in 0..URLS {
            black_box(ours.put().await?);
        }
        let our_puts = rate(started);
        let started = Instant::now();
        for _ in 0..URLS {
            black_box(theirs.sign(&theirs.put));
        }
        let their_puts = rate(started);
        let started = Instant::now();
        for _ in 0..URLS {
            black_box(ours.get().await?);
        }
        let our_gets = rate(started);
        let started = Instant::now();
        for _ in 0..URLS {
            black_box(theirs.sign(&theirs.get));
        }
        let their_gets = rate(started);
        // The first round warms up.
        if round > 0 {
            let [puts, gets] = &mut ratios;
            puts.push(our_puts / their_puts);
            gets.push(our_gets / their_gets);
            our_rates.push(our_puts);
            their_rates.push(their_puts);
        }
    }
    let [puts, gets] = ratios.map(median);
    let details = vec![
        ("uploads", json!(puts)),
        ("downloads", json!(gets)),
        ("ours_per_second", json!(median(our_rates))),
        ("rusoto_per_second", json!(median(their_rates))),
    ];
    let ratio = puts.min(gets);
    Ok(vec![Figure { bench: "presign", ratio, at_least: 3.0, rounds: ROUNDS, details }])
}
