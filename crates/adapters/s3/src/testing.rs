//! A server on a loopback socket that says what a test wants, byte by byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use restartix_kernel::{SeededRandom, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::engine::Engine;
use crate::{Config, CredentialSource, Credentials, Timeouts};

/// What the server does with one connection.
#[derive(Clone)]
pub(crate) enum Turn {
    /// Reads the request, sends these bytes, closes.
    Say(Vec<u8>),
    /// Reads the request, sends these bytes, says no more and stays.
    Stall(Vec<u8>),
    /// Closes at once.
    Hang,
    /// Reads the request, and does what this says.
    Answer(Answers),
}

pub(crate) type Answers = Arc<dyn Fn(&str, &str) -> Turn + Send + Sync>;

pub(crate) struct Server {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Takes the turns one after the other; the last one again and again.
    pub(crate) async fn start(turns: Vec<Turn>) -> Self {
        let mut turns = turns.into_iter();
        let mut last = Turn::Hang;
        Self::taking(move || {
            last = turns.next().unwrap_or_else(|| last.clone());
            last.clone()
        })
        .await
    }

    /// Answers each request as `answer` says; requests are given as method, path and query, and
    /// everything.
    pub(crate) async fn answering(
        answer: impl Fn(&str, &str) -> Turn + Send + Sync + 'static,
    ) -> Self {
        let answer: Answers = Arc::new(answer);
        Self::taking(move || Turn::Answer(answer.clone())).await
    }

    async fn taking(mut next: impl FnMut() -> Turn + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let notes = heard.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, next(), notes.clone()));
            }
        });
        Self { url, heard }
    }

    /// The requests so far, head and body.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// An engine that speaks to it, impatient and quick to try again.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::new(Engine::new(&self.config(), Arc::new(SystemClock), random()).unwrap())
    }

    pub(crate) fn config(&self) -> Config {
        let credentials = Credentials::new("AKIDEXAMPLE", "the-secret".into());
        let usual = Config::new("eu-central-1", "files", CredentialSource::Fixed(credentials));
        Config {
            endpoint: Some(self.url.clone()),
            path_style: true,
            timeouts: impatient(),
            ..usual
        }
    }
}

pub(crate) fn random() -> Arc<SeededRandom> {
    Arc::new(SeededRandom::new(1))
}

pub(crate) fn impatient() -> Timeouts {
    let idle = Duration::from_millis(300);
    let call = Duration::from_secs(5);
    Timeouts { connect: Duration::from_secs(1), idle, call, stream: call }
}

/// An answer with a body.
pub(crate) fn answer(head: &str, body: &str) -> Turn {
    let head = if head.is_empty() { String::new() } else { format!("{head}\r\n") };
    Turn::Say(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{head}\r\n{body}", body.len()).into(),
    )
}

/// An answer of this status, without a body.
pub(crate) fn status(status: u16) -> Turn {
    Turn::Say(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").into())
}

async fn serve(mut stream: TcpStream, mut turn: Turn, heard: Arc<Mutex<Vec<String>>>) {
    let mut request = String::new();
    if !matches!(turn, Turn::Hang) {
        request = read(&mut stream).await;
    }
    heard.lock().unwrap().push(request.clone());
    if let Turn::Answer(answer) = &turn {
        let line = request.split(" HTTP/1.1").next().unwrap_or_default();
        turn = answer(line, &request);
    }
    let (bytes, stays) = match turn {
        Turn::Say(bytes) => (bytes, false),
        Turn::Stall(bytes) => (bytes, true),
        Turn::Hang | Turn::Answer(_) => return,
    };
    // The other side may have gone.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.flush().await;
    if stays {
        let mut rest = [0; 64];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
                .and_then(|length| length.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return text,
        }
    }
}
