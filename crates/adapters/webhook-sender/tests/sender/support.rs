//! Receivers, a CA, names that change their minds, and a record of what was dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use hyper::body::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use restartix_kernel::{Secret, SeededRandom, SystemClock};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};
use restartix_webhook_sender::{
    Admitted, Answer, Config, Dial, Dispatch, Failure, GuardedSender, Resolve, Sent, Unresolved,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Where the receivers of the tests are said to be.
pub(crate) const NAME: &str = "hooks.example.com";
pub(crate) const URL: &str = "https://hooks.example.com/in?x=1";
/// An address that is nobody's special one.
pub(crate) const PUBLIC: &str = "9.9.9.9";

/// What is sent.
pub(crate) const BODY: &[u8] = br#"{"id":"evt_1","seq":1}"#;

/// An event on its way to `url`.
pub(crate) fn dispatch<'a>(url: &'a str, own: &'a [(String, Secret)]) -> Dispatch<'a> {
    Dispatch {
        url,
        headers: own,
        id: "evt_1",
        timestamp: DateTime::from_timestamp(1_614_265_330, 0).unwrap(),
        signature: "v1,c2lnbmVk",
        body: Bytes::from_static(BODY),
    }
}

/// One side of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
pub(crate) type Pipe = Box<dyn Stream>;

/// A CA, and certificates by it.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What a server for `name` presents, valid until the year `until`.
    pub(crate) fn server(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A listener whose connections `behave`; each is told its number, from 0.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn new<B, F>(tls: Option<Arc<ServerConfig>>, behave: B) -> Self
    where
        B: Fn(Pipe, usize) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let behave = Arc::new(behave);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let (tls, behave) = (tls.clone(), Arc::clone(&behave));
                tokio::spawn(async move {
                    match tls {
                        None => behave(Box::new(stream), number).await,
                        Some(tls) => {
                            // A client that does not believe us goes away.
                            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                behave(Box::new(stream), number).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, task }
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request with its body, as text; `None` when the client has gone.
pub(crate) async fn request(pipe: &mut Pipe) -> Option<String> {
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        match pipe.read_buf(&mut got).await {
            Ok(read) if read > 0 => {}
            _ => return None,
        }
    }
}

/// Reads a request and answers `answer`, again and again.
pub(crate) async fn always(mut pipe: Pipe, answer: &[u8]) {
    while request(&mut pipe).await.is_some() {
        if pipe.write_all(answer).await.is_err() {
            return;
        }
        let _ = pipe.flush().await;
    }
}

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Names that lead where the test says: one answer per look-up, the last one for ever.
pub(crate) struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        assert_eq!(name, NAME);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer =
            if answers.len() > 1 { answers.remove(0) } else { answers.first().unwrap().clone() };
        if answer.is_empty() { Err(Unresolved("no such name".into())) } else { Ok(answer) }
    }
}

/// Every address is answered by the test's own receiver; what was dialled is written down.
pub(crate) struct Dialled {
    to: SocketAddr,
    seen: Mutex<Vec<(IpAddr, u16)>>,
}

#[async_trait]
impl Dial for Dialled {
    async fn dial(&self, address: Admitted, port: u16) -> io::Result<TcpStream> {
        self.seen.lock().unwrap().push((address.get(), port));
        TcpStream::connect(self.to).await
    }
}

/// A sender, two organisations, and what it did.
pub(crate) struct Bench {
    pub(crate) sender: GuardedSender,
    pub(crate) names: Arc<Names>,
    pub(crate) dialled: Arc<Dialled>,
    pub(crate) one: Principal,
    pub(crate) two: Principal,
}

/// For receivers that make the sender wait for all of it.
pub(crate) const DEADLINE: Duration = Duration::from_millis(500);

impl Bench {
    /// A sender that trusts `ca` and finds `receiver` behind [`NAME`].
    pub(crate) async fn new(ca: &Ca, receiver: &Receiver) -> Self {
        Self::with(ca, receiver, &[&[PUBLIC]], |_| ()).await
    }

    /// As [`Bench::new`], with these answers to the look-ups and a changed configuration.
    pub(crate) async fn with(
        ca: &Ca,
        receiver: &Receiver,
        answers: &[&[&str]],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let parsed = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let names = Arc::new(Names {
            answers: Mutex::new(answers.iter().map(parsed).collect()),
            asked: AtomicUsize::new(0),
        });
        let dialled = Arc::new(Dialled { to: receiver.address, seen: Mutex::new(Vec::new()) });
        let mut config = Config {
            authorities: Some(vec![ca.0.der().clone()]),
            // Long, for slow machines: what waits for it says so.
            deadline: Duration::from_secs(30),
            ..Config::default()
        };
        change(&mut config);
        let sender =
            GuardedSender::with(&config, names.clone(), dialled.clone(), Arc::new(SystemClock))
                .unwrap();
        let random = SeededRandom::new(1);
        let one = principal(1, Role::Admin, &random).await;
        let two = principal(2, Role::Admin, &random).await;
        Self { sender, names, dialled, one, two }
    }

    /// Organisation 1 posts to `url`.
    pub(crate) async fn post(&self, url: &str) -> Result<Answer, Failure> {
        self.post_of(&self.one, url).await
    }

    pub(crate) async fn post_of(&self, who: &Principal, url: &str) -> Result<Answer, Failure> {
        self.send(who, url, &[]).await.outcome
    }

    /// An event of `who`, with headers of its own.
    pub(crate) async fn send(&self, who: &Principal, url: &str, own: &[(String, Secret)]) -> Sent {
        self.sender.send(who.tenant().unwrap(), dispatch(url, own)).await
    }

    /// The status of an answer to [`URL`].
    pub(crate) async fn status(&self) -> Result<u16, Failure> {
        self.post(URL).await.map(|answer| answer.status)
    }

    pub(crate) fn dialled(&self) -> Vec<(IpAddr, u16)> {
        self.dialled.seen.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.names.asked.load(Ordering::SeqCst)
    }
}

/// A receiver with a right certificate.
pub(crate) async fn secure<B, F>(behave: B) -> (Receiver, Bench)
where
    B: Fn(Pipe, usize) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let ca = Ca::new();
    let receiver = Receiver::new(Some(ca.server(NAME, 2040)), behave).await;
    let bench = Bench::new(&ca, &receiver).await;
    (receiver, bench)
}

/// As [`secure`], where the sender gives up after [`DEADLINE`].
pub(crate) async fn hasty<B, F>(behave: B) -> (Receiver, Bench)
where
    B: Fn(Pipe, usize) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let ca = Ca::new();
    let receiver = Receiver::new(Some(ca.server(NAME, 2040)), behave).await;
    let bench = Bench::with(&ca, &receiver, &[&[PUBLIC]], |c| c.deadline = DEADLINE).await;
    (receiver, bench)
}
