use std::time::Duration;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;

/// What may be sent where.
#[derive(Clone, Debug)]
pub struct Config {
    /// Ports of receivers: 1 to 16 of them.
    pub ports: Vec<u16>,
    /// The platform's own networks, as it is seen from the outside and the inside: no receiver
    /// lives there. Private networks are forbidden without being listed.
    pub own_networks: Vec<IpNet>,
    /// The development switch: `http(s)://127.0.0.1` and `http(s)://[::1]` on any port, besides.
    pub allow_loopback: bool,
    /// The only authorities to trust; Mozilla's where there are none.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// For one exchange from the look-up of the name to the last byte of the answer: more than
    /// zero, at most a minute.
    pub deadline: Duration,
}

impl Default for Config {
    /// Ports 443 and 8443, no networks besides, no loopback, Mozilla's authorities, 15 s.
    fn default() -> Self {
        Self {
            ports: vec![443, 8443],
            own_networks: Vec::new(),
            allow_loopback: false,
            authorities: None,
            deadline: Duration::from_secs(15),
        }
    }
}

/// Why a [`Config`] cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There are no ports, too many, or port 0.
    #[error("the ports must be 1 to 16 numbers of 1 to 65535")]
    Ports,
    /// The deadline is out of bounds.
    #[error("the deadline must be more than zero and at most a minute")]
    Deadline,
    /// An authority is no certificate.
    #[error("an authority is not a certificate")]
    Authorities,
    /// The system does not tell its resolvers.
    #[error("the system's resolvers are unknown")]
    Dns(#[source] crate::Unresolved),
}

impl Config {
    /// Whether it can work, as far as can be told without certificates and resolvers.
    ///
    /// # Errors
    /// The first value that is out of bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=16).contains(&self.ports.len()) || self.ports.contains(&0) {
            return Err(ConfigError::Ports);
        }
        if self.deadline.is_zero() || self.deadline > Duration::from_secs(60) {
            return Err(ConfigError::Deadline);
        }
        Ok(())
    }
}
