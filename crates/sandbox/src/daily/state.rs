//! Everything Daily knows about one domain, behind one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use restartix_kernel::{Random, Secret};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Refusal;
use super::delivery::Outbox;
use super::limits::Limits;
use super::recordings::Recording;
use super::rooms::{Room, missing};
use super::switches::Switches;
use super::webhooks::Webhook;
use crate::journal::Journal;

/// The customer's account: one key, one domain.
pub(super) struct Account {
    pub(super) api_key: Secret,
    pub(super) domain_id: Uuid,
    pub(super) domain_name: String,
}

/// One domain at Daily.
pub(super) struct State {
    pub(super) account: Account,
    pub(super) random: Arc<dyn Random>,
    pub(super) switches: Switches,
    pub(super) limits: Limits,
    pub(super) journal: Journal,
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) tokens_for_all_rooms: BTreeSet<String>,
    /// In the order of their start.
    pub(super) recordings: Vec<Recording>,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) outbox: Outbox,
}

impl State {
    pub(super) fn new(account: Account, random: Arc<dyn Random>, switches: Switches) -> Self {
        Self {
            account,
            random,
            switches,
            limits: Limits::default(),
            journal: Journal::new(10_000),
            rooms: BTreeMap::new(),
            tokens_for_all_rooms: BTreeSet::new(),
            recordings: Vec::new(),
            webhooks: Vec::new(),
            outbox: Outbox::default(),
        }
    }

    /// The room, unless it is missing or expired: those two are one answer.
    pub(super) fn live_room(&self, name: &str, now: DateTime<Utc>) -> Result<&Room, Refusal> {
        self.rooms.get(name).filter(|room| !room.expired(now)).ok_or_else(|| missing(name))
    }

    /// As [`State::live_room`], to change it.
    pub(super) fn live_room_mut(
        &mut self,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<&mut Room, Refusal> {
        self.rooms.get_mut(name).filter(|room| !room.expired(now)).ok_or_else(|| missing(name))
    }

    /// `GET /`: whose key this is.
    pub(super) fn domain(&self) -> Value {
        json!({
            "domain_name": self.account.domain_name,
            "domain_id": self.account.domain_id,
            "config": { "hipaa": self.switches.hipaa },
        })
    }

    /// A domain without rooms, for tests of parts.
    #[cfg(test)]
    pub(super) fn for_tests(api_key: &str, domain_id: &str) -> Self {
        let account = Account {
            api_key: Secret::from(api_key),
            domain_id: domain_id.parse().unwrap(),
            domain_name: "tests".to_owned(),
        };
        let random = Arc::new(restartix_kernel::SeededRandom::new(1));
        Self::new(account, random, Switches::default())
    }
}
