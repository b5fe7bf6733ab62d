//! Which URLs may be sent to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::address::Loopback;

/// The longest URL that is taken, in bytes.
const MAX_URL: usize = 2048;

/// The last labels of names that never lead out of a network: RFC 6762 (`local`), RFC 6761
/// (`localhost`), ICANN's reservation of 2024 for private use (`internal`), RFC 8375 (`home.arpa`,
/// and nothing else below `arpa` receives webhooks), RFC 7686 (`onion`), and what is common
/// without being reserved.
const INSIDE: [&str; 10] = [
    "internal",
    "local",
    "localhost",
    "localdomain",
    "arpa",
    "onion",
    "intranet",
    "lan",
    "corp",
    "home",
];

/// Where a request goes: a URL that passed every rule, in parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) scheme: Scheme,
    pub(crate) host: Name,
    pub(crate) port: u16,
    /// Path and query, as the request line has them.
    pub(crate) target: String,
}

/// How the connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear: loopback in development alone.
    Http,
}

/// Whom the connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Name {
    /// A name to be resolved and judged: lower case, at least two labels, no dot at the end.
    Dns(String),
    /// This machine, by the development switch.
    Loopback(Loopback),
}

impl Place {
    /// The value of the header `host`.
    pub(crate) fn authority(&self) -> String {
        let usual = match self.scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
        };
        if self.port == usual {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns(name) => name,
            Self::Loopback(Loopback::V4) => "127.0.0.1",
            Self::Loopback(Loopback::V6) => "[::1]",
        })
    }
}

/// Why a URL may not be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is no absolute URL of at most 2048 visible ASCII characters in one plain spelling.
    #[error("not an absolute URL of at most 2048 visible ASCII characters")]
    Malformed,
    /// It is not `https`.
    #[error("the URL must be https")]
    Scheme,
    /// It carries a user or a password.
    #[error("the URL must not carry a user or a password")]
    UserInfo,
    /// It carries a fragment, which is never sent.
    #[error("the URL must not have a fragment")]
    Fragment,
    /// Its host is an address, in whatever spelling, or a name that leads nowhere outside.
    #[error("the URL's host must be a public DNS name")]
    Host,
    /// Its port is not among those allowed.
    #[error("the URL's port is not allowed")]
    Port,
}

/// Puts `text` to every rule. `loopback` is the development switch.
pub(super) fn place(text: &str, ports: &[u16], loopback: bool) -> Result<Place, BadUrl> {
    let raw = authority(text)?;
    let url = Url::parse(text).map_err(|_| BadUrl::Malformed)?;
    if url.fragment().is_some() {
        return Err(BadUrl::Fragment);
    }
    if raw.contains('@') {
        return Err(BadUrl::UserInfo);
    }
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(BadUrl::Scheme),
    };
    let port = url.port_or_known_default().ok_or(BadUrl::Port)?;
    let host = match url.host().ok_or(BadUrl::Host)? {
        Host::Domain(name) => Name::Dns(public_name(name)?),
        address => {
            Name::Loopback(loopback_of(&address, raw).filter(|_| loopback).ok_or(BadUrl::Host)?)
        }
    };
    match host {
        Name::Dns(_) if scheme == Scheme::Http => return Err(BadUrl::Scheme),
        Name::Dns(_) if !ports.contains(&port) => return Err(BadUrl::Port),
        Name::Loopback(_) if port == 0 => return Err(BadUrl::Port),
        Name::Dns(_) | Name::Loopback(_) => {}
    }
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok(Place { scheme, host, port, target })
}

/// The authority as it is spelt. Whatever parsers read in more than one way is refused before one
/// of them reads it: white space, controls, backslashes, and percent signs in the authority.
fn authority(text: &str) -> Result<&str, BadUrl> {
    if text.len() > MAX_URL || text.bytes().any(|b| !b.is_ascii_graphic() || b == b'\\') {
        return Err(BadUrl::Malformed);
    }
    let (_, rest) = text.split_once("://").ok_or(BadUrl::Malformed)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('%') {
        return Err(BadUrl::Malformed);
    }
    Ok(authority)
}

/// A name of the public DNS, as the parser normalised it.
fn public_name(name: &str) -> Result<String, BadUrl> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    // A name of one label has no dot; one with a dot at its end has an empty last label.
    let (_, last) = name.rsplit_once('.').ok_or(BadUrl::Host)?;
    if name.len() > 253 || !name.split('.').all(label) || INSIDE.contains(&last) {
        return Err(BadUrl::Host);
    }
    Ok(name.to_owned())
}

/// One of the two loopback hosts, spelt as they are spelt and not in some other way.
fn loopback_of(host: &Host<&str>, raw: &str) -> Option<Loopback> {
    let spelt = |text: &str| {
        raw == text || raw.strip_prefix(text).is_some_and(|rest| rest.starts_with(':'))
    };
    match host {
        Host::Ipv4(address) if IpAddr::V4(*address) == Ipv4Addr::LOCALHOST => {
            spelt("127.0.0.1").then_some(Loopback::V4)
        }
        Host::Ipv6(address) if *address == Ipv6Addr::LOCALHOST => {
            spelt("[::1]").then_some(Loopback::V6)
        }
        _ => None,
    }
}
