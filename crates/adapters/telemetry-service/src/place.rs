//! Which addresses may be spoken to.

use std::net::{IpAddr, SocketAddr};

use ureq::Error;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The name leads to an address that is not in a private network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Telemetry service's address is not a private one")]
pub struct PublicAddress;

/// Judges every address: one that is public spoils the rest.
pub(crate) fn judge(addresses: &[SocketAddr]) -> Result<(), PublicAddress> {
    let private = addresses.iter().all(|address| is_private(address.ip()));
    if private { Ok(()) } else { Err(PublicAddress) }
}

/// Loopback (RFC 1122), private use (RFC 1918) or unique local (RFC 4193). Link-local is none: the
/// metadata of clouds is there. A mapped address is judged as the IPv4 address that it is.
pub(crate) const fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// The system's resolver, whose answers are judged before anybody connects to them.
#[derive(Debug, Default)]
pub(crate) struct Judged<R = DefaultResolver>(pub(crate) R);

impl<R: Resolver> Resolver for Judged<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        judge(&found).map_err(|error| Error::Other(Box::new(error)))?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_loopback_addresses_pass_and_one_public_address_spoils_the_rest() {
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), 443);
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ];
        assert_eq!(judge(&private.map(at)), Ok(()));
        for public in [
            "0.0.0.0",
            "8.8.8.8",
            "100.64.0.1",
            "169.254.169.254",
            "172.32.0.1",
            "192.169.0.1",
            "::",
            "2001:db8::1",
            "2a00:1450::1",
            "fe80::1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(judge(&[at("10.0.0.1"), at(public)]), Err(PublicAddress), "{public}");
        }
    }

    /// Leads everywhere to one address.
    #[derive(Debug)]
    struct To(SocketAddr);

    impl Resolver for To {
        fn resolve(
            &self,
            _: &Uri,
            _: &ureq::config::Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, Error> {
            let mut found = self.empty();
            found.push(self.0);
            Ok(found)
        }
    }

    /// The name that was judged at the start may lead elsewhere later.
    #[test]
    fn nobody_connects_to_a_public_address_whatever_a_name_led_to_before() {
        let ask = |address: &str| {
            let resolver = Judged(To(address.parse().unwrap()));
            let connector = ureq::unversioned::transport::DefaultConnector::default();
            let agent =
                ureq::Agent::with_parts(ureq::config::Config::default(), connector, resolver);
            agent.get("http://telemetry.internal/healthz").call().unwrap_err()
        };
        match ask("203.0.113.7:80") {
            Error::Other(other) => assert!(other.is::<PublicAddress>()),
            other => panic!("{other}"),
        }
        // Nobody listens there; it was tried.
        assert!(!matches!(ask("127.0.0.1:1"), Error::Other(_)));
    }
}
