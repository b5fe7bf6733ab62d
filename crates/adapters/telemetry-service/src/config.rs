use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use restartix_kernel::{ExposeSecret, Secret};
use ureq::http::Uri;

use crate::place::is_private;

/// How to reach the Telemetry service, and what signs what it is sent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it is: `https://telemetry.internal`, without a path.
    pub base_url: String,
    /// What signs each batch: base64 of at least 32 random bytes, known to the service as well.
    pub key: Secret,
    /// The only authorities to trust for its certificate, as PEM; absent: Mozilla's.
    pub authorities: Option<Vec<u8>>,
    /// How long a call may take.
    pub timeouts: Timeouts,
}

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To resolve the name, connect and shake hands.
    pub connect: Duration,
    /// Until the body was sent, until the answer's head has come, and then until its body has.
    pub read: Duration,
    /// For a call altogether.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(10),
            call: Duration::from_secs(15),
        }
    }
}

/// Why a [`Config`] cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The base URL is none of a service.
    #[error(
        "the base URL must be http or https with a host, without user, path, query or fragment"
    )]
    BaseUrl,
    /// It is a public one.
    #[error("the Telemetry service must be on loopback or in a private network")]
    Public,
    /// The key cannot be one.
    #[error("the key must be base64 of at least 32 bytes")]
    Key,
    /// The authorities cannot be read.
    #[error("the authorities must be certificates in PEM")]
    Authorities,
    /// A length of time is zero or longer than ten minutes.
    #[error("each time-out must be more than zero and at most ten minutes")]
    Timeouts,
}

/// The longest that a time-out may be.
const LONGEST: Duration = Duration::from_secs(600);

impl Config {
    /// Whether what is sent is encrypted on its way.
    pub fn is_encrypted(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// Everything that can be said without looking at the network. A host that is an address is
    /// judged here; a name is by [`crate::TelemetryClient::vouch`] and at every connection.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.place()?;
        self.signing_key()?;
        let Timeouts { connect, read, call } = self.timeouts;
        let bounded = [connect, read, call].iter().all(|t| !t.is_zero() && *t <= LONGEST);
        if bounded { Ok(()) } else { Err(ConfigError::Timeouts) }
    }

    /// The host and port, and the base without a slash at its end.
    pub(crate) fn place(&self) -> Result<(String, u16, String), ConfigError> {
        let base = self.base_url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| ConfigError::BaseUrl)?;
        let usual = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(ConfigError::BaseUrl),
        };
        let authority = uri.authority().ok_or(ConfigError::BaseUrl)?;
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !plain || base.contains(['@', '#', '?']) || authority.host().is_empty() {
            return Err(ConfigError::BaseUrl);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.parse::<IpAddr>().is_ok_and(|address| !is_private(address)) {
            return Err(ConfigError::Public);
        }
        Ok((host.to_owned(), authority.port_u16().unwrap_or(usual), base.to_owned()))
    }

    pub(crate) fn signing_key(&self) -> Result<Vec<u8>, ConfigError> {
        let bytes = STANDARD.decode(self.key.expose_secret()).map_err(|_| ConfigError::Key)?;
        if bytes.len() >= 32 { Ok(bytes) } else { Err(ConfigError::Key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(base_url: &str) -> Config {
        Config {
            base_url: base_url.to_owned(),
            key: STANDARD.encode([7; 32]).into(),
            authorities: None,
            timeouts: Timeouts::default(),
        }
    }

    #[test]
    fn a_private_address_or_a_name_passes_and_a_public_address_does_not() {
        for good in ["http://127.0.0.1:9100", "https://telemetry.internal/", "http://[fd00::1]:80"]
        {
            assert_eq!(config(good).check(), Ok(()), "{good}");
        }
        for public in ["https://8.8.8.8", "http://169.254.169.254", "https://[2a00:1450::1]:443"] {
            assert_eq!(config(public).check(), Err(ConfigError::Public), "{public}");
        }
        for bad in ["", "telemetry", "ftp://10.0.0.1", "http://a@10.0.0.1", "http://10.0.0.1/v1"] {
            assert_eq!(config(bad).check(), Err(ConfigError::BaseUrl), "{bad}");
        }
        let (host, port, base) = config("https://telemetry.internal/").place().unwrap();
        assert_eq!(
            (&*host, port, &*base),
            ("telemetry.internal", 443, "https://telemetry.internal")
        );
    }

    #[test]
    fn a_short_key_and_a_time_out_of_nothing_are_named_and_the_key_is_not_printed() {
        let good = config("http://10.0.0.1");
        let short = Config { key: "c2hvcnQ=".into(), ..good.clone() };
        assert_eq!(short.check(), Err(ConfigError::Key));
        let zero = Timeouts { read: Duration::ZERO, ..Timeouts::default() };
        let zero = Config { timeouts: zero, ..good.clone() };
        assert_eq!(zero.check(), Err(ConfigError::Timeouts));
        assert!(!format!("{good:?}").contains("BwcH"));
    }
}
