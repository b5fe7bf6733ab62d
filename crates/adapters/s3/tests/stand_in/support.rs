//! A stand-in, and the adapter that speaks to it.

use std::sync::Arc;
use std::time::Duration;

use restartix_kernel::{SeededRandom, SystemClock};
use restartix_s3::{Bucket, Config, CredentialSource, Credentials, Finding, S3, Timeouts};
use restartix_sandbox::s3::{Options, S3 as StandIn};

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

    /// No bucket yet.
    pub(crate) async fn empty() -> Self {
        let stand_in = StandIn::start(Options::default()).await.unwrap();
        let s3 = s3(&config(&stand_in));
        Self { stand_in, s3 }
    }

    pub(crate) fn bucket(&self) -> Bucket {
        self.s3.bucket(&[PAGE.to_owned()])
    }

    pub(crate) async fn check(&self) -> Vec<Finding> {
        self.bucket().check().await.unwrap()
    }
}

pub(crate) fn s3(config: &Config) -> S3 {
    S3::new(config, Arc::new(SystemClock), Arc::new(SeededRandom::new(1))).unwrap()
}

/// Impatient and quick to try again.
pub(crate) fn config(stand_in: &StandIn) -> Config {
    let credentials = Credentials::new("sandbox-access-key", "sandbox-secret-access-key".into());
    let (idle, long) = (Duration::from_millis(500), Duration::from_secs(10));
    Config {
        endpoint: Some(stand_in.url().to_owned()),
        path_style: true,
        timeouts: Timeouts { connect: long, idle, call: long, stream: long },
        ..Config::new("eu-central-1", BUCKET, CredentialSource::Fixed(credentials))
    }
}

pub(crate) fn rules(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule).collect()
}
