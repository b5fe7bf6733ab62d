use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use restartix_kernel::SystemClock;
use restartix_webhook_sender::{
    Admitted, Config, Dial, Failure, GuardedSender, Resolve, Unresolved,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{
    Bench, Ca, DEADLINE, NAME, OK, PUBLIC, Pipe, Receiver, URL, always, dispatch, hasty, request,
    secure,
};

/// What comes of a receiver that reads the request and then writes this, as fast as it can.
async fn answered(bytes: Vec<u8>) -> Result<(u16, usize), Failure> {
    let bytes = Arc::new(bytes);
    let (_receiver, bench) = secure(move |pipe, _| {
        let bytes = Arc::clone(&bytes);
        async move { always(pipe, &bytes).await }
    })
    .await;
    bench.post(URL).await.map(|answer| (answer.status, answer.size))
}

/// Writes `part` every 30 ms for ever.
async fn drip(mut pipe: Pipe, head: &'static [u8], part: &'static [u8]) {
    request(&mut pipe).await;
    pipe.write_all(head).await.unwrap();
    while pipe.write_all(part).await.is_ok() && pipe.flush().await.is_ok() {
        tokio::time::timeout(Duration::from_millis(30), std::future::pending::<()>())
            .await
            .unwrap_err();
    }
}

async fn times_out(bench: &Bench) {
    let begun = Instant::now();
    assert_eq!(bench.status().await, Err(Failure::TimedOut));
    assert!(
        begun.elapsed() >= DEADLINE && begun.elapsed() < 20 * DEADLINE,
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_receiver_that_never_answers_costs_one_deadline() {
    let (_receiver, bench) = hasty(|mut pipe, _| async move {
        request(&mut pipe).await;
        std::future::pending::<()>().await;
    })
    .await;
    times_out(&bench).await;
}

#[tokio::test]
async fn a_receiver_that_never_shakes_hands_costs_one_deadline() {
    let receiver = Receiver::new(None, |pipe, _| async move {
        std::future::pending::<()>().await;
        drop(pipe);
    })
    .await;
    let short = |c: &mut Config| c.deadline = DEADLINE;
    times_out(&Bench::with(&Ca::new(), &receiver, &[&[PUBLIC]], short).await).await;
}

/// A name server, or a network, that never answers.
struct Silence;

#[async_trait]
impl Resolve for Silence {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, Unresolved> {
        std::future::pending().await
    }
}

#[async_trait]
impl Dial for Silence {
    async fn dial(&self, _: Admitted, _: u16) -> io::Result<TcpStream> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_name_server_that_never_answers_costs_one_deadline_and_four_dead_addresses_less() {
    let receiver = Receiver::new(None, |_, _| async {}).await;
    let many: &[&str] = &["9.9.9.1", "9.9.9.2", "9.9.9.3", "9.9.9.4", "9.9.9.5", "2620:fe::fe"];
    let bench = Bench::with(&Ca::new(), &receiver, &[many], |_| ()).await;
    let send = async |resolve: Arc<dyn Resolve>| {
        let config = Config { deadline: DEADLINE, ..Config::default() };
        let clock = Arc::new(SystemClock);
        let sender = GuardedSender::with(&config, resolve, Arc::new(Silence), clock).unwrap();
        let sent = sender.send(bench.one.tenant().unwrap(), dispatch(URL, &[])).await;
        (sent.outcome, sent.duration)
    };
    let (outcome, took) = send(Arc::new(Silence)).await;
    assert_eq!(outcome, Err(Failure::TimedOut));
    assert!(took >= DEADLINE);
    let (outcome, took) = send(bench.names.clone()).await;
    assert_eq!(outcome, Err(Failure::Connect));
    assert!(took >= DEADLINE * 4 / 5, "{took:?}");
}

#[tokio::test]
async fn a_head_or_a_body_that_drips_costs_one_deadline() {
    let (_head, bench) = hasty(|pipe, _| drip(pipe, b"HTTP/1.1 200 OK\r\nx: ", b"y")).await;
    times_out(&bench).await;
    let (_body, bench) =
        hasty(|pipe, _| drip(pipe, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b"y"))
            .await;
    times_out(&bench).await;
    let (_chunks, bench) = hasty(|pipe, _| {
        drip(pipe, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\ny\r\n")
    })
    .await;
    times_out(&bench).await;
    let (_waits, bench) =
        hasty(|pipe, _| drip(pipe, b"", b"HTTP/1.1 102 Processing\r\n\r\n")).await;
    times_out(&bench).await;
}

#[tokio::test]
async fn an_endless_body_is_left_after_sixteen_kibibytes() {
    let written = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(tokio::sync::Notify::new());
    let (counter, end) = (Arc::clone(&written), Arc::clone(&ended));
    let (_receiver, bench) = secure(move |mut pipe, _| {
        let (counter, end) = (Arc::clone(&counter), Arc::clone(&end));
        async move {
            request(&mut pipe).await;
            pipe.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while pipe.write_all(&[b'x'; 1024]).await.is_ok() {
                counter.fetch_add(1024, Ordering::SeqCst);
            }
            end.notify_one();
        }
    })
    .await;
    assert_eq!(bench.status().await, Err(Failure::TooLarge));
    // The connection is closed, so the receiver cannot go on; the rest lay in the sockets' buffers.
    ended.notified().await;
    assert!(written.load(Ordering::SeqCst) < 16 << 20);
}

#[tokio::test]
async fn sixteen_kibibytes_are_read_and_not_one_more() {
    let whole = |length: usize| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let mut bytes = head.clone().into_bytes();
        bytes.resize(head.len() + length, b'x');
        bytes
    };
    let head = whole(10_000).len() - 10_000;
    assert_eq!(answered(whole(16_384 - head)).await, Ok((200, 16_384)));
    assert_eq!(answered(whole(16_385 - head)).await, Err(Failure::TooLarge));
}

#[tokio::test]
async fn a_head_of_64_kibibytes_is_not_read() {
    let one = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(64 << 10));
    assert_eq!(answered(one.into_bytes()).await, Err(Failure::TooLarge));
    let many: String = (0..65).map(|n| format!("x-{n}: y\r\n")).collect();
    assert_eq!(
        answered(format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes()).await,
        Err(Failure::Malformed)
    );
    let unending = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(1000);
    assert_eq!(answered(unending.into_bytes()).await, Err(Failure::TooLarge));
}

/// 10 MiB of zeros in 10 KiB: what counts is what came over the wire.
#[tokio::test]
async fn a_compressed_answer_is_not_blown_up() {
    let bomb = include_bytes!("bomb.gz");
    assert!(bomb.len() < 12 << 10, "{}", bomb.len());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let whole = [head.as_bytes(), bomb].concat();
    let length = whole.len();
    assert_eq!(answered(whole).await, Ok((200, length)));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_follows_it() {
    for to in ["http://169.254.169.254/latest/meta-data/", "https://hooks.example.com/else"] {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        let answer = Arc::new(answer.into_bytes());
        let (receiver, bench) = secure(move |pipe, _| {
            let answer = Arc::clone(&answer);
            async move { always(pipe, &answer).await }
        })
        .await;
        assert_eq!(bench.status().await, Ok(302));
        assert_eq!((bench.dialled().len(), bench.asked(), receiver.connections()), (1, 1, 1));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let cut: [&'static [u8]; 4] = [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n",
    ];
    for cut in cut {
        let (receiver, bench) = secure(move |mut pipe, _| async move {
            request(&mut pipe).await;
            pipe.write_all(cut).await.unwrap();
            pipe.flush().await.unwrap();
        })
        .await;
        assert_eq!(bench.status().await, Err(Failure::Reset), "{}", cut.len());
        assert_eq!(receiver.connections(), 1, "a fresh connection is not tried again");
    }
}

#[tokio::test]
async fn an_answer_before_a_reset_counts() {
    let receiver = Receiver::new(None, |mut pipe, _| async move {
        request(&mut pipe).await;
        // Bytes nobody asked for behind the answer, and gone.
        pipe.write_all(&[OK, b"garbage"].concat()).await.unwrap();
    })
    .await;
    let here = |c: &mut Config| c.allow_loopback = true;
    let bench = Bench::with(&Ca::new(), &receiver, &[&[PUBLIC]], here).await;
    for _ in 0..2 {
        assert_eq!(bench.post("http://127.0.0.1:4711/").await.unwrap().status, 200);
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    for not in [
        &b"220 mail.example.com ESMTP\r\n"[..],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        assert_eq!(
            answered(not.to_vec()).await,
            Err(Failure::Malformed),
            "{}",
            String::from_utf8_lossy(not)
        );
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_connections_is_told_apart() {
    let ca = Ca::new();
    let receiver = Receiver::new(Some(ca.server(NAME, 2040)), |pipe, _| always(pipe, OK)).await;
    let bench = Bench::new(&ca, &receiver).await;
    drop(receiver);
    tokio::task::yield_now().await;
    assert_eq!(bench.status().await, Err(Failure::Connect));
}

#[tokio::test]
async fn a_wait_that_a_receiver_asks_for_is_bounded() {
    for (value, seconds) in [("120", Some(120)), ("999999999", Some(86_400)), ("soon", None)] {
        let answer =
            format!("HTTP/1.1 429 No\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n");
        let answer = Arc::new(answer.into_bytes());
        let (_receiver, bench) = secure(move |pipe, _| {
            let answer = Arc::clone(&answer);
            async move { always(pipe, &answer).await }
        })
        .await;
        let answer = bench.post(URL).await.unwrap();
        assert_eq!((answer.status, answer.retry_after.map(|w| w.as_secs())), (429, seconds));
    }
}
