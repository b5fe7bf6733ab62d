//! The stand-in as a whole: started, stopped and started again.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use restartix_kernel::{Clock, ExposeSecret as _, Random, Secret, SystemClock, SystemRandom};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::access::Guard;
use super::journal::Asked;
use super::operations::{Desk, fresh, leave};
use super::seen::{Object, Unfinished};
use super::state::State;
use super::store::{Content, Version, digest};
use super::switches::Switches;
use crate::listener::{Listener, take_port};

/// How a stand-in begins.
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The id of the one access key: that of the buckets' owner.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The region that signatures must be for.
    pub region: String,
    /// Switches at the start.
    pub switches: Switches,
    /// Dates, ages of signatures and delays are told by this clock. Whether a signature is too old
    /// or a URL has expired is judged by s3s, which knows the system's clock alone.
    pub clock: Arc<dyn Clock>,
    /// Versions' and uploads' names come from here.
    pub random: Arc<dyn Random>,
}

impl Default for Options {
    /// A free port, the development key `sandbox-access-key` with the secret
    /// `sandbox-secret-access-key`, region `eu-central-1`, healthy, on the system's clock.
    fn default() -> Self {
        Self {
            port: 0,
            access_key_id: "sandbox-access-key".to_owned(),
            secret_access_key: Secret::from("sandbox-secret-access-key"),
            region: "eu-central-1".to_owned(),
            switches: Switches::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// What requests share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) region: String,
    state: Mutex<State>,
}

impl Shared {
    /// A panic elsewhere leaves the state as it is: this is a tool for tests.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// What listens.
pub(super) struct Front {
    pub(super) shared: Arc<Shared>,
    pub(super) service: S3Service,
}

/// A running stand-in. Dropping it frees the port soon; [`S3::stop`] frees it at once.
pub struct S3 {
    front: Arc<Front>,
    url: String,
    port: u16,
    listener: tokio::sync::Mutex<Option<Listener>>,
}

impl S3 {
    /// Starts to listen; needs a tokio runtime around it.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (socket, address) = take_port(options.port)?;
        let state = State { switches: options.switches, ..State::default() };
        let shared = Arc::new(Shared {
            clock: options.clock,
            random: options.random,
            region: options.region,
            state: Mutex::new(state),
        });
        let mut builder = S3ServiceBuilder::new(Desk(Arc::clone(&shared)));
        let secret = options.secret_access_key.expose_secret();
        builder.set_auth(SimpleAuth::from_single(options.access_key_id, secret));
        builder.set_access(Guard(Arc::clone(&shared)));
        let front = Arc::new(Front { shared, service: builder.build() });
        let listener = tokio::sync::Mutex::new(Some(Listener::serve(socket, &front)?));
        Ok(Self { front, url: format!("http://{address}"), port: address.port(), listener })
    }

    /// `http://127.0.0.1:N`, the same over stops and restarts. Buckets stand in the path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An outage: every connection drops and the port is closed. Objects and settings stay.
    /// Nothing happens when it is stopped already.
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
            *listener = Some(Listener::serve(socket, &self.front)?);
        }
        Ok(())
    }

    /// The switches now.
    pub fn switches(&self) -> Switches {
        self.front.shared.state().switches.clone()
    }

    /// Changes switches in one step.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.front.shared.state().switches);
    }

    /// What was asked, oldest first; the last 10,000.
    pub fn journal(&self) -> Vec<Asked> {
        self.front.shared.state().journal.entries().cloned().collect()
    }

    /// Names of the buckets, sorted.
    pub fn buckets(&self) -> Vec<String> {
        self.front.shared.state().buckets.keys().cloned().collect()
    }

    /// Every version and delete marker in a bucket, by key, newest first; nothing where there is
    /// no such bucket.
    pub fn objects(&self, bucket: &str) -> Vec<Object> {
        Object::all(&self.front.shared.state(), bucket)
    }

    /// The bytes of a version; `None` where there is none.
    pub fn bytes(&self, bucket: &str, key: &str, version: &str) -> Option<Vec<u8>> {
        let state = self.front.shared.state();
        let version = state.buckets.get(bucket)?.version(key, version)?;
        version.content.as_ref().map(|content| state.blobs.get(&content.digest).to_vec())
    }

    /// Keeps an object that another system left in the bucket, whatever the bucket's rules; whether
    /// there is such a bucket.
    pub fn leave(&self, bucket: &str, key: &str, bytes: &[u8]) -> bool {
        leave(&self.front.shared, bucket, key, bytes.to_vec()).is_ok()
    }

    /// Puts other bytes where a version is, as nobody can by asking: by hand on the disks. Without a
    /// version, a newer one is put on top, as the owner might.
    pub fn replace(&self, bucket: &str, key: &str, version: Option<&str>, bytes: &[u8]) {
        let mut state = self.front.shared.state();
        let digest = digest(bytes);
        state.blobs.keep(digest, Bytes::copy_from_slice(bytes));
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let now = self.front.shared.now();
        let fresh = fresh(&self.front.shared);
        let Ok(found) = state.bucket_mut(bucket) else { return };
        let Some(versions) = found.objects.get_mut(key) else { return };
        let named = |one: &&mut Version| version.is_none_or(|version| one.id == version);
        let Some(place) = versions.iter_mut().rev().find(named) else { return };
        let Some(content) = &place.content else { return };
        let content = Content { digest, size, ..content.clone() };
        if version.is_some() {
            place.content = Some(content);
        } else {
            versions.push(Version { id: fresh, at: now, content: Some(content) });
        }
    }

    /// Uploads in parts that are neither completed nor aborted, by key.
    pub fn uploads(&self, bucket: &str) -> Vec<Unfinished> {
        Unfinished::all(&self.front.shared.state(), bucket)
    }

    /// How many different bodies are stored: the same bytes under two keys are one.
    pub fn blobs(&self) -> usize {
        self.front.shared.state().blobs.count()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get_mut() {
            listener.abandon();
        }
    }
}
