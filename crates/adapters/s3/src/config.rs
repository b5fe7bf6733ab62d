use std::time::Duration;

use hyper::http::Uri;

use crate::CredentialSource;

/// Where the files are, and as whom we come.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where S3 is, when it is not AWS's own: an origin, as `https://s3.example`.
    pub endpoint: Option<String>,
    /// The region, as `eu-central-1`. Signatures hold in it alone.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Whether the bucket stands in the path instead of the host's name. Needed where names below
    /// the endpoint do not resolve, and for buckets with dots in their names.
    pub path_style: bool,
    /// The ARN of the KMS key that encrypts; absent: S3's own keys (AES256). Neither an id nor an
    /// alias: policies compare the ARN.
    pub kms_key_id: Option<String>,
    /// Who we are.
    pub credentials: CredentialSource,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Attempts per call that may be repeated, the first one included: 1 to 10.
    pub attempts: u8,
}

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To resolve the name, connect and shake hands.
    pub connect: Duration,
    /// Without a byte from or to S3.
    pub idle: Duration,
    /// For a call with all its attempts and waits, bodies that are streamed aside.
    pub call: Duration,
    /// For a body that is streamed, from the request's start to its last byte.
    pub stream: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            idle: Duration::from_secs(10),
            call: Duration::from_secs(30),
            stream: Duration::from_secs(900),
        }
    }
}

/// Why a [`Config`] cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The endpoint is not an origin.
    #[error(
        "the endpoint must be http or https with a host, without user, path, query or fragment"
    )]
    Endpoint,
    /// The region is not one.
    #[error("the region must be 1 to 32 characters of a-z, 0-9 and -")]
    Region,
    /// The bucket's name is not one (S3's user guide, "Bucket naming rules").
    #[error(
        "the bucket must be 3 to 63 characters of a-z, 0-9, - and ., a letter or digit at each end"
    )]
    Bucket,
    /// TLS certificates do not cover names with more dots.
    #[error("a bucket with dots in its name needs the path style")]
    Dots,
    /// There are no names below an address.
    #[error("an endpoint that is an address needs the path style")]
    Address,
    /// The key is not named by its ARN.
    #[error("the KMS key must be named by its ARN, arn:aws:kms:...:key/...")]
    KmsKeyId,
    /// The access key cannot be sent.
    #[error("the access key must have an id and a secret of visible ASCII characters")]
    Credentials,
    /// Credentials would be asked for in the clear, or of a stranger.
    #[error(
        "the credentials' endpoint must be https, loopback or the address of the container agent"
    )]
    CredentialsEndpoint,
    /// A length of time is zero or too long.
    #[error("each time-out must be more than zero and at most one hour")]
    Timeouts,
    /// The attempts are out of bounds.
    #[error("the attempts must be 1 to 10")]
    Attempts,
    /// The system's TLS library refuses to start.
    #[error("TLS cannot be set up")]
    Tls,
}

impl Config {
    /// AWS's own S3, everything else as usual.
    pub fn new(region: &str, bucket: &str, credentials: CredentialSource) -> Self {
        Self {
            endpoint: None,
            region: region.to_owned(),
            bucket: bucket.to_owned(),
            path_style: false,
            kms_key_id: None,
            credentials,
            timeouts: Timeouts::default(),
            attempts: 4,
        }
    }

    /// Whether S3 is reached over TLS: a production profile refuses anything else.
    pub fn is_encrypted(&self) -> bool {
        self.endpoint.as_deref().is_none_or(|endpoint| {
            endpoint.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"))
        })
    }

    /// What cannot work, if anything.
    pub fn check(&self) -> Result<(), ConfigError> {
        crate::place::Place::of(self)?;
        let is_arn =
            |id: &str| is_sendable(id, 2048) && id.starts_with("arn:aws") && id.contains(":key/");
        if self.kms_key_id.as_deref().is_some_and(|id| !is_arn(id)) {
            return Err(ConfigError::KmsKeyId);
        }
        self.credentials.check()?;
        let Timeouts { connect, idle, call, stream } = self.timeouts;
        let most = Duration::from_secs(3600);
        if [connect, idle, call, stream].iter().any(|t| t.is_zero() || *t > most) {
            return Err(ConfigError::Timeouts);
        }
        if !(1..=10).contains(&self.attempts) {
            return Err(ConfigError::Attempts);
        }
        Ok(())
    }
}

/// Whether `text` can stand in a header: visible ASCII, 1 to `most` bytes.
pub(crate) fn is_sendable(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;

    fn config() -> Config {
        let credentials = Credentials::new("AKIDEXAMPLE", "the-secret-key".into());
        Config::new("eu-central-1", "clinic-files", CredentialSource::Fixed(credentials))
    }

    #[test]
    fn values_out_of_bounds_are_named() {
        assert_eq!(config().check(), Ok(()));
        let some = |text: &str| Some(text.to_owned());
        let zero = Timeouts { idle: Duration::ZERO, ..Timeouts::default() };
        let nobody = CredentialSource::Fixed(Credentials::new("", "x".into()));
        let cases = [
            (Config { endpoint: some("s3.example"), ..config() }, ConfigError::Endpoint),
            (Config { endpoint: some("https://s3.example/x"), ..config() }, ConfigError::Endpoint),
            (
                Config { endpoint: some("https://u:p@s3.example"), ..config() },
                ConfigError::Endpoint,
            ),
            (Config { endpoint: some("http://[::1]:9000"), ..config() }, ConfigError::Address),
            (Config { region: "EU".to_owned(), ..config() }, ConfigError::Region),
            (Config { bucket: "Files".to_owned(), ..config() }, ConfigError::Bucket),
            (Config { bucket: "a/../b".to_owned(), ..config() }, ConfigError::Bucket),
            (Config { bucket: "a..b".to_owned(), ..config() }, ConfigError::Bucket),
            (Config { bucket: "files.clinic".to_owned(), ..config() }, ConfigError::Dots),
            (Config { kms_key_id: some("alias/files"), ..config() }, ConfigError::KmsKeyId),
            (Config { credentials: nobody, ..config() }, ConfigError::Credentials),
            (Config { timeouts: zero, ..config() }, ConfigError::Timeouts),
            (Config { attempts: 0, ..config() }, ConfigError::Attempts),
        ];
        for (config, error) in cases {
            assert_eq!(config.check(), Err(error), "{config:?}");
        }
    }

    #[test]
    fn a_configuration_prints_no_secret_and_tells_whether_it_is_encrypted() {
        assert!(!format!("{:?}", config()).contains("the-secret-key"));
        assert!(config().is_encrypted());
        let endpoint = Some("http://127.0.0.1:9000".to_owned());
        assert!(!Config { endpoint, ..config() }.is_encrypted());
    }
}
