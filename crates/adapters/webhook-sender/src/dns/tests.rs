//! The resolver over a real socket, against a name server that answers as the test says.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::proto::rr::Name;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::*;

/// What the name server says to a question of one type.
#[derive(Clone)]
enum Say {
    V4(Vec<Ipv4Addr>),
    V6(Vec<Ipv6Addr>),
    /// A response code of RFC 1035, section 4.1.1.
    Code(u8),
}

/// A name server on loopback; it stops when dropped.
struct NameServer {
    dns: SystemDns,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
    task: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const A: u16 = 1;
const AAAA: u16 = 28;

impl NameServer {
    /// Answers `four` to questions for IPv4 addresses and `six` to those for IPv6 addresses.
    async fn new(four: Say, six: Say) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                let (name, kind, end) = question(&bytes[..length]);
                heard.lock().unwrap().push((name, kind));
                let say = if kind == A { &four } else { &six };
                socket.send_to(&answer(&bytes[..end], kind, say), from).await.unwrap();
            }
        });
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections[0].port = port;
        // A search domain, as every machine in a cluster has one.
        let inside = Name::from_ascii("svc.cluster.internal.").unwrap();
        let config = ResolverConfig::from_parts(None, vec![inside], vec![server]);
        let provider = TokioRuntimeProvider::default();
        let dns = SystemDns::build(TokioResolver::builder_with_config(config, provider)).unwrap();
        Self { dns, asked, task }
    }

    async fn resolve(&self) -> Result<Vec<IpAddr>, Unresolved> {
        let mut found = self.dns.resolve("hooks.example.com").await?;
        found.sort_unstable();
        Ok(found)
    }
}

/// The name and type that a message asks for, and where its question ends.
fn question(message: &[u8]) -> (String, u16, usize) {
    let (mut name, mut at) = (String::new(), 12);
    while message[at] != 0 {
        let label = &message[at + 1..=at + usize::from(message[at])];
        name.push_str(std::str::from_utf8(label).unwrap());
        name.push('.');
        at += 1 + label.len();
    }
    (name, u16::from_be_bytes([message[at + 1], message[at + 2]]), at + 5)
}

/// A response to the header and question in `asked` (RFC 1035, section 4).
fn answer(asked: &[u8], kind: u16, say: &Say) -> Vec<u8> {
    let (code, records): (u8, Vec<Vec<u8>>) = match say {
        Say::V4(list) => (0, list.iter().map(|one| one.octets().to_vec()).collect()),
        Say::V6(list) => (0, list.iter().map(|one| one.octets().to_vec()).collect()),
        Say::Code(code) => (*code, Vec::new()),
    };
    let mut message = asked.to_vec();
    let count = u8::try_from(records.len()).unwrap();
    message[2..12].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    for data in records {
        // The name is the question's; class IN; an hour.
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 14, 16, 0, u8::try_from(data.len()).unwrap()]);
        message.extend(data);
    }
    message
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn every_address_of_both_families_is_asked_for_and_no_search_domain_is_tried() {
    let four = Say::V4(vec![Ipv4Addr::new(9, 9, 9, 9), Ipv4Addr::new(10, 0, 0, 1)]);
    let server = NameServer::new(four, Say::V6(vec![Ipv6Addr::LOCALHOST])).await;
    assert_eq!(server.resolve().await.unwrap(), addresses(&["9.9.9.9", "10.0.0.1", "::1"]));
    let mut asked = server.asked.lock().unwrap().clone();
    asked.sort_unstable();
    let name = || "hooks.example.com.".to_owned();
    assert_eq!(asked, [(name(), A), (name(), AAAA)]);
}

#[tokio::test]
async fn one_family_is_enough() {
    let four = || Say::V4(vec![Ipv4Addr::new(9, 9, 9, 9)]);
    for six in [Say::V6(Vec::new()), Say::Code(2)] {
        let server = NameServer::new(four(), six).await;
        assert_eq!(server.resolve().await.unwrap(), addresses(&["9.9.9.9"]));
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_has_no_address_and_is_not_sought_elsewhere() {
    let server = NameServer::new(Say::Code(3), Say::Code(3)).await;
    assert_eq!(server.resolve().await.unwrap(), Vec::<IpAddr>::new());
    assert!(server.asked.lock().unwrap().iter().all(|(name, _)| name == "hooks.example.com."));
}

#[tokio::test]
async fn a_name_server_that_fails_is_told_apart() {
    let server = NameServer::new(Say::Code(2), Say::Code(2)).await;
    assert!(server.resolve().await.is_err());
}
