use std::net::{Ipv4Addr, SocketAddr};

use actix_web::http::Uri;
use restartix_http_api::Network;
use restartix_tenancy::{Rate, RatePolicy};

use super::reader::{Reader, between, parsed};

/// How the server is reached, and whom it believes.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where clients reach it: an origin, without a trailing slash.
    pub public_url: String,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Threads that serve requests: 1 to 256.
    pub workers: usize,
    /// How much one user, and one organisation, may ask for at a time.
    pub rate_limits: RatePolicy,
}

/// What [`SocketAddr`] asks of a text.
pub(super) const ADDRESS: &str = "must be an address and a port";

const ORIGIN: &str = "must be an origin: http or https, a host, perhaps a port, no path";

impl Http {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let bind = reader.or("http.bind", default, parsed(ADDRESS));
        let public_url = public_url(reader, bind);
        let trusted_proxies = reader
            .list("http.trusted_proxies", parsed("must be addresses or networks, as 10.0.0.0/8"));
        let everybody = |text: &str| Ok(text.ends_with("/0"));
        if reader.list("http.trusted_proxies", everybody).contains(&true) {
            reader.fault("http.trusted_proxies", "must not hold every address");
        }
        let cors_origins = reader.list("http.cors_origins", origin);
        if reader.is_production() && cors_origins.iter().any(|origin| !is_https(origin)) {
            reader.fault("http.cors_origins", "must be https in production");
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let rule = between(1, 256, "must be a whole number from 1 to 256");
        let workers = reader.or("http.workers", processors.min(256), rule);
        let rate_limits = reader.or("http.rate_limits", RatePolicy::default(), rate_policy);
        if reader.is_production() && rate_limits != RatePolicy::default() {
            reader.fault("http.rate_limits", "must not be lifted in production");
        }
        let public_url = public_url?;
        Some(Self { bind, public_url, trusted_proxies, cors_origins, workers, rate_limits })
    }
}

impl Http {
    /// The origins of our pages: the server's own and those that may call it.
    pub fn web_origins(&self) -> Vec<String> {
        let mut origins = vec![self.public_url.clone()];
        origins.extend(self.cors_origins.iter().filter(|one| **one != self.public_url).cloned());
        origins
    }

    /// What the API must know of it.
    pub(crate) fn presentation(&self) -> restartix_http_api::Config {
        restartix_http_api::Config {
            cors_origins: self.cors_origins.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            ..restartix_http_api::Config::new(&self.public_url)
        }
    }
}

fn public_url(reader: &mut Reader<'_>, bind: SocketAddr) -> Option<String> {
    let faults = reader.faults.clone();
    let given = reader.optional("http.public_url", origin);
    match given {
        Some(url) if reader.is_production() && !is_https(&url) => {
            reader.fault("http.public_url", "must be https in production");
            None
        }
        None if faults != reader.faults => None,
        None if reader.is_production() => {
            reader.fault("http.public_url", "is required in production");
            None
        }
        None => Some(format!("http://{bind}")),
        given => given,
    }
}

fn rate_policy(text: &str) -> Result<RatePolicy, &'static str> {
    match text {
        "standard" => Ok(RatePolicy::default()),
        "lifted" => Ok(RatePolicy::uniform(Rate::LIFTED, Rate::LIFTED)),
        _ => Err("must be `standard` or `lifted`"),
    }
}

/// An origin (RFC 6454), without a trailing slash.
fn origin(text: &str) -> Result<String, &'static str> {
    let uri: Uri = text.parse().map_err(|_| ORIGIN)?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if known && bare && matches!(uri.path(), "" | "/") && uri.query().is_none() {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(ORIGIN)
    }
}

/// Whether `url` is reached over TLS.
pub(super) fn is_https(url: &str) -> bool {
    url.parse().is_ok_and(|uri: Uri| uri.scheme_str() == Some("https"))
}
