//! The bucket of the files, as something to vouch for and to watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use restartix_kernel::{Clock, Random};
use restartix_s3::{Bucket, Config, Finding, Health, S3};
use restartix_storage::ObjectStore;

use crate::config::StorageClient;
use crate::readiness::Watched;

/// How long the check at the start may take: longer means that S3 cannot be reached.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bucket, and whether its rules have been seen to hold.
pub(crate) struct Storage {
    s3: S3,
    objects: Arc<dyn ObjectStore>,
    bucket: Bucket,
    /// Still to be seen: in production, until the check has passed once.
    unproven: AtomicBool,
}

impl Storage {
    /// As `config` says, for pages of these origins; `strict` in production.
    pub(crate) fn new(
        config: &Config,
        client: StorageClient,
        origins: &[String],
        strict: bool,
        clock: &Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> anyhow::Result<Self> {
        let s3 = S3::new(config, clock.clone(), random).context("storage")?;
        let bucket = s3.bucket(origins);
        let objects: Arc<dyn ObjectStore> = match client {
            StorageClient::Rusoto => Arc::new(s3.clone()),
            #[cfg(feature = "s3-aws-sdk")]
            StorageClient::AwsSdk => crate::aws_sdk::objects(config, &s3, clock.clone()),
            #[cfg(not(feature = "s3-aws-sdk"))]
            StorageClient::AwsSdk => bail!("storage.client: aws-sdk is not in this build"),
        };
        Ok(Self { s3, objects, bucket, unproven: AtomicBool::new(strict) })
    }

    /// The store of files that it is.
    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.clone()
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

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::{SystemClock, SystemRandom};
    use restartix_s3::{CredentialSource, Credentials, Timeouts};
    use restartix_sandbox::s3::{Options, S3 as StandIn};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn storage(endpoint: String, strict: bool) -> Storage {
        let key = Credentials::new("AKIDEXAMPLE", "the-secret".into());
        let config = Config {
            endpoint: Some(endpoint),
            path_style: true,
            timeouts: Timeouts { call: Duration::from_secs(2), ..Timeouts::default() },
            attempts: 1,
            ..Config::new("eu-central-1", "files", CredentialSource::Fixed(key))
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random = Arc::new(SystemRandom);
        Storage::new(&config, StorageClient::Rusoto, &[], strict, &clock, random).unwrap()
    }

    /// An S3 that knows of nothing, or lets nobody in: this one status for everything.
    async fn answering(status: u16) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        url
    }

    #[tokio::test]
    async fn production_refuses_a_bucket_whose_rules_do_not_hold_and_says_which() {
        let storage = storage(answering(404).await, true);
        let told = storage.vouch().await.unwrap_err().to_string();
        assert!(told.contains("of the bucket's rules do not hold"), "{told}");
        assert!(told.contains("\n  policy: expected every denial and nothing else"), "{told}");
        assert_eq!(storage.serves(), Some(false));
        assert!(storage.probe().await.is_err(), "the watch sees it as well");
    }

    /// Its rules are told as they should be; whether they hold shows who tries.
    #[tokio::test]
    async fn production_refuses_a_bucket_that_only_says_that_it_is_safe() {
        let options = Options {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "the-secret".into(),
            ..Options::default()
        };
        let stand_in = StandIn::start(options).await.unwrap();
        let safe = storage(stand_in.url().to_owned(), true);
        safe.bucket.apply().await.unwrap();
        safe.vouch().await.unwrap();
        assert_eq!(safe.serves(), Some(true));
        stand_in.switch(|switches| switches.ignore_policy = true);
        let unsafe_one = storage(stand_in.url().to_owned(), true);
        let told = unsafe_one.vouch().await.unwrap_err().to_string();
        for rule in ["put-without-encryption", "anonymous-get"] {
            assert!(told.contains(rule), "{told}");
        }
        assert_eq!(unsafe_one.serves(), Some(false));
        assert_eq!(stand_in.objects("files"), [], "what was let in is taken away");
    }

    #[tokio::test]
    async fn production_starts_degraded_while_s3_cannot_be_reached() {
        for endpoint in ["http://127.0.0.1:1".to_owned(), answering(503).await] {
            let storage = storage(endpoint, true);
            storage.vouch().await.unwrap();
            assert_eq!(storage.serves(), Some(false));
        }
    }

    #[tokio::test]
    async fn development_asks_for_no_proof() {
        let storage = storage(answering(200).await, false);
        storage.vouch().await.unwrap();
        assert_eq!(storage.serves(), None, "nothing was asked");
        storage.probe().await.unwrap();
        assert_eq!((storage.name(), storage.serves()), ("s3", Some(true)));
    }
}
