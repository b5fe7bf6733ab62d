use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use restartix_kernel::Clock;
use restartix_storage::{ObjectError, Sha256, SignedRequest};

use crate::KeySource;
use crate::error::CallError;
use crate::keys::Provided;

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where S3 is, when it is not AWS's own: an origin.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Whether the bucket stands in the path instead of the host's name.
    pub path_style: bool,
    /// The ARN of the KMS key that encrypts; absent: S3's own keys.
    pub kms_key_id: Option<String>,
    /// To connect.
    pub connect: Duration,
    /// For a call with all its attempts, bodies that are streamed aside.
    pub call: Duration,
    /// For a body that is streamed, to its last byte.
    pub stream: Duration,
    /// Attempts per call that may be repeated, the first one included.
    pub attempts: u32,
}

/// One bucket at S3, by AWS's own client. Cheap to clone.
#[derive(Clone)]
pub struct AwsS3 {
    pub(crate) client: Client,
    /// The same, for what is sent once.
    pub(crate) once: Client,
    pub(crate) bucket: String,
    pub(crate) kms_key: Option<String>,
    clock: Arc<dyn Clock>,
    keys: Arc<Provided>,
}

impl fmt::Debug for AwsS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsS3").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl AwsS3 {
    /// As `config` says, as whoever `keys` names. Connects to nothing yet.
    pub fn new(config: &Config, keys: Arc<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        let limits = |whole: Duration| {
            TimeoutConfig::builder()
                .connect_timeout(config.connect)
                .operation_timeout(whole)
                .build()
        };
        let mut builder = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .force_path_style(config.path_style)
            // What is said of a body is said by us.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = &config.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        let keys = Arc::new(Provided(keys));
        let provider = SharedCredentialsProvider::new(crate::keys::Asked(keys.clone()));
        builder = builder.credentials_provider(provider);
        let retries = RetryConfig::standard().with_max_attempts(config.attempts);
        let repeated = builder.clone().retry_config(retries).timeout_config(limits(config.call));
        let single = builder
            .clone()
            .retry_config(RetryConfig::disabled())
            .timeout_config(limits(config.stream));
        Self {
            client: Client::from_conf(repeated.build()),
            once: Client::from_conf(single.build()),
            bucket: config.bucket.clone(),
            kms_key: config.kms_key_id.clone(),
            clock,
            keys,
        }
    }

    /// How objects are encrypted at rest.
    pub(crate) fn encryption(&self) -> ServerSideEncryption {
        match self.kms_key {
            Some(_) => ServerSideEncryption::AwsKms,
            None => ServerSideEncryption::Aes256,
        }
    }

    /// How a request is signed for a while; what the SDK would ask its own clock is asked of ours.
    pub(crate) async fn while_good(&self, ttl: Duration) -> Result<Signing, ObjectError> {
        let unsigned = || ObjectError::from(CallError::Unasked("a signature"));
        let now = self.clock.now();
        let credentials = self.keys.credentials().await.map_err(|_| unsigned())?;
        // A URL dies with the key that signed it.
        let start = SystemTime::from(now);
        let left = credentials.expiry().and_then(|end| end.duration_since(start).ok());
        let ttl = Duration::from_secs(left.map_or(ttl, |left| ttl.min(left)).as_secs());
        let config = PresigningConfig::builder().start_time(start).expires_in(ttl).build();
        let length = TimeDelta::from_std(ttl).map_err(|_| unsigned())?;
        Ok(Signing { config: config.map_err(|_| unsigned())?, expires_at: now + length })
    }
}

/// For how long something is signed.
pub(crate) struct Signing {
    pub(crate) config: PresigningConfig,
    expires_at: chrono::DateTime<chrono::Utc>,
}

impl Signing {
    /// What was signed, in the port's words.
    pub(crate) fn told(&self, method: &'static str, signed: &PresignedRequest) -> SignedRequest {
        let headers = signed.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let (url, headers) = (signed.uri().to_owned().into(), headers.collect());
        SignedRequest { method, url, headers, expires_at: self.expires_at }
    }
}

/// A hash as S3 takes it.
pub(crate) fn checksum(sha256: &Sha256) -> String {
    BASE64_STANDARD.encode(sha256.as_bytes())
}
