use std::net::IpAddr;
use std::str::FromStr;

use actix_web::HttpRequest;

/// A block of addresses: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is not an address with an optional prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl std::fmt::Display for NetworkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a network is an address, or an address and a prefix length: 10.0.0.0/8")
    }
}

impl std::error::Error for NetworkError {}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let (_, width) = bits(address);
        let prefix = prefix.map_or(Ok(width), str::parse).map_err(|_| NetworkError)?;
        if prefix > width {
            return Err(NetworkError);
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// Whether `address` lies in the block; an IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        let ((own, width), (other, other_width)) =
            (bits(self.address), bits(address.to_canonical()));
        let differ = u32::from(width.saturating_sub(self.prefix));
        width == other_width
            && (own ^ other).checked_shr(differ).is_none_or(|different| different == 0)
    }
}

/// Whom the request came from: the peer, or the last address in `X-Forwarded-For` that is not a
/// trusted proxy, when the peer is one. Each proxy appends the address that it saw, so whatever
/// stands further left is the client's own word.
pub(crate) fn client(request: &HttpRequest, trusted: &[Network]) -> Option<IpAddr> {
    let is_proxy = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = request.peer_addr()?.ip();
    if !is_proxy(peer) {
        return Some(peer);
    }
    let headers = request.headers().get_all("x-forwarded-for").filter_map(|h| h.to_str().ok());
    let forwarded: Vec<_> = headers.flat_map(|header| header.split(',')).collect();
    let mut nearest = peer;
    for hop in forwarded.iter().rev() {
        let Ok(address) = hop.trim().parse() else { break };
        nearest = address;
        if !is_proxy(address) {
            break;
        }
    }
    Some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_network_holds_its_own_addresses_and_no_others() {
        let inside = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1"));
        assert!(!inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("192.0.2.7", "192.0.2.7") && !inside("192.0.2.7", "192.0.2.8"));
        assert!(inside("0.0.0.0/0", "203.0.113.9") && !inside("0.0.0.0/0", "::1"));
        assert!(inside("::/0", "2001:db8::1") && inside("10.0.0.0/8", "::ffff:10.1.2.3"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::1/129", "x", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_about_the_client() {
        let seen = |peer: &str, header: &str| {
            let request = TestRequest::default()
                .peer_addr(format!("{peer}:1234").parse().unwrap())
                .insert_header(("x-forwarded-for", header))
                .to_http_request();
            client(&request, &networks(&["10.0.0.0/8"])).unwrap().to_string()
        };
        assert_eq!(seen("203.0.113.5", "192.0.2.1"), "203.0.113.5");
        assert_eq!(seen("10.0.0.1", "6.6.6.6, 192.0.2.1, 10.0.0.2"), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", "6.6.6.6, nonsense"), "10.0.0.1");
    }
}
