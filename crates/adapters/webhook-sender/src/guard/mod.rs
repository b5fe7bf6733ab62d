//! Where a request may go: pure rules over URLs and addresses. Nothing here resolves or connects.

use std::net::IpAddr;

use ipnet::IpNet;

mod address;
mod blocks;
mod place;
#[cfg(test)]
mod tests;

pub(crate) use address::Loopback;
pub use address::{Admitted, Forbidden};
pub use place::{BadUrl, Place};
pub(crate) use place::{Name, Scheme};

/// The rules of one deployment.
#[derive(Clone, Debug)]
pub struct Guard {
    ports: Vec<u16>,
    own: Vec<IpNet>,
    loopback: bool,
}

impl Guard {
    /// https to `ports` of public addresses outside of the platform's `own` networks.
    pub const fn new(ports: Vec<u16>, own: Vec<IpNet>) -> Self {
        Self { ports, own, loopback: false }
    }

    /// The development switch: admits `http(s)://127.0.0.1` and `http(s)://[::1]`, spelt so, on any
    /// port, besides. A name that resolves there stays forbidden.
    #[must_use]
    pub const fn admitting_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The parts of a URL that may be sent to.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn place(&self, url: &str) -> Result<Place, BadUrl> {
        place::place(url, &self.ports, self.loopback)
    }

    /// The answers of a look-up, each fit to be connected to.
    ///
    /// # Errors
    /// One of them is not: then none is.
    pub fn admit(&self, addresses: &[IpAddr]) -> Result<Vec<Admitted>, Forbidden> {
        address::judge_all(addresses, &self.own)
    }

    /// The address of a loopback host: [`Guard::place`] let it pass.
    pub(crate) const fn admit_loopback(host: Loopback) -> Admitted {
        Admitted::loopback(host)
    }
}
