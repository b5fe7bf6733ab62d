//! The blocks that no receiver of an organisation can live in, each with its source.
//!
//! IANA's two registries in whole, blocks that they call globally reachable included: whatever
//! answers there is the network's own machinery and nobody's webhook receiver.
//! <https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

/// A block by its first five groups; the rest are zero.
const fn v6(groups: [u16; 5], length: u8) -> Ipv6Net {
    let [a, b, c, d, e] = groups;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, 0, 0, 0), length)
}

/// Forbidden in IPv4.
pub(super) const IPV4: &[Ipv4Net] = &[
    v4(0, 0, 0, 0, 8),        // this network: RFC 791, section 3.2
    v4(10, 0, 0, 0, 8),       // private use: RFC 1918
    v4(100, 64, 0, 0, 10),    // shared address space, a metadata service among it: RFC 6598
    v4(127, 0, 0, 0, 8),      // loopback: RFC 1122, section 3.2.1.3
    v4(169, 254, 0, 0, 16),   // link-local, most clouds' metadata among it: RFC 3927
    v4(172, 16, 0, 0, 12),    // private use: RFC 1918
    v4(192, 0, 0, 0, 24),     // IETF protocol assignments: RFC 6890, section 2.1
    v4(192, 0, 2, 0, 24),     // documentation, TEST-NET-1: RFC 5737
    v4(192, 31, 196, 0, 24),  // AS112-v4: RFC 7535
    v4(192, 52, 193, 0, 24),  // AMT: RFC 7450
    v4(192, 88, 99, 0, 24),   // 6to4 relay anycast, deprecated: RFC 7526
    v4(192, 168, 0, 0, 16),   // private use: RFC 1918
    v4(192, 175, 48, 0, 24),  // direct delegation AS112: RFC 7534
    v4(198, 18, 0, 0, 15),    // benchmarking: RFC 2544
    v4(198, 51, 100, 0, 24),  // documentation, TEST-NET-2: RFC 5737
    v4(203, 0, 113, 0, 24),   // documentation, TEST-NET-3: RFC 5737
    v4(224, 0, 0, 0, 4),      // multicast: RFC 5771
    v4(240, 0, 0, 0, 4),      // reserved, and limited broadcast: RFC 1112, section 4; RFC 8190
    v4(168, 63, 129, 16, 32), // Azure's platform address, public by its form
];

/// Where IPv6 has hosts at all: global unicast (RFC 4291, section 2.4, as IANA allocates it).
/// Everything outside is forbidden without being listed: `::`, `::1`, IPv4-compatible and
/// -translated forms, `64:ff9b:1::/48` (RFC 8215), `100::/64` (RFC 6666), `100:0:0:1::/64`
/// (RFC 9780), `5f00::/16` (RFC 9602), `fc00::/7` (RFC 4193), `fe80::/10` (RFC 4291),
/// `fec0::/10` (RFC 3879), `ff00::/8` (RFC 4291).
pub(super) const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0], 3);

/// Forbidden within [`GLOBAL_UNICAST`].
pub(super) const IPV6: &[Ipv6Net] = &[
    // IETF protocol assignments: RFC 2928. Teredo (RFC 4380), ORCHIDv2 (RFC 7343), DRIP
    // (RFC 9374), AMT, AS112, benchmarking and the anycast addresses are in it.
    v6([0x2001, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0], 32),     // documentation: RFC 3849
    v6([0x2002, 0, 0, 0, 0], 16),         // 6to4, deprecated: RFC 3056, RFC 7526
    v6([0x2620, 0x4f, 0x8000, 0, 0], 48), // direct delegation AS112: RFC 7534
    v6([0x3fff, 0, 0, 0, 0], 20),         // documentation: RFC 9637
];

/// IPv4-mapped addresses: RFC 4291, section 2.5.5.2.
pub(super) const MAPPED: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);

/// The well-known prefix of NAT64: RFC 6052, section 2.1. On a network with DNS64 every receiver
/// without IPv6 of its own resolves to an address in it.
pub(super) const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0], 96);
