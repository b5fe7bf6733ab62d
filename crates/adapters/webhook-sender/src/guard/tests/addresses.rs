use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::super::{Guard, blocks};

fn guard() -> Guard {
    Guard::new(vec![443], vec!["192.5.6.0/24".parse().unwrap(), "2a00:5::/32".parse().unwrap()])
}

fn admitted(address: impl Into<IpAddr>) -> bool {
    guard().admit(&[address.into()]).is_ok()
}

fn v4(bits: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(bits)
}

fn v6(bits: u128) -> Ipv6Addr {
    Ipv6Addr::from_bits(bits)
}

/// The registries as their pages list them, apart from the tables under test: address, length.
const IANA: [&str; 49] = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::1/128",
    "::/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "192.88.99.2/32",
];

/// What no registry of special purposes lists, and leads inside nevertheless.
const BESIDES: [&str; 8] = [
    "168.63.129.16/32",
    "224.0.0.0/4",
    "ff00::/8",
    "fec0::/10",
    "::/96",
    "::ffff:0:0:0/96",
    "192.5.6.0/24",
    "2a00:5::/32",
];

/// Any address of one of these blocks, its first and last ones often.
fn within(blocks: &'static [&'static str]) -> impl Strategy<Value = IpAddr> {
    let offset = prop_oneof![Just(0), Just(u128::MAX), any::<u128>()];
    (proptest::sample::select(blocks), offset).prop_map(|(block, offset)| {
        match block.parse::<IpNet>().unwrap() {
            IpNet::V4(net) => {
                let host = u32::try_from(offset & u128::from(u32::MAX)).unwrap();
                v4(net.network().to_bits() | (host & net.hostmask().to_bits())).into()
            }
            IpNet::V6(net) => {
                v6(net.network().to_bits() | (offset & net.hostmask().to_bits())).into()
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn nothing_in_a_special_block_is_admitted(address in within(&IANA)) {
        prop_assert!(!admitted(address), "{address}");
    }

    #[test]
    fn nothing_of_the_network_itself_is_admitted(address in within(&BESIDES)) {
        prop_assert!(!admitted(address), "{address}");
    }

    /// The library's own predicates, which are written from other sources than the table.
    #[test]
    fn an_ipv4_address_that_the_library_calls_special_is_not_admitted(bits: u32) {
        let address = v4(bits);
        let special = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified()
            || address.is_multicast();
        prop_assert!(!(special && admitted(address)), "{address}");
    }

    /// Every way to write an IPv4 address into an IPv6 one says the same as the address inside,
    /// or no.
    #[test]
    fn an_embedded_address_is_judged_by_what_is_inside(bits: u32) {
        let inside = u128::from(bits);
        let judged = admitted(v4(bits));
        prop_assert_eq!(admitted(v6(0xffff << 32 | inside)), judged, "mapped");
        prop_assert_eq!(admitted(v6(0x0064_ff9b << 96 | inside)), judged, "NAT64");
        prop_assert!(!admitted(v6(inside)), "compatible");
        prop_assert!(!admitted(v6(0xffff << 48 | inside)), "translated");
        prop_assert!(!admitted(v6(0x2002 << 112 | inside << 80)), "6to4");
        prop_assert!(!admitted(v6(0x2001 << 112 | u128::from(!bits))), "Teredo");
        prop_assert!(!admitted(v6(0x0064_ff9b_0001 << 80 | inside)), "local NAT64");
    }

    #[test]
    fn an_ipv6_address_outside_of_global_unicast_is_not_admitted(bits: u128) {
        let address = v6(bits);
        let embeds = blocks::MAPPED.contains(&address) || blocks::NAT64.contains(&address);
        prop_assume!(address.segments()[0] >> 13 != 1 && !embeds);
        prop_assert!(!admitted(address), "{address}");
    }

    #[test]
    fn one_forbidden_answer_spoils_all(bad in within(&IANA), at in 0_usize..4) {
        let mut answers: Vec<IpAddr> =
            ["9.9.9.9", "2620:fe::fe", "1.1.1.1"].map(|good| good.parse().unwrap()).to_vec();
        prop_assert!(guard().admit(&answers).is_ok());
        answers.insert(at, bad);
        prop_assert!(guard().admit(&answers).is_err());
    }
}

/// The table forbids what it lists and no more: the addresses beside each block are free, unless
/// another block begins there.
#[test]
fn the_neighbours_of_each_block_are_admitted() {
    let of = |nets: &[IpNet], address: IpAddr| nets.iter().any(|net| net.contains(&address));
    let listed: Vec<IpNet> = blocks::IPV4
        .iter()
        .map(|net| IpNet::V4(*net))
        .chain(blocks::IPV6.iter().map(|net| IpNet::V6(*net)))
        .chain(guard().own)
        .collect();
    let mut free = 0;
    for net in &listed {
        let neighbours: [Option<IpAddr>; 2] = match net {
            IpNet::V4(net) => [
                net.network().to_bits().checked_sub(1).map(|bits| v4(bits).into()),
                net.broadcast().to_bits().checked_add(1).map(|bits| v4(bits).into()),
            ],
            IpNet::V6(net) => [
                net.network().to_bits().checked_sub(1).map(|bits| v6(bits).into()),
                net.broadcast().to_bits().checked_add(1).map(|bits| v6(bits).into()),
            ],
        };
        for neighbour in neighbours.into_iter().flatten() {
            let unicast = match neighbour {
                IpAddr::V4(_) => true,
                IpAddr::V6(address) => blocks::GLOBAL_UNICAST.contains(&address),
            };
            let expected = unicast && !of(&listed, neighbour);
            assert_eq!(admitted(neighbour), expected, "{neighbour} beside {net}");
            free += usize::from(expected);
        }
    }
    assert!(free > listed.len(), "{free} of {}", listed.len());
}

#[test]
fn metadata_services_of_every_cloud_are_forbidden() {
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.169.253",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
        "::ffff:168.63.129.16",
        "64:ff9b::168.63.129.16",
    ] {
        assert!(!admitted(address.parse::<IpAddr>().unwrap()), "{address}");
    }
}

#[test]
fn public_receivers_are_admitted_and_a_mapped_one_is_dialled_as_ipv4() {
    for address in [
        "8.8.8.8",
        "99.255.255.255",
        "100.128.0.0",
        "2606:4700::1111",
        "2a02::1",
        "64:ff9b::808:808",
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(guard().admit(&[address]).unwrap()[0].get(), address);
    }
    let mapped: IpAddr = "::ffff:8.8.8.8".parse().unwrap();
    assert_eq!(guard().admit(&[mapped]).unwrap()[0].get(), IpAddr::from([8, 8, 8, 8]));
}

#[test]
fn the_platforms_own_networks_are_forbidden_in_every_form() {
    for address in ["192.5.6.7", "::ffff:192.5.6.7", "64:ff9b::192.5.6.7", "2a00:5:1::1"] {
        assert!(!admitted(address.parse::<IpAddr>().unwrap()), "{address}");
    }
    let nat64 = Guard::new(vec![443], vec!["64:ff9b::/96".parse().unwrap()]);
    assert!(nat64.admit(&["64:ff9b::808:808".parse().unwrap()]).is_err());
}
