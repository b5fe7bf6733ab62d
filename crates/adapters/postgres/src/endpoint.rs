use std::net::IpAddr;

use restartix_kernel::{ExposeSecret, Secret};
use tokio_postgres::config::{Host, SslMode};

use crate::ConnectError;

/// What a database URL says of the way to the database, for whoever must judge it before it is
/// used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Who signs in.
    pub user: Option<String>,
    /// Whether the way never leaves the machine: Unix sockets and loopback addresses only.
    pub is_local: bool,
    /// Whether a connection without TLS is refused.
    pub requires_tls: bool,
}

impl Endpoint {
    /// What `url` says; [`ConnectError::Url`] when it says nothing that can be read.
    pub fn of(url: &Secret) -> Result<Self, ConnectError> {
        let settings: tokio_postgres::Config =
            url.expose_secret().parse().map_err(|_| ConnectError::Url)?;
        let local_address = |address: &IpAddr| address.is_loopback();
        let local_host = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|address| local_address(&address))
            }
        };
        // Where both are given, the addresses are what is connected to.
        let addresses = settings.get_hostaddrs();
        let is_local = if addresses.is_empty() {
            settings.get_hosts().iter().all(local_host)
        } else {
            addresses.iter().all(local_address)
        };
        Ok(Self {
            user: settings.get_user().map(str::to_owned),
            is_local,
            requires_tls: settings.get_ssl_mode() == SslMode::Require,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_who_signs_in_and_whether_the_way_is_safe() {
        let of = |url: &str| {
            let Endpoint { user, is_local, requires_tls } = Endpoint::of(&url.into()).unwrap();
            (user.unwrap_or_default(), is_local, requires_tls)
        };
        let local = ["127.0.0.1", "[::1]", "localhost", "%2Frun%2Fpostgresql"];
        for host in local {
            assert_eq!(
                of(&format!("postgres://core_app@{host}/core")),
                ("core_app".into(), true, false)
            );
        }
        let remote = "postgres://core_app:pw@db.example/core";
        assert_eq!(of(remote), ("core_app".into(), false, false));
        assert_eq!(of(&format!("{remote}?sslmode=require")), ("core_app".into(), false, true));
        assert!(!of("host=127.0.0.1 hostaddr=10.0.0.7 user=x").1, "the address is what counts");
        assert!(!of("postgres://x@localhost,db.example/core").1, "one of two is elsewhere");
        assert!(Endpoint::of(&"db.example".into()).is_err());
    }
}
