//! The stand-in as a whole: started, stopped and started again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use restartix_kernel::{Clock, Secret, SystemClock};
use tokio::sync::watch;

use super::delivery::Delivery;
use super::endpoint::{State, Summary};
use super::switches::Switches;
use crate::journal::Entry;
use crate::listener::{Listener, take_port};

/// How a receiver begins.
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Switches of every endpoint at the start.
    pub switches: Switches,
    /// Timestamps are judged, and delays pass, on this clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    /// A free port, healthy, on the system's clock.
    fn default() -> Self {
        Self { port: 0, switches: Switches::default(), clock: Arc::new(SystemClock) }
    }
}

/// What requests share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Grows with every delivery that was written down.
    came: watch::Sender<u64>,
}

impl Shared {
    /// A panic elsewhere leaves the state as it is: this is a tool for tests.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for a delivery.
    pub(super) fn announce(&self) {
        self.came.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// A running receiver. Dropping it frees the port soon; [`Receiver::stop`] frees it at once.
pub struct Receiver {
    shared: Arc<Shared>,
    url: String,
    port: u16,
    listener: tokio::sync::Mutex<Option<Listener>>,
}

impl Receiver {
    /// Starts to listen; needs a tokio runtime around it.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (socket, address) = take_port(options.port)?;
        let shared = Arc::new(Shared {
            clock: options.clock,
            state: Mutex::new(State::new(options.switches)),
            came: watch::Sender::new(0),
        });
        let listener = tokio::sync::Mutex::new(Some(Listener::serve(socket, &shared)?));
        Ok(Self { shared, url: format!("http://{address}"), port: address.port(), listener })
    }

    /// `http://127.0.0.1:N`, the same over stops and restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the endpoint `name` receives.
    pub fn hook(&self, name: &str) -> String {
        format!("{}/hooks/{name}", self.url)
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
            let (socket, _) = take_port(self.port)?;
            *listener = Some(Listener::serve(socket, &self.shared)?);
        }
        Ok(())
    }

    /// Tells the endpoint `name` its secrets, `whsec_...`; what came before is verified again.
    ///
    /// # Errors
    /// One of them is no secret; then all stays as it was.
    pub fn tell(&self, name: &str, secrets: &[Secret]) -> io::Result<()> {
        let told = self.shared.state().tell(name, secrets);
        let refused = || io::Error::new(io::ErrorKind::InvalidInput, "a secret is not base64");
        told.then_some(()).ok_or_else(refused)
    }

    /// Changes the switches of the endpoint `name` in one step.
    pub fn switch(&self, name: &str, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.state().endpoint(name).switches);
    }

    /// Changes the switches of every endpoint, and of those to come.
    pub fn switch_all(&self, change: impl Fn(&mut Switches)) {
        self.shared.state().switch_all(change);
    }

    /// What came to the endpoint `name`, oldest first.
    pub fn deliveries(&self, name: &str) -> Vec<Delivery> {
        let state = self.shared.state();
        state.deliveries().filter(|one| one.endpoint == name).cloned().collect()
    }

    /// What became of each endpoint's deliveries.
    pub fn summaries(&self) -> BTreeMap<String, Summary> {
        self.shared.state().summaries()
    }

    /// What became of the endpoint's deliveries.
    pub fn summary(&self, name: &str) -> Summary {
        self.summaries().remove(name).unwrap_or_default()
    }

    /// Every request, oldest first; the last 10,000.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.state().journal.entries().cloned().collect()
    }

    /// Returns once `enough` holds of the endpoint's summary; looks again after each delivery.
    pub async fn until(&self, name: &str, enough: impl Fn(&Summary) -> bool) -> Summary {
        let mut came = self.shared.came.subscribe();
        loop {
            came.borrow_and_update();
            let summary = self.summary(name);
            // The sender lives in `self`, so waiting cannot end otherwise.
            if enough(&summary) || came.changed().await.is_err() {
                return summary;
            }
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get_mut() {
            listener.abandon();
        }
    }
}
