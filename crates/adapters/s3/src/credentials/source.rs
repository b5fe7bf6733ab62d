use std::net::IpAddr;
use std::path::PathBuf;

use hyper::http::Uri;
use restartix_kernel::Secret;

use super::{Credentials, container, instance, profile};
use crate::ConfigError;
use crate::http::Http;

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// From the configuration.
    Fixed(Credentials),
    /// From a section of a file in the form of `~/.aws/credentials`, read again now and then.
    Profile {
        /// The file.
        file: PathBuf,
        /// The section, as `default`.
        name: String,
    },
    /// From the agent of ECS or EKS, at the URL that it puts into the container's environment.
    Container {
        /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, or `http://169.254.170.2` before
        /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
        url: String,
        /// What the agent wants to see.
        authorization: Authorization,
    },
    /// From an EC2 instance's metadata service, version 2 alone (IMDSv2).
    Instance {
        /// Where it is: [`CredentialSource::INSTANCE`] on every instance.
        endpoint: String,
    },
}

/// What the container's agent wants to see.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// Nothing.
    None,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    Token(Secret),
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`, read each time: EKS renews it.
    File(PathBuf),
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("the credentials' file cannot be read")]
    File(#[source] std::io::Error),
    /// The file's profile is not there or lacks a key.
    #[error("the credentials' file {0}")]
    Profile(&'static str),
    /// Whoever gives them does not answer.
    #[error("the credentials' endpoint does not answer")]
    Endpoint(#[source] Box<crate::CallError>),
    /// Whoever gives them refuses.
    #[error("the credentials' endpoint answered with {0}")]
    Status(u16),
    /// What came holds no credentials.
    #[error("the credentials' endpoint gave an answer without credentials")]
    Answer,
    /// What came has already expired.
    #[error("the credentials have expired")]
    Expired,
    /// Nobody answered a moment ago.
    #[error("the credentials could not be had a moment ago")]
    Recent,
}

impl CredentialSource {
    /// Where every instance finds its metadata.
    pub const INSTANCE: &str = "http://169.254.169.254";

    /// What cannot work, if anything.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let fine = match self {
            Self::Fixed(credentials) if credentials.is_sendable() => return Ok(()),
            Self::Fixed(_) => return Err(ConfigError::Credentials),
            Self::Profile { .. } => true,
            Self::Container { url, .. } => is_trusted(url),
            Self::Instance { endpoint } => is_trusted(endpoint),
        };
        if fine { Ok(()) } else { Err(ConfigError::CredentialsEndpoint) }
    }

    /// Asks anew.
    pub(crate) async fn fetch(&self, http: &Http) -> Result<Credentials, CredentialsError> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Profile { file, name } => profile::read(file, name).await,
            Self::Container { url, authorization } => {
                container::fetch(http, url, authorization).await
            }
            Self::Instance { endpoint } => instance::fetch(http, endpoint).await,
        }
    }

    /// Whether what came may be another one later without saying so.
    pub(crate) const fn may_change(&self) -> bool {
        !matches!(self, Self::Fixed(_))
    }
}

/// Whether keys may be asked for there: over TLS, on this machine, or at the fixed addresses of
/// the agents (AWS SDKs and Tools Reference Guide, "Container credential provider").
fn is_trusted(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let bare = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let Some(host) = uri.host().filter(|_| bare) else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_local(host.trim_matches(['[', ']'])),
        _ => false,
    }
}

fn is_local(host: &str) -> bool {
    const AGENTS: [&str; 5] =
        ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];
    let agent = |ip: &IpAddr| AGENTS.iter().any(|agent| agent.parse() == Ok(*ip));
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || agent(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_over_tls_or_nearby_only() {
        for good in [
            "https://agent.example/x",
            "http://127.0.0.1:8080/x",
            "http://[::1]:80/",
            "http://169.254.170.2/v2/credentials/1",
            "http://[fd00:ec2::23]/v1/credentials",
            CredentialSource::INSTANCE,
        ] {
            assert!(is_trusted(good), "{good}");
        }
        for bad in [
            "http://agent.example/x",
            "http://localhost.example/",
            "http://10.0.0.1/",
            "ftp://x",
            "",
            "http://169.254.170.2@evil.example/",
            "http://user@127.0.0.1/",
        ] {
            assert!(!is_trusted(bad), "{bad}");
        }
    }
}
