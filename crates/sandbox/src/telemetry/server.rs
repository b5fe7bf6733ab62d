//! The stand-in as a whole: started, stopped and started again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use restartix_kernel::{Clock, Secret, SystemClock};
use tempfile::TempDir;
use tokio::sync::watch;

use super::schema::Schemas;
use super::signature::Key;
use super::store::{Received, Store, Summary};
use super::switches::Switches;
use crate::journal::{Entry, Journal};
use crate::listener::{Listener, take_address};

/// The key of a stand-in that was told none: base64 of 32 bytes that everybody knows.
pub const DEFAULT_KEY: &str = "c2FuZGJveC10ZWxlbWV0cnkta2V5LWZvci1kZXZlbG9wbWVudA==";

/// Requests that the journal keeps.
const JOURNAL: usize = 10_000;

/// How a stand-in begins.
pub struct Options {
    /// The address to listen on: loopback or private, and no other.
    pub address: IpAddr,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// What signs batches: base64 of at least 32 bytes.
    pub key: Secret,
    /// The directory of the store; without one a temporary directory that goes with the stand-in.
    pub store: Option<PathBuf>,
    /// Switches at the start.
    pub switches: Switches,
    /// Timestamps are judged, and delays pass, on this clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    /// A free port on loopback, the default key, a temporary store, healthy, on the system's clock.
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            key: DEFAULT_KEY.into(),
            store: None,
            switches: Switches::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// What requests share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) key: Key,
    pub(super) schemas: Schemas,
    state: Mutex<State>,
    came: watch::Sender<u64>,
}

pub(super) struct State {
    pub(super) store: Store,
    pub(super) switches: Switches,
    pub(super) journal: Journal,
}

impl Shared {
    /// A panic elsewhere leaves the state as it is: this is a tool for tests.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for events.
    pub(super) fn announce(&self) {
        self.came.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// A running stand-in. Dropping it frees the port soon; [`Telemetry::stop`] frees it at once.
pub struct Telemetry {
    shared: Arc<Shared>,
    address: SocketAddr,
    url: String,
    listener: tokio::sync::Mutex<Option<Listener>>,
    _temporary: Option<TempDir>,
}

impl Telemetry {
    /// Starts to listen; needs a tokio runtime around it.
    ///
    /// # Errors
    /// The address is public, the port is taken, the key is none, or the store cannot be read.
    pub async fn start(options: Options) -> io::Result<Self> {
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
        if !is_private(options.address) {
            return Err(invalid("the address is not a private one"));
        }
        let key = Key::parse(&options.key)
            .ok_or_else(|| invalid("the key must be base64 of at least 32 bytes"))?;
        let temporary = options.store.is_none().then(TempDir::new).transpose()?;
        let directory = options.store.or_else(|| Some(temporary.as_ref()?.path().to_owned()));
        let store = Store::open(&directory.unwrap_or_default())?;
        let (socket, address) = take_address((options.address, options.port).into())?;
        let state = State { store, switches: options.switches, journal: Journal::new(JOURNAL) };
        let shared = Arc::new(Shared {
            clock: options.clock,
            key,
            schemas: Schemas::load()?,
            state: Mutex::new(state),
            came: watch::Sender::new(0),
        });
        let listener = tokio::sync::Mutex::new(Some(Listener::serve(socket, &shared)?));
        let url = format!("http://{address}");
        Ok(Self { shared, address, url, listener, _temporary: temporary })
    }

    /// `http://127.0.0.1:N`, the same over stops and restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An outage: every connection drops and the port is closed. Nothing happens when it is
    /// stopped already.
    ///
    /// # Errors
    /// The listener ended badly.
    pub async fn stop(&self) -> io::Result<()> {
        let running = self.listener.lock().await.take();
        match running {
            Some(listener) => listener.stop().await,
            None => Ok(()),
        }
    }

    /// The end of an outage: listens again on the same port. Nothing happens when it listens.
    ///
    /// # Errors
    /// Somebody else took the port meanwhile.
    pub async fn restart(&self) -> io::Result<()> {
        let mut listener = self.listener.lock().await;
        if listener.is_none() {
            let (socket, _) = take_address(self.address)?;
            *listener = Some(Listener::serve(socket, &self.shared)?);
        }
        Ok(())
    }

    /// Changes the switches in one step.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.state().switches);
    }

    /// What it got, oldest first.
    pub fn events(&self) -> Vec<Received> {
        self.shared.state().store.events().cloned().collect()
    }

    /// What it got, in numbers.
    pub fn summary(&self) -> Summary {
        self.shared.state().store.summary
    }

    /// Every request, oldest first; the last 10,000.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.state().journal.entries().cloned().collect()
    }

    /// Returns once `enough` holds; looks again after each batch.
    pub async fn until(&self, enough: impl Fn(&Summary) -> bool) -> Summary {
        let mut came = self.shared.came.subscribe();
        loop {
            came.borrow_and_update();
            let summary = self.summary();
            // The sender lives in `self`, so waiting cannot end otherwise.
            if enough(&summary) || came.changed().await.is_err() {
                return summary;
            }
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get_mut() {
            listener.abandon();
        }
    }
}

/// Loopback, RFC 1918 or RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
