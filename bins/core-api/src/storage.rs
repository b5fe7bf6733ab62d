//! The bucket of the files, as something to vouch for and to watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use restartix_kernel::{Clock, Random};
use restartix_s3::{Bucket, Config, Finding, Health, S3};

use crate::readiness::Watched;

/// How long the check at the start may take: longer means that S3 cannot be reached.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bucket, and whether its rules have been seen to hold.
pub(crate) struct Storage {
    s3: S3,
    bucket: Bucket,
    /// Still to be seen: in production, until the check has passed once.
    unproven: AtomicBool,
}

impl Storage {
    /// As `config` says, for pages of these origins; `strict` in production.
    pub(crate) fn new(
        config: &Config,
        origins: &[String],
        strict: bool,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> anyhow::Result<Self> {
        let s3 = S3::new(config, clock, random).context("storage")?;
        let bucket = s3.bucket(origins);
        Ok(Self { s3, bucket, unproven: AtomicBool::new(strict) })
    }

    /// Where there is proof to be given, gives it, or refuses: a server over a bucket that lets
    /// strangers read must not start. While S3 cannot be reached, nothing can be read there
    /// either: the server starts degraded, and the check is made up for by whoever watches.
    pub(crate) async fn vouch(&self) -> anyhow::Result<()> {
        if !self.unproven.load(Ordering::Relaxed) {
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, self.bucket.check()).await {
            Ok(Ok(findings)) => self.judge(&findings),
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the bucket cannot be checked yet");
                Ok(())
            }
            Err(_) => {
                tracing::warn!("the bucket cannot be checked yet: S3 takes too long");
                Ok(())
            }
        }
    }

    fn judge(&self, findings: &[Finding]) -> anyhow::Result<()> {
        if findings.is_empty() {
            self.unproven.store(false, Ordering::Relaxed);
            return Ok(());
        }
        let findings: Vec<_> = findings.iter().map(|finding| format!("\n  {finding}")).collect();
        let count = findings.len();
        bail!(
            "{count} of the bucket's rules do not hold (`core-api bucket apply` sets them):{}",
            findings.concat()
        )
    }
}

#[async_trait(?Send)]
impl Watched for Storage {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn serves(&self) -> Option<bool> {
        match self.s3.health() {
            Health::Unknown => None,
            Health::Ok => Some(!self.unproven.load(Ordering::Relaxed)),
            Health::Failing { .. } => Some(false),
        }
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.unproven.load(Ordering::Relaxed) {
            let findings = self.bucket.check().await?;
            return Ok(self.judge(&findings)?);
        }
        Ok(self.s3.probe().await?)
    }
}
