//! The stand-in as a whole: started, stopped and started again.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use restartix_kernel::{Clock, Random, RandomExt, Secret, SystemClock, SystemRandom};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::delivery::{agent, pulse};
use super::state::{Account, State};
use super::switches::Switches;
use super::webhooks::Webhook;
use crate::journal::Entry;
use crate::listener::{Listener, take_port};

/// A webhook that is there from the start.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Where events go.
    pub url: String,
    /// The secret, base64.
    pub hmac: Secret,
}

/// How a stand-in begins.
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The key of the API, and of tokens.
    pub api_key: Secret,
    /// The domain id that tokens carry as `d`.
    pub domain_id: Uuid,
    /// The domain's name; it shows in `GET /v1/` only.
    pub domain_name: String,
    /// Switches at the start.
    pub switches: Switches,
    /// Registered without the test request: the receiver may start later.
    pub webhooks: Vec<Subscription>,
    /// Rates, expiries and delays are told by this clock.
    pub clock: Arc<dyn Clock>,
    /// Ids, assigned names and recordings come from here.
    pub random: Arc<dyn Random>,
}

impl Default for Options {
    /// A free port, the development key `sandbox-api-key`, domain id
    /// `30f866c3-9123-452a-8723-ff58322d09c5`, healthy, on the system's clock.
    fn default() -> Self {
        Self {
            port: 0,
            api_key: Secret::from("sandbox-api-key"),
            domain_id: Uuid::from_u128(0x30f8_66c3_9123_452a_8723_ff58_322d_09c5),
            domain_name: "sandbox".to_owned(),
            switches: Switches::default(),
            webhooks: Vec::new(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// What requests and the pulse share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) url: String,
    pub(super) agent: ureq::Agent,
    /// Told after every request, so that the pulse looks again.
    pub(super) changed: Notify,
    state: Mutex<State>,
}

impl Shared {
    /// A panic elsewhere leaves the state as it is: this is a tool for tests.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in. Dropping it frees the port soon; [`Daily::stop`] frees it at once.
pub struct Daily {
    shared: Arc<Shared>,
    port: u16,
    listener: tokio::sync::Mutex<Option<Listener>>,
    pulse: JoinHandle<()>,
}

impl Daily {
    /// Starts to listen; needs a tokio runtime around it.
    ///
    /// # Errors
    /// The port is taken, or a secret in [`Options::webhooks`] is not base64.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (socket, address) = take_port(options.port)?;
        let account = Account {
            api_key: options.api_key,
            domain_id: options.domain_id,
            domain_name: options.domain_name,
        };
        let mut state = State::new(account, options.random, options.switches);
        for Subscription { url, hmac } in options.webhooks {
            let webhook =
                Webhook::subscribed(state.random.uuid_v4(), url, &hmac, options.clock.now())
                    .ok_or_else(|| {
                        io::Error::new(
                            io::ErrorKind::InvalidInput,
                            "a webhook's secret is not base64",
                        )
                    })?;
            state.webhooks.push(webhook);
        }
        let shared = Arc::new(Shared {
            clock: options.clock,
            url: format!("http://{address}"),
            agent: agent(),
            changed: Notify::new(),
            state: Mutex::new(state),
        });
        let listener = Listener::serve(socket, &shared)?;
        let pulse = tokio::spawn(pulse(Arc::clone(&shared)));
        let listener = tokio::sync::Mutex::new(Some(listener));
        Ok(Self { shared, port: address.port(), listener, pulse })
    }

    /// `http://127.0.0.1:N`, the same over stops and restarts.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// What stands for `https://api.daily.co/v1`.
    pub fn api_url(&self) -> String {
        format!("{}/v1", self.shared.url)
    }

    /// An outage: every connection drops and the port is closed. Rooms, tokens and events stay,
    /// and events that are due are still sent. Nothing happens when it is stopped already.
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

    /// The switches now.
    pub fn switches(&self) -> Switches {
        self.shared.state().switches.clone()
    }

    /// Changes switches in one step.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.state().switches);
        self.shared.changed.notify_one();
    }

    /// What was asked and sent, oldest first; the last 10,000.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.state().journal.entries().cloned().collect()
    }

    /// The greatest number of API requests within one second, refused ones included.
    pub fn peak_per_second(&self) -> usize {
        self.shared.state().journal.peak_per_second()
    }

    /// Names of the rooms that are alive, sorted.
    pub fn room_names(&self) -> Vec<String> {
        let now = self.shared.clock.now();
        let state = self.shared.state();
        state.rooms.values().filter(|r| !r.expired(now)).map(|r| r.name.clone()).collect()
    }
}

impl Drop for Daily {
    fn drop(&mut self) {
        self.pulse.abort();
        if let Some(listener) = self.listener.get_mut() {
            listener.abandon();
        }
    }
}
