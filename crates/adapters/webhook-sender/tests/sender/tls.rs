use restartix_webhook_sender::Failure;

use crate::support::{Bench, Ca, NAME, OK, Receiver, always};

async fn met_by(ca: &Ca, name: &str, until: i32) -> Result<u16, Failure> {
    let receiver = Receiver::new(Some(ca.server(name, until)), |pipe, _| always(pipe, OK)).await;
    Bench::new(&Ca::new(), &receiver).await.status().await.unwrap_err();
    Bench::new(ca, &receiver).await.status().await
}

#[tokio::test]
async fn a_certificate_must_be_for_the_name_in_time_and_by_a_trusted_authority() {
    let ca = Ca::new();
    assert_eq!(met_by(&ca, NAME, 2040).await, Ok(200));
    assert_eq!(met_by(&ca, "hooks.example.org", 2040).await, Err(Failure::Tls), "wrong name");
    assert_eq!(met_by(&ca, "9.9.9.9", 2040).await, Err(Failure::Tls), "the address is no name");
    assert_eq!(met_by(&ca, NAME, 2021).await, Err(Failure::Tls), "expired");
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let (ca, other) = (Ca::new(), Ca::new());
    let receiver = Receiver::new(Some(other.server(NAME, 2040)), |pipe, _| always(pipe, OK)).await;
    assert_eq!(Bench::new(&ca, &receiver).await.status().await, Err(Failure::Tls));
}

#[tokio::test]
async fn mozillas_authorities_do_not_know_the_tests_own() {
    let ca = Ca::new();
    let receiver = Receiver::new(Some(ca.server(NAME, 2040)), |pipe, _| always(pipe, OK)).await;
    let bench = Bench::with(&ca, &receiver, &[&["9.9.9.9"]], |c| c.authorities = None).await;
    assert_eq!(bench.status().await, Err(Failure::Tls));
}

#[tokio::test]
async fn a_receiver_without_tls_hears_nothing_of_the_request() {
    let ca = Ca::new();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Receiver::new(None, move |mut pipe, _| {
        let heard = heard.clone();
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut first = vec![0; 4096];
            let read = pipe.read(&mut first).await.unwrap();
            heard.send(first[..read].to_vec()).unwrap();
            let _ = pipe.write_all(OK).await;
        }
    })
    .await;
    assert_eq!(Bench::new(&ca, &receiver).await.status().await, Err(Failure::Tls));
    let hello = hears.recv().await.unwrap();
    assert_eq!(hello[0], 22, "a TLS handshake and no more");
    assert!(!String::from_utf8_lossy(&hello).contains("POST"));
}
