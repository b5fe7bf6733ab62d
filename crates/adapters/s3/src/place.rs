use hyper::http::Uri;

use crate::{Config, ConfigError};

/// Where the bucket is: everything that we send goes here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    scheme: &'static str,
    /// The host with its port, as `clinic-files.s3.eu-central-1.amazonaws.com`.
    host: String,
    /// What precedes each key in the path: empty, or the bucket.
    prefix: String,
}

impl Place {
    /// Where `config` says that the bucket is.
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let Config { region, bucket, .. } = config;
        if !is_region(region) {
            return Err(ConfigError::Region);
        }
        if !is_bucket(bucket) {
            return Err(ConfigError::Bucket);
        }
        let (scheme, host) = match &config.endpoint {
            None => ("https", format!("s3.{region}.{}", domain(region))),
            Some(endpoint) => origin(endpoint).ok_or(ConfigError::Endpoint)?,
        };
        if config.path_style {
            return Ok(Self { scheme, host, prefix: format!("/{bucket}") });
        }
        if bucket.contains('.') {
            return Err(ConfigError::Dots);
        }
        if is_address(&host) {
            return Err(ConfigError::Address);
        }
        Ok(Self { scheme, host: format!("{bucket}.{host}"), prefix: String::new() })
    }

    /// What the header `host` says.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether requests are sent in the clear.
    pub(crate) fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    /// The path of an object; of the bucket itself when `key` is empty. Not encoded.
    pub(crate) fn path(&self, key: &str) -> String {
        if key.is_empty() && !self.prefix.is_empty() {
            return self.prefix.clone();
        }
        format!("{}/{key}", self.prefix)
    }

    /// The URL of a target (path and query, encoded).
    pub(crate) fn url(&self, target: &str) -> String {
        format!("{}://{}{target}", self.scheme, self.host)
    }

    /// The origin that a page's policy must allow.
    pub(crate) fn origin(&self) -> String {
        self.url("")
    }
}

/// The domain of the partition that the region belongs to.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn origin(endpoint: &str) -> Option<(&'static str, String)> {
    let uri: Uri = endpoint.parse().ok()?;
    let scheme = match uri.scheme_str()? {
        "https" => "https",
        "http" => "http",
        _ => return None,
    };
    let authority = uri.authority()?.as_str();
    let bare = uri.path() == "/" && !endpoint.contains(['?', '#']) && !authority.contains('@');
    // The port that goes without saying is not in the header that is signed.
    let implied = if scheme == "https" { ":443" } else { ":80" };
    let host = authority.strip_suffix(implied).unwrap_or(authority);
    bare.then(|| (scheme, host.to_ascii_lowercase()))
}

/// Whether a host, perhaps with a port, is an IP address.
fn is_address(host: &str) -> bool {
    use std::net::{IpAddr, SocketAddr};
    host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn is_region(region: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !region.is_empty() && region.len() <= 32 && region.bytes().all(plain)
}

fn is_bucket(name: &str) -> bool {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let plain = |b: &u8| edge(b) || matches!(b, b'-' | b'.');
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(plain)
        && bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CredentialSource, Credentials};

    fn place(endpoint: Option<&str>, region: &str, path_style: bool) -> Place {
        let credentials = CredentialSource::Fixed(Credentials::new("AKID", "secret".into()));
        let config = Config::new(region, "files", credentials);
        let endpoint = endpoint.map(str::to_owned);
        Place::of(&Config { endpoint, path_style, ..config }).unwrap()
    }

    #[test]
    fn the_bucket_stands_in_the_host_or_in_the_path() {
        let aws = place(None, "eu-central-1", false);
        assert_eq!(aws.url(&aws.path("1/a")), "https://files.s3.eu-central-1.amazonaws.com/1/a");
        let aws = place(None, "cn-north-1", true);
        assert_eq!(aws.url(&aws.path("1/a")), "https://s3.cn-north-1.amazonaws.com.cn/files/1/a");
        let own = place(Some("http://127.0.0.1:9000/"), "eu-central-1", true);
        assert_eq!(own.url(&own.path("")), "http://127.0.0.1:9000/files");
        assert!(own.is_plain());
        let own = place(Some("https://S3.example:443"), "eu-central-1", false);
        assert_eq!(own.origin(), "https://files.s3.example");
    }
}
