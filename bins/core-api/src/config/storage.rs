use restartix_clamd::Address;
use restartix_kernel::Secret;
use restartix_s3::{Authorization, Config, ConfigError, CredentialSource, Credentials};

use super::http::is_https;
use super::reader::Reader;
use super::source::Agent;

/// Where files are kept; `None` where no bucket is named, which production does not accept.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let text = |text: &str| Ok(text.to_owned());
    let endpoint = reader.optional("storage.endpoint", text);
    let region = reader.optional("storage.region", text);
    let bucket = reader.optional("storage.bucket", text);
    let kms_key_id = reader.optional("storage.kms_key_id", text);
    let path_style = reader.or("storage.path_style", false, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    });
    let credentials = credentials(reader);
    let Some(bucket) = bucket else {
        let others = [endpoint.is_some(), region.is_some(), kms_key_id.is_some()];
        if reader.is_production() {
            reader.fault("storage.bucket", "is required in production");
        } else if others.contains(&true) {
            reader.fault("storage.bucket", "is required with the other keys of the section");
        }
        return None;
    };
    if region.is_none() {
        reader.fault("storage.region", "is required with storage.bucket");
    }
    if reader.is_production() && endpoint.as_deref().is_some_and(|url| !is_https(url)) {
        reader.fault("storage.endpoint", "must be https in production");
    }
    let (credentials, region) = (credentials?, region?);
    let usual = Config::new("eu-central-1", "files", credentials);
    // One by one, because the adapter's own check names the first fault only.
    for one in [
        Config { endpoint: endpoint.clone(), path_style, ..usual.clone() },
        Config { region: region.clone(), ..usual.clone() },
        Config { bucket: bucket.clone(), path_style, ..usual.clone() },
        Config { kms_key_id: kms_key_id.clone(), ..usual.clone() },
    ] {
        if let Err(error) = one.check() {
            reader.fault(key_of(error), format!("is refused: {error}"));
        }
    }
    Some(Config { endpoint, region, bucket, kms_key_id, path_style, ..usual })
}

/// Which client speaks to S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageClient {
    /// `rusoto_s3`.
    #[default]
    Rusoto,
    /// AWS's own.
    AwsSdk,
}

/// Which client speaks to S3: one that this build has.
pub(super) fn client(reader: &mut Reader<'_>) -> StorageClient {
    reader.or("storage.client", StorageClient::Rusoto, |text| match text {
        "rusoto" => Ok(StorageClient::Rusoto),
        "aws-sdk" if cfg!(feature = "s3-aws-sdk") => Ok(StorageClient::AwsSdk),
        "aws-sdk" => Err("is not in this build: it needs the feature `s3-aws-sdk`"),
        _ => Err("must be rusoto or aws-sdk"),
    })
}

/// Where clamd is, where there is one.
pub(super) fn clamd(reader: &mut Reader<'_>) -> Option<Address> {
    reader.optional("storage.clamd", |text| {
        text.parse().map_err(|_| "must be tcp://HOST:PORT or unix:/PATH")
    })
}

/// The key that a fault is about.
const fn key_of(error: ConfigError) -> &'static str {
    match error {
        ConfigError::Endpoint => "storage.endpoint",
        ConfigError::Region => "storage.region",
        ConfigError::Address => "storage.path_style",
        ConfigError::Bucket | ConfigError::Dots => "storage.bucket",
        ConfigError::KmsKeyId => "storage.kms_key_id",
        ConfigError::Credentials => "storage.access_key_id",
        ConfigError::CredentialsEndpoint => "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        _ => "storage",
    }
}

/// The first of: an access key, a profile, the container's agent, the instance's role.
fn credentials(reader: &mut Reader<'_>) -> Option<CredentialSource> {
    let id = reader.optional("storage.access_key_id", |text| Ok(text.to_owned()));
    let secret = reader.secret("storage.secret_access_key");
    let session_token = reader.secret("storage.session_token");
    let file = reader.optional("storage.credentials_file", |text| Ok(text.into()));
    let name = reader.or("storage.profile", "default".to_owned(), |text| Ok(text.to_owned()));
    match (id, secret, file) {
        (Some(id), Some(secret), None) => {
            let key = Credentials { session_token, ..Credentials::new(&id, secret) };
            Some(CredentialSource::Fixed(key))
        }
        (None, None, Some(file)) => Some(CredentialSource::Profile { file, name }),
        (None, None, None) => Some(surroundings(reader.agent())),
        (Some(_), None, _) => {
            reader.fault("storage.secret_access_key", "is required with storage.access_key_id");
            None
        }
        (None, Some(_), _) => {
            reader.fault("storage.access_key_id", "is required with storage.secret_access_key");
            None
        }
        (Some(_), Some(_), Some(_)) => {
            reader.fault("storage.credentials_file", "and storage.access_key_id are both given");
            None
        }
    }
}

/// What the machine that we run on has for us.
fn surroundings(agent: &Agent) -> CredentialSource {
    let relative = agent.relative_uri.as_ref().map(|path| format!("http://169.254.170.2{path}"));
    let Some(url) = relative.or_else(|| agent.full_uri.clone()) else {
        return CredentialSource::Instance { endpoint: CredentialSource::INSTANCE.to_owned() };
    };
    let authorization = match (&agent.token_file, &agent.token) {
        (Some(file), _) => Authorization::File(file.into()),
        (None, Some(token)) => Authorization::Token(Secret::from(token.as_str())),
        (None, None) => Authorization::None,
    };
    CredentialSource::Container { url, authorization }
}
