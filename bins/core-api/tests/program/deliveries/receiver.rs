//! A receiver that does what it is told, on a socket that can also be deaf.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers.
    Answer,
    /// Reads it, and waits.
    Wait,
    /// Answers half of the head, and waits.
    Half,
}

#[derive(Default)]
struct State {
    /// How often each event came, and was answered well.
    answered: BTreeMap<String, u32>,
    /// How often each came at all.
    came: BTreeMap<String, u32>,
}

/// A running receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    manner: watch::Sender<Manner>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let manner = watch::Sender::new(Manner::Answer);
        let task = tokio::spawn(accept(listener, state.clone(), manner.clone()));
        Ok(Self { address, state, manner, task })
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that came.
    pub(crate) fn came(&self) -> u32 {
        self.state().came.values().sum()
    }

    /// How often each event was answered.
    pub(crate) fn answered(&self) -> BTreeMap<String, u32> {
        self.state().answered.clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, manner: watch::Sender<Manner>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, manner) = (state.clone(), manner.subscribe());
        tokio::spawn(async move {
            // A connection that breaks is what these tests are about.
            let _ = serve(stream, &state, manner).await;
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    state: &Mutex<State>,
    mut manner: watch::Receiver<Manner>,
) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some((length, id)) = whole(&buffer) else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        buffer.drain(..length);
        let note = |map: fn(&mut State) -> &mut BTreeMap<String, u32>| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            *map(&mut state).entry(id.clone()).or_default() += 1;
        };
        note(|state| &mut state.came);
        if *manner.borrow() == Manner::Half {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await?;
        }
        // The connection of one that waits is closed when the manners change.
        if *manner.borrow() != Manner::Answer {
            manner.wait_for(|manner| *manner == Manner::Answer).await?;
            return Ok(());
        }
        // Before it is answered: what was answered was noted, whoever dies meanwhile.
        note(|state| &mut state.answered);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
}

/// The length and the id of the first request, when all of it is there.
fn whole(buffer: &[u8]) -> Option<(usize, String)> {
    let head = buffer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(buffer.get(..head)?).into_owned();
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let length: usize = field("content-length: ")?.parse().ok()?;
    let id = field("webhook-id: evt_")?;
    (buffer.len() >= head + length).then_some((head + length, id))
}

/// A port on which connections are never accepted, and soon not even begun: its backlog is full.
pub(crate) struct Deaf {
    pub(crate) address: SocketAddr,
    _socket: TcpListener,
    _filling: Vec<JoinHandle<()>>,
}

impl Deaf {
    pub(crate) fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse()?)?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let filling = (0..4).map(|_| {
            tokio::spawn(async move {
                if let Ok(stream) = TcpStream::connect(address).await {
                    std::future::pending::<()>().await;
                    drop(stream);
                }
            })
        });
        Ok(Self { address, _filling: filling.collect(), _socket: listener })
    }
}
