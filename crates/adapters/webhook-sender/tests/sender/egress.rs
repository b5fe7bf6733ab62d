use std::net::IpAddr;

use restartix_webhook_sender::{BadUrl, Failure, Forbidden};

use crate::support::{Bench, Ca, NAME, OK, PUBLIC, Receiver, URL, always};

async fn receiver(ca: &Ca) -> Receiver {
    Receiver::new(Some(ca.server(NAME, 2040)), |pipe, _| {
        // Each exchange asks for a new connection, and so for a new look-up.
        always(pipe, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    })
    .await
}

fn forbidden() -> Result<u16, Failure> {
    Err(Failure::Forbidden(Forbidden))
}

#[tokio::test]
async fn what_is_dialled_is_what_was_judged() {
    let ca = Ca::new();
    let receiver = receiver(&ca).await;
    let bench = Bench::new(&ca, &receiver).await;
    assert_eq!(bench.post("https://hooks.example.com:8443/").await.unwrap().status, 200);
    let address: IpAddr = PUBLIC.parse().unwrap();
    assert_eq!((bench.dialled(), bench.asked()), (vec![(address, 8443)], 1));
}

#[tokio::test]
async fn a_name_that_flips_inside_between_two_look_ups_is_refused_at_the_second() {
    let ca = Ca::new();
    let receiver = receiver(&ca).await;
    let flips: &[&[&str]] = &[&[PUBLIC], &["127.0.0.1"], &[PUBLIC]];
    let bench = Bench::with(&ca, &receiver, flips, |_| ()).await;
    assert_eq!(bench.status().await, Ok(200));
    assert_eq!(bench.status().await, forbidden());
    assert_eq!(bench.status().await, Ok(200), "and judged anew at the third");
    assert_eq!((bench.dialled().len(), bench.asked(), receiver.connections()), (2, 3, 2));
}

#[tokio::test]
async fn no_form_of_an_inner_address_is_dialled() {
    let ca = Ca::new();
    let receiver = receiver(&ca).await;
    for inner in [
        "127.0.0.1",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::7f00:1",
        "ff02::1",
    ] {
        let bench = Bench::with(&ca, &receiver, &[&[inner]], |_| ()).await;
        assert_eq!(bench.status().await, forbidden(), "{inner}");
        let mixed = Bench::with(&ca, &receiver, &[&[PUBLIC, inner]], |_| ()).await;
        assert_eq!(mixed.status().await, forbidden(), "{inner} beside a public address");
        assert_eq!((bench.dialled(), mixed.dialled()), (Vec::new(), Vec::new()));
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn the_platforms_own_networks_are_not_dialled() {
    let ca = Ca::new();
    let receiver = receiver(&ca).await;
    let own = |c: &mut restartix_webhook_sender::Config| {
        c.own_networks = vec!["9.9.9.0/24".parse().unwrap()];
    };
    let bench = Bench::with(&ca, &receiver, &[&[PUBLIC]], own).await;
    assert_eq!(bench.status().await, forbidden());
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_bad_url_is_not_even_looked_up() {
    let ca = Ca::new();
    let receiver = receiver(&ca).await;
    let bench = Bench::new(&ca, &receiver).await;
    let port = receiver.address.port();
    for (url, bad) in [
        ("http://hooks.example.com/".to_owned(), BadUrl::Scheme),
        (format!("http://127.0.0.1:{port}/"), BadUrl::Host),
        (format!("https://[::1]:{port}/"), BadUrl::Host),
        ("https://2130706433/".to_owned(), BadUrl::Host),
        ("https://metadata.google.internal/".to_owned(), BadUrl::Host),
        ("https://hooks.example.com:5432/".to_owned(), BadUrl::Port),
        ("https://a:b@hooks.example.com/".to_owned(), BadUrl::UserInfo),
    ] {
        assert_eq!(bench.post(&url).await, Err(Failure::BadUrl(bad)), "{url}");
    }
    assert_eq!((bench.asked(), receiver.connections()), (0, 0));
}

#[tokio::test]
async fn a_name_without_an_address_is_told_apart() {
    let ca = Ca::new();
    let receiver = receiver(&ca).await;
    let bench = Bench::with(&ca, &receiver, &[&[]], |_| ()).await;
    assert_eq!(bench.status().await, Err(Failure::Dns));
}

#[tokio::test]
async fn the_development_switch_reaches_this_machine_in_the_clear_and_no_name_on_it() {
    let ca = Ca::new();
    let plain = Receiver::new(None, |pipe, _| always(pipe, OK)).await;
    let switch = |c: &mut restartix_webhook_sender::Config| c.allow_loopback = true;
    let bench = Bench::with(&ca, &plain, &[&["127.0.0.1"]], switch).await;
    let port = plain.address.port();
    let here = format!("http://127.0.0.1:{port}/hook");
    assert_eq!(bench.post(&here).await.unwrap().status, 200);
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!((bench.dialled(), bench.asked()), (vec![(loopback, port)], 0));
    assert_eq!(bench.post(URL).await, Err(Failure::Forbidden(Forbidden)));
    assert!(bench.post(&format!("http://127.0.0.2:{port}/")).await.is_err());
    assert_eq!(plain.connections(), 1);
}
