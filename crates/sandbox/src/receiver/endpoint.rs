//! The endpoints and what each was sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use restartix_kernel::Secret;
use serde::Serialize;

use super::delivery::Delivery;
use super::signature::Key;
use super::switches::Switches;
use crate::journal::Journal;

/// Deliveries that are remembered.
const REMEMBERED: usize = 200_000;

/// Numbers of one organisation's sequence that never came, between the first and the last that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Whose sequence.
    pub organization_id: i64,
    /// The first number that is missing.
    pub from: i64,
    /// The last number that is missing.
    pub to: i64,
}

/// What became of an endpoint's deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Secrets that are accepted.
    pub secrets: usize,
    /// Everything that came.
    pub deliveries: usize,
    /// Answered with a 2xx.
    pub accepted: usize,
    /// Different ids among the accepted.
    pub events: usize,
    /// Sent again although they had been accepted.
    pub duplicates: usize,
    /// With a right signature.
    pub verified: usize,
    /// With a wrong one.
    pub invalid: usize,
    /// That nobody can judge yet.
    pub unverified: usize,
    /// Missing numbers, by organisation and number.
    pub gaps: Vec<Gap>,
}

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) switches: Switches,
    keys: Vec<Key>,
    /// By id: how often it was sent, and whether it was accepted.
    seen: HashMap<String, (u32, bool)>,
}

/// Everything that the receiver knows.
pub(super) struct State {
    pub(super) journal: Journal,
    /// For endpoints to come.
    pub(super) switches: Switches,
    endpoints: BTreeMap<String, Endpoint>,
    deliveries: VecDeque<Delivery>,
    last: u64,
}

impl State {
    pub(super) fn new(switches: Switches) -> Self {
        Self {
            journal: Journal::new(10_000),
            switches,
            endpoints: BTreeMap::new(),
            deliveries: VecDeque::new(),
            last: 0,
        }
    }

    /// The endpoint of this name, made when it is met for the first time.
    pub(super) fn endpoint(&mut self, name: &str) -> &mut Endpoint {
        let switches = &self.switches;
        self.endpoints.entry(name.to_owned()).or_insert_with(|| Endpoint {
            switches: switches.clone(),
            keys: Vec::new(),
            seen: HashMap::new(),
        })
    }

    /// Switches of every endpoint and of those to come.
    pub(super) fn switch_all(&mut self, change: impl Fn(&mut Switches)) {
        change(&mut self.switches);
        self.endpoints.values_mut().for_each(|endpoint| change(&mut endpoint.switches));
    }

    /// Accepts `secrets` from now on, and verifies what came before; false when one is none.
    pub(super) fn tell(&mut self, name: &str, secrets: &[Secret]) -> bool {
        let Some(keys) = secrets.iter().map(Key::parse).collect::<Option<Vec<_>>>() else {
            return false;
        };
        for delivery in self.deliveries.iter_mut().filter(|one| one.endpoint == name) {
            delivery.judge(&keys);
        }
        self.endpoint(name).keys = keys;
        true
    }

    /// The number of the next delivery.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// Judges a delivery that has just come, and counts it.
    pub(super) fn judge(&mut self, delivery: &mut Delivery) {
        let endpoint = self.endpoint(&delivery.endpoint);
        delivery.judge(&endpoint.keys);
        let (sent, accepted) = endpoint.seen.entry(delivery.id.clone()).or_default();
        *sent = sent.saturating_add(1);
        delivery.attempt = *sent;
        delivery.duplicate = *accepted;
    }

    /// Writes a delivery down, with the status that it is answered with.
    pub(super) fn keep(&mut self, mut delivery: Delivery, status: Option<u16>) {
        delivery.status = status;
        if delivery.accepted() {
            let endpoint = self.endpoint(&delivery.endpoint);
            if let Some((_, accepted)) = endpoint.seen.get_mut(&delivery.id) {
                *accepted = true;
            }
        }
        if self.deliveries.len() >= REMEMBERED {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    /// Oldest first.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter()
    }

    /// Forgets what came.
    pub(super) fn forget(&mut self) {
        self.deliveries.clear();
        self.endpoints.values_mut().for_each(|endpoint| endpoint.seen.clear());
    }

    /// Each endpoint by its name.
    pub(super) fn summaries(&self) -> BTreeMap<String, Summary> {
        let mut summaries: BTreeMap<String, Summary> = self
            .endpoints
            .iter()
            .map(|(name, endpoint)| {
                let secrets = endpoint.keys.len();
                (name.clone(), Summary { secrets, ..Summary::default() })
            })
            .collect();
        let mut events: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let mut sequences: BTreeMap<(&str, i64), BTreeSet<i64>> = BTreeMap::new();
        for delivery in &self.deliveries {
            let Some(summary) = summaries.get_mut(&delivery.endpoint) else { continue };
            summary.deliveries += 1;
            summary.duplicates += usize::from(delivery.duplicate);
            match delivery.verified {
                Some(true) => summary.verified += 1,
                Some(false) => summary.invalid += 1,
                None => summary.unverified += 1,
            }
            if !delivery.accepted() {
                continue;
            }
            summary.accepted += 1;
            events.entry(&delivery.endpoint).or_default().insert(&delivery.id);
            // What is sent to one endpoint alone, such as its verification, has no place: 0.
            let place = delivery.seq.filter(|seq| *seq > 0);
            if let (Some(organisation), Some(seq)) = (delivery.organization_id, place) {
                sequences.entry((&delivery.endpoint, organisation)).or_default().insert(seq);
            }
        }
        for (name, ids) in events {
            if let Some(summary) = summaries.get_mut(name) {
                summary.events = ids.len();
            }
        }
        for ((name, organisation), numbers) in sequences {
            if let Some(summary) = summaries.get_mut(name) {
                summary.gaps.extend(gaps(organisation, &numbers));
            }
        }
        summaries
    }
}

fn gaps(organization_id: i64, numbers: &BTreeSet<i64>) -> Vec<Gap> {
    let next = numbers.iter().skip(1);
    let pairs = numbers.iter().zip(next);
    pairs
        .filter(|(before, after)| **after - **before > 1)
        .map(|(before, after)| Gap { organization_id, from: before + 1, to: after - 1 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_between_what_came() {
        let gap = |from, to| Gap { organization_id: 1, from, to };
        assert_eq!(gaps(1, &BTreeSet::from([3, 4, 7, 9])), [gap(5, 6), gap(8, 8)]);
        assert_eq!(gaps(1, &BTreeSet::from([3])), []);
        assert_eq!(gaps(1, &BTreeSet::new()), []);
    }
}
