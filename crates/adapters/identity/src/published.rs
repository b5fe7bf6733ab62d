use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Header;
use restartix_kernel::Clock;

use crate::key_set::KeySet;
use crate::source::Source;
use crate::{Expected, KeysError};

/// Keys older than this are fetched again, beside the requests that use them.
const MAX_AGE: TimeDelta = TimeDelta::minutes(10);

/// Fetches are at least this far apart once there are keys, whatever tokens name.
const BETWEEN_FETCHES: TimeDelta = TimeDelta::minutes(1);

/// Fetches are at least this far apart while there are none.
const BETWEEN_FIRST_FETCHES: TimeDelta = TimeDelta::seconds(2);

/// Keys older than this do not serve any more: a key that was withdrawn must end some time, even
/// when somebody keeps us from hearing of it.
const MAX_STALE: TimeDelta = TimeDelta::hours(24);

/// Published keys, kept and fetched anew.
pub(crate) struct Published {
    source: Source,
    expected: Expected,
    clock: Arc<dyn Clock>,
    current: RwLock<Option<Fetched>>,
    last_attempt: Mutex<DateTime<Utc>>,
    /// Held while a fetch is under way: one at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Fetched {
    keys: Arc<KeySet>,
    at: DateTime<Utc>,
}

impl Published {
    pub(crate) fn new(source: Source, expected: Expected, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            expected,
            clock,
            current: RwLock::new(None),
            last_attempt: Mutex::new(DateTime::<Utc>::MIN_UTC),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// Fetches for the first time, blocking: for a source on this machine.
    pub(crate) fn load_blocking(&self) -> Result<(), KeysError> {
        let now = self.clock.now();
        self.take_attempt(now, BETWEEN_FIRST_FETCHES);
        self.keep(self.source.read_blocking().and_then(|text| self.parse(&text)), now)
    }

    /// The keys for a token with `header`. Waits for a fetch only where the keys at hand cannot
    /// tell.
    pub(crate) async fn keys_for(
        self: &Arc<Self>,
        header: &Header,
    ) -> Result<Arc<KeySet>, KeysError> {
        let now = self.clock.now();
        let Some(known) = self.current().filter(|known| now - known.at < MAX_STALE) else {
            return self.fetched_keys().await;
        };
        if !known.keys.knows(header) {
            // Perhaps the provider has just begun to sign with a new key.
            self.fetch(BETWEEN_FETCHES, known.at).await.ok();
            return Ok(self.current().map_or(known.keys, |current| current.keys));
        }
        if now - known.at >= MAX_AGE && self.may_attempt(now, BETWEEN_FETCHES) {
            let this = Arc::clone(self);
            tokio::spawn(async move { this.fetch(BETWEEN_FETCHES, known.at).await.ok() });
        }
        Ok(known.keys)
    }

    /// The keys where there are none, or none that may still serve.
    async fn fetched_keys(&self) -> Result<Arc<KeySet>, KeysError> {
        let before = self.current();
        let seen = before.as_ref().map_or(DateTime::<Utc>::MIN_UTC, |known| known.at);
        self.fetch(BETWEEN_FIRST_FETCHES, seen).await?;
        match self.current() {
            Some(current) if current.at > seen => Ok(current.keys),
            Some(_) => Err(KeysError::TooOld),
            None => Err(KeysError::TriedMomentsAgo),
        }
    }

    /// Fetches, unless somebody else has since the keys of `seen`, or the last attempt is less
    /// than `apart` ago.
    async fn fetch(&self, apart: TimeDelta, seen: DateTime<Utc>) -> Result<(), KeysError> {
        let _alone = self.fetching.lock().await;
        let now = self.clock.now();
        if self.current().is_some_and(|current| current.at > seen) || !self.take_attempt(now, apart)
        {
            return Ok(());
        }
        let fetched = self.source.read().await.and_then(|text| self.parse(&text));
        self.keep(fetched, now)
    }

    fn parse(&self, text: &[u8]) -> Result<KeySet, KeysError> {
        KeySet::parse(text, &self.expected)
    }

    fn keep(&self, fetched: Result<KeySet, KeysError>, at: DateTime<Utc>) -> Result<(), KeysError> {
        let keys = fetched.inspect_err(|error| {
            tracing::warn!(error = %error, "the identity provider's keys were not fetched");
        })?;
        let fetched = Fetched { keys: Arc::new(keys), at };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(())
    }

    fn current(&self) -> Option<Fetched> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_attempt(&self, now: DateTime<Utc>, apart: TimeDelta) -> bool {
        is_due(*self.last_attempt.lock().unwrap_or_else(PoisonError::into_inner), now, apart)
    }

    /// Whether an attempt may be made now; if so it counts as made.
    fn take_attempt(&self, now: DateTime<Utc>, apart: TimeDelta) -> bool {
        let mut last = self.last_attempt.lock().unwrap_or_else(PoisonError::into_inner);
        let due = is_due(*last, now, apart);
        if due {
            *last = now;
        }
        due
    }
}

fn is_due(last: DateTime<Utc>, now: DateTime<Utc>, apart: TimeDelta) -> bool {
    last.checked_add_signed(apart).is_some_and(|due| now >= due)
}
