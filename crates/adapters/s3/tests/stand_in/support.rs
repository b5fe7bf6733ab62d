//! A stand-in, and the adapter that speaks to it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::{Body, Client, Request, StatusCode};
use restartix_kernel::{Clock, ExposeSecret as _, SeededRandom, SystemClock};
use restartix_s3::{Bucket, Config, CredentialSource, Credentials, Finding, S3, Timeouts};
use restartix_sandbox::s3::{Options, S3 as StandIn};
use restartix_storage::{
    ObjectError, ObjectStore as _, ObjectVersion, OrgScopedKey, Parts, SignedRequest, UploadName,
    conformance, org_scoped_key,
};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};

pub(crate) const BUCKET: &str = "clinic-files";
pub(crate) const PAGE: &str = "https://app.clinic.example";
pub(crate) const KMS_KEY: &str = "arn:aws:kms:eu-central-1:000000000000:key/files";

pub(crate) struct Stand {
    pub(crate) stand_in: StandIn,
    pub(crate) s3: S3,
}

impl Stand {
    /// A bucket with all its rules.
    pub(crate) async fn ready() -> Self {
        let stand = Self::empty().await;
        stand.bucket().apply().await.unwrap();
        stand
    }

    /// The same, with all the time that the adapter usually takes: the machine may be busy.
    pub(crate) async fn patient() -> Self {
        let ready = Self::ready().await;
        let config = Config { timeouts: Timeouts::default(), ..config(&ready.stand_in) };
        Self { s3: s3(&config), ..ready }
    }

    /// No bucket yet.
    pub(crate) async fn empty() -> Self {
        let stand_in = StandIn::start(Options::default()).await.unwrap();
        let s3 = s3(&config(&stand_in));
        Self { stand_in, s3 }
    }

    pub(crate) fn bucket(&self) -> Bucket {
        self.s3.bucket(&[PAGE.to_owned()])
    }

    /// Puts some bytes.
    pub(crate) async fn put(
        &self,
        key: &OrgScopedKey,
        bytes: &'static [u8],
    ) -> Result<ObjectVersion, ObjectError> {
        self.s3.put(key, &conformance::announced(bytes), parts(bytes)).await
    }

    /// Reads a version to its end.
    pub(crate) async fn read(
        &self,
        key: &OrgScopedKey,
        version: &ObjectVersion,
    ) -> Result<Vec<u8>, String> {
        let content = self.s3.read(key, version).await.map_err(|error| error.to_string())?;
        let parts: Vec<_> = content.unwrap().parts.collect().await;
        let parts: Result<Vec<_>, _> = parts.into_iter().collect();
        parts.map(|parts| parts.concat()).map_err(|error| error.to_string())
    }

    pub(crate) async fn check(&self) -> Vec<Finding> {
        self.bucket().check().await.unwrap()
    }
}

pub(crate) fn s3(config: &Config) -> S3 {
    s3_at(config, Arc::new(SystemClock))
}

pub(crate) fn s3_at(config: &Config, clock: Arc<dyn Clock>) -> S3 {
    S3::new(config, clock, Arc::new(SeededRandom::new(1))).unwrap()
}

/// Somebody of an organisation.
pub(crate) async fn member(organisation: i64) -> Principal {
    principal(organisation, Role::Admin, &SeededRandom::new(1)).await
}

/// A key in the organisation's folder.
pub(crate) async fn key(organisation: i64, relative: &str) -> OrgScopedKey {
    org_scoped_key(member(organisation).await.tenant().unwrap(), relative.as_bytes()).unwrap()
}

pub(crate) fn parts(bytes: &'static [u8]) -> Parts {
    Box::pin(stream::iter([Ok(Bytes::from_static(bytes))]))
}

/// Sends parts as a browser would.
pub(crate) struct Browser;

#[async_trait]
impl conformance::Uploader for Browser {
    async fn put(&self, signed: &SignedRequest, _: &UploadName, _: u16, bytes: Vec<u8>) {
        let answer = send(signed.method, signed.url.expose_secret(), &signed.headers, &bytes).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// An answer that has been read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: hyper::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A request by whoever, as a browser sends it.
pub(crate) async fn send(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = Client::new().request(request.body(Body::from(body.to_vec())).unwrap());
    let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.unwrap().unwrap();
    let (head, body) = answer.into_parts();
    let body = hyper::body::to_bytes(body).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: head.status, headers: head.headers, body }
}

/// Impatient and quick to try again.
pub(crate) fn config(stand_in: &StandIn) -> Config {
    config_at(stand_in.url())
}

/// The same, of whoever listens there.
pub(crate) fn config_at(url: &str) -> Config {
    let credentials = Credentials::new("sandbox-access-key", "sandbox-secret-access-key".into());
    let (idle, long) = (Duration::from_millis(500), Duration::from_secs(10));
    Config {
        endpoint: Some(url.to_owned()),
        path_style: true,
        timeouts: Timeouts { connect: long, idle, call: long, stream: long },
        ..Config::new("eu-central-1", BUCKET, CredentialSource::Fixed(credentials))
    }
}

pub(crate) fn rules(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule).collect()
}
