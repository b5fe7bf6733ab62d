//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::blocks;

/// An address that may be connected to. Only the guard makes one, and only such are dialled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Admitted(IpAddr);

impl Admitted {
    /// The address.
    pub const fn get(self) -> IpAddr {
        self.0
    }

    /// The loopback address of a URL that the development switch let pass.
    pub(super) const fn loopback(address: Loopback) -> Self {
        match address {
            Loopback::V4 => Self(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Loopback::V6 => Self(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        }
    }
}

/// The two hosts that the development switch admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Loopback {
    /// `127.0.0.1`.
    V4,
    /// `[::1]`.
    V6,
}

/// At least one answer of a look-up is forbidden, so all of them are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub struct Forbidden;

/// Judges **every** address: one that is forbidden spoils the rest, because a name that leads
/// inside as well as outside was made to be tried until it does.
pub(super) fn judge_all(addresses: &[IpAddr], own: &[IpNet]) -> Result<Vec<Admitted>, Forbidden> {
    addresses.iter().map(|address| judge(*address, own)).collect()
}

/// Judges one address. A mapped address is judged, and then dialled, as the IPv4 address that it
/// is; a NAT64 address is judged by the IPv4 address behind the translator.
fn judge(address: IpAddr, own: &[IpNet]) -> Result<Admitted, Forbidden> {
    match address {
        IpAddr::V4(address) => judge_v4(address, own).map(|()| Admitted(address.into())),
        IpAddr::V6(address) if blocks::MAPPED.contains(&address) => {
            let inner = embedded(address);
            judge_v4(inner, own).map(|()| Admitted(inner.into()))
        }
        IpAddr::V6(address) if blocks::NAT64.contains(&address) => {
            judge_v4(embedded(address), own)?;
            outside_of(own, address.into())?;
            Ok(Admitted(address.into()))
        }
        IpAddr::V6(address) => {
            let special = blocks::IPV6.iter().any(|block| block.contains(&address));
            if special || !blocks::GLOBAL_UNICAST.contains(&address) {
                return Err(Forbidden);
            }
            outside_of(own, address.into())?;
            Ok(Admitted(address.into()))
        }
    }
}

fn judge_v4(address: Ipv4Addr, own: &[IpNet]) -> Result<(), Forbidden> {
    if blocks::IPV4.iter().any(|block| block.contains(&address)) {
        return Err(Forbidden);
    }
    outside_of(own, address.into())
}

fn outside_of(own: &[IpNet], address: IpAddr) -> Result<(), Forbidden> {
    if own.iter().any(|network| network.contains(&address)) { Err(Forbidden) } else { Ok(()) }
}

/// The last 32 bits as an IPv4 address.
fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}
