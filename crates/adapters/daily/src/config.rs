use std::time::Duration;

use restartix_kernel::{ExposeSecret, Secret};
use restartix_tenancy::Region;
use restartix_video::RoomNaming;
use ureq::http::Uri;
use uuid::Uuid;

/// How to reach Daily, and as whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the API is: `https://api.daily.co/v1` in production.
    pub base_url: String,
    /// The account's API key, bound to one Daily domain. It also signs meeting tokens.
    pub api_key: Secret,
    /// The domain's id, as `GET /` of the API tells it: with it, tokens are signed here and need
    /// no call; without, each token is a call.
    pub domain_id: Option<Uuid>,
    /// Who names rooms.
    pub room_naming: RoomNaming,
    /// The region whose servers carry the calls (Daily's room property `geo`, such as
    /// `eu-central-1`); absent: Daily chooses by the first participant.
    pub region: Option<Region>,
    /// What Daily signs its notices with: the `hmac` with which our webhook was registered there,
    /// base64 of at least 16 bytes. Absent: no notice is believed.
    pub notice_key: Option<Secret>,
    /// How long a call may take.
    pub timeouts: Timeouts,
    /// Requests under way at once: 1 to 64.
    pub concurrency: u16,
    /// Attempts per request, the first one included: 1 to 10.
    pub attempts: u8,
}

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To resolve the name, connect and shake hands.
    pub connect: Duration,
    /// Until the answer's head has come, and then again until its body has.
    pub read: Duration,
    /// For one attempt altogether.
    pub attempt: Duration,
    /// For a call with all its attempts and waits. No attempt begins after it.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(5),
            attempt: Duration::from_secs(10),
            call: Duration::from_secs(30),
        }
    }
}

/// Why a [`Config`] cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The base URL is not one of an API.
    #[error("the base URL must be http or https with a host, without user, query or fragment")]
    BaseUrl,
    /// The key cannot be sent.
    #[error("the API key must be 8 to 512 visible ASCII characters")]
    ApiKey,
    /// The key of notices cannot be one.
    #[error("the key of notices must be base64 of at least 16 bytes")]
    NoticeKey,
    /// A length of time is zero or longer than ten minutes.
    #[error("each time-out must be more than zero and at most ten minutes")]
    Timeouts,
    /// The concurrency is out of bounds.
    #[error("the concurrency must be 1 to 64")]
    Concurrency,
    /// The attempts are out of bounds.
    #[error("the attempts must be 1 to 10")]
    Attempts,
}

impl Config {
    /// Daily itself with `api_key`, everything else as usual.
    pub fn new(api_key: Secret) -> Self {
        Self {
            base_url: "https://api.daily.co/v1".to_owned(),
            api_key,
            domain_id: None,
            room_naming: RoomNaming::default(),
            region: None,
            notice_key: None,
            timeouts: Timeouts::default(),
            concurrency: 8,
            attempts: 4,
        }
    }

    /// Whether the API is reached over TLS: a production profile refuses anything else, because
    /// the key travels in each request.
    pub fn is_encrypted(&self) -> bool {
        self.base_url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"))
    }

    /// The base URL without a trailing slash, and the origin that a page may frame.
    pub(crate) fn checked(&self) -> Result<(String, String), ConfigError> {
        let place = place(&self.base_url)?;
        let key = self.api_key.expose_secret();
        if !(8..=512).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ConfigError::ApiKey);
        }
        let Timeouts { connect, read, attempt, call } = self.timeouts;
        let most = Duration::from_secs(600);
        if [connect, read, attempt, call].iter().any(|t| t.is_zero() || *t > most) {
            return Err(ConfigError::Timeouts);
        }
        if !(1..=64).contains(&self.concurrency) {
            return Err(ConfigError::Concurrency);
        }
        if !(1..=10).contains(&self.attempts) {
            return Err(ConfigError::Attempts);
        }
        Ok(place)
    }
}

fn place(base_url: &str) -> Result<(String, String), ConfigError> {
    let base = base_url.strip_suffix('/').unwrap_or(base_url);
    let uri: Uri = base.parse().map_err(|_| ConfigError::BaseUrl)?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) =
        (uri.scheme_str(), uri.authority().map(ureq::http::uri::Authority::as_str))
    else {
        return Err(ConfigError::BaseUrl);
    };
    if authority.contains('@') || base.contains(['?', '#']) {
        return Err(ConfigError::BaseUrl);
    }
    let host = uri.host().unwrap_or_default();
    // Rooms live on the account's own subdomain, not on the host of the API.
    let frame = if scheme == "https" && host.eq_ignore_ascii_case("api.daily.co") {
        "https://*.daily.co".to_owned()
    } else {
        format!("{scheme}://{authority}")
    };
    Ok((base.to_owned(), frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("test-api-key".into())
    }

    #[test]
    fn daily_is_framed_from_its_subdomains_and_a_stand_in_from_its_own_origin() {
        let frame = |base: &str| {
            Config { base_url: base.to_owned(), ..config() }.checked().map(|(_, frame)| frame)
        };
        assert_eq!(frame("https://api.daily.co/v1").unwrap(), "https://*.daily.co");
        assert_eq!(frame("http://127.0.0.1:7070/v1/").unwrap(), "http://127.0.0.1:7070");
        for bad in ["", "api.daily.co", "ftp://x/v1", "https://u:p@x/v1", "https://x/v1?a=1"] {
            assert_eq!(frame(bad), Err(ConfigError::BaseUrl), "{bad}");
        }
    }

    #[test]
    fn only_https_is_encrypted() {
        assert!(config().is_encrypted());
        assert!(
            !Config { base_url: "http://127.0.0.1:1/v1".to_owned(), ..config() }.is_encrypted()
        );
    }

    #[test]
    fn values_out_of_bounds_are_named() {
        let zero = Timeouts { read: Duration::ZERO, ..Timeouts::default() };
        let cases = [
            (Config { api_key: "short".into(), ..config() }, ConfigError::ApiKey),
            (Config { api_key: "has a space in it".into(), ..config() }, ConfigError::ApiKey),
            (Config { timeouts: zero, ..config() }, ConfigError::Timeouts),
            (Config { concurrency: 0, ..config() }, ConfigError::Concurrency),
            (Config { attempts: 11, ..config() }, ConfigError::Attempts),
        ];
        for (config, error) in cases {
            assert_eq!(config.checked(), Err(error));
        }
        assert!(!format!("{:?}", config()).contains("test-api-key"));
    }
}
