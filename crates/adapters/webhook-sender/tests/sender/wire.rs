//! What a receiver gets, byte for byte.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::body::Bytes;
use restartix_kernel::{Clock, Secret, SystemClock};
use restartix_sandbox::receiver::{Options, Receiver};
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;
use restartix_webhook_sender::{Config, Dispatch, Failure, GuardedSender};
use sha2::Sha256;
use tokio::io::AsyncWriteExt;

use crate::support::{BODY, OK, URL, request, secure};

#[tokio::test]
async fn the_request_is_a_post_of_the_signed_bytes_with_our_headers() {
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let (_receiver, bench) = secure(move |mut pipe, _| {
        let heard = heard.clone();
        async move {
            heard.send(request(&mut pipe).await.unwrap()).unwrap();
            pipe.write_all(OK).await.unwrap();
            let _ = pipe.flush().await;
        }
    })
    .await;
    let own = [
        ("X-Api-Key".to_owned(), Secret::from("k-1")),
        ("authorization".to_owned(), Secret::from("Bearer t")),
    ];
    assert_eq!(bench.send(&bench.one, URL, &own).await.outcome.unwrap().status, 200);
    let heard = hears.recv().await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), BODY);
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /in?x=1 HTTP/1.1");
    lines.sort_unstable();
    let agent = format!("user-agent: RestartiX-Webhooks/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        lines,
        [
            "accept-encoding: identity",
            "accept: */*",
            "authorization: Bearer t",
            "content-length: 22",
            "content-type: application/json",
            "host: hooks.example.com",
            &agent,
            "webhook-id: evt_1",
            "webhook-signature: v1,c2lnbmVk",
            "webhook-timestamp: 1614265330",
            "x-api-key: k-1",
        ]
    );
}

#[tokio::test]
async fn a_header_that_is_not_the_organisations_to_set_is_not_sent() {
    let (receiver, bench) = secure(|pipe, _| crate::support::always(pipe, OK)).await;
    let own = [("Host".to_owned(), Secret::from("metadata.google.internal"))];
    assert_eq!(bench.send(&bench.one, URL, &own).await.outcome, Err(Failure::BadHeader));
    assert_eq!(receiver.connections(), 0);
}

/// A delivery through the sender and the system's sockets to the stand-in, which verifies it by
/// itself.
#[tokio::test]
async fn a_receiver_believes_what_it_gets() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let receiver = Receiver::start(Options::default()).await.unwrap();
    receiver.tell("make", &[Secret::from(SECRET)]).unwrap();
    let config = Config { allow_loopback: true, ..Config::default() };
    let sender = GuardedSender::new(&config, Arc::new(SystemClock)).unwrap();
    let who = principal(1, Role::Admin, &restartix_kernel::SeededRandom::new(1)).await;

    let now = SystemClock.now();
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("evt_1.{}.", now.timestamp()).as_bytes());
    mac.update(BODY);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let dispatch = Dispatch {
        url: &receiver.hook("make"),
        headers: &[],
        id: "evt_1",
        timestamp: now,
        signature: &signature,
        body: Bytes::from_static(BODY),
    };
    for _ in 0..2 {
        let sent = sender.send(who.tenant().unwrap(), dispatch.clone()).await;
        assert_eq!(sent.outcome.unwrap().status, 200);
    }
    let summary = receiver.summary("make");
    assert_eq!((summary.verified, summary.duplicates, summary.events), (2, 1, 1));

    receiver.switch("make", |s| (s.status, s.retry_after) = (503, Some("90".to_owned())));
    let sent = sender.send(who.tenant().unwrap(), dispatch.clone()).await;
    let answer = sent.outcome.unwrap();
    assert_eq!((answer.status, answer.retry_after.map(|wait| wait.as_secs())), (503, Some(90)));
    receiver.stop().await.unwrap();
    let sent = sender.send(who.tenant().unwrap(), dispatch).await;
    assert_eq!(sent.outcome.map_err(Failure::code), Err("connect_failed"));
}

#[tokio::test]
async fn attempts_are_counted_by_what_became_of_them_and_not_by_whose_they_are() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _until_the_end = metrics::set_default_local_recorder(&recorder);
    let (_receiver, bench) = secure(|pipe, _| crate::support::always(pipe, OK)).await;
    for url in [URL, URL, "https://localhost/"] {
        bench.send(&bench.one, url, &[]).await;
    }
    let counted = recorder.handle().render();
    for line in [
        "webhook_attempts_total{outcome=\"2xx\"} 2",
        "webhook_attempts_total{outcome=\"bad_url\"} 1",
        "webhook_attempt_duration_seconds_count{outcome=\"2xx\"} 2",
    ] {
        assert!(counted.contains(line), "{line} is not in {counted}");
    }
    assert!(!counted.contains("example"), "{counted}");
}
