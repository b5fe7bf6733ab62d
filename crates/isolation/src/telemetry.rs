//! The Telemetry service: where it may be, and what it learns of people.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use restartix_kernel::Secret;
use restartix_telemetry_service::{Config, ConfigError, Timeouts};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::careless::Careless;
use crate::endpoints::{pages, play};
use crate::mutant::Mutant;
use crate::settled::settled;
use crate::{About, Item, Mutation, Probe, Subject, Target};

/// Hosts, and whether telemetry may be sent there.
const HOSTS: [(&str, bool); 20] = [
    ("127.0.0.1", true),
    ("[::1]", true),
    ("10.1.2.3", true),
    ("172.16.0.1", true),
    ("172.31.255.255", true),
    ("192.168.1.1", true),
    ("[fd00::1]", true),
    ("[::ffff:10.0.0.1]", true),
    ("8.8.8.8", false),
    ("0.0.0.0", false),
    ("100.64.0.1", false),
    ("169.254.169.254", false),
    ("172.15.255.255", false),
    ("172.32.0.1", false),
    ("192.169.0.1", false),
    ("[::]", false),
    ("[fe80::1]", false),
    ("[2a00:1450::1]", false),
    ("[::ffff:8.8.8.8]", false),
    ("[64:ff9b::808:808]", false),
];

/// Whether the service may be at this address.
type Rule = fn(&str) -> bool;

fn ours(base_url: &str) -> bool {
    let config = Config {
        base_url: base_url.to_owned(),
        key: Secret::from("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        authorities: None,
        timeouts: Timeouts::default(),
    };
    config.check() != Err(ConfigError::Public)
}

fn anywhere(_: &str) -> bool {
    true
}

fn by_its_beginning(base_url: &str) -> bool {
    let host = base_url.trim_start_matches("http://").trim_start_matches('[');
    ["127.", "10.", "172.", "192.", "169.254.", "fd", "fe", "::"]
        .iter()
        .any(|begins| host.starts_with(begins))
}

struct Places {
    about: About,
    faults: Vec<Careless<Rule>>,
}

#[async_trait]
impl Probe for Places {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let rule: Rule = Careless::planted_or(&self.faults, ours);
        let judged = |host: &str, may: bool| {
            let fault = (rule(&format!("http://{host}")) != may)
                .then(|| if may { "is refused" } else { "is taken" }.to_owned());
            Subject { name: format!("http://{host}"), fault }
        };
        let mut subjects: Vec<_> = HOSTS.iter().map(|(host, may)| judged(host, *may)).collect();
        if let Some(outside) = target.api().and_then(|api| api.outside) {
            let fault = (!ours(&outside.telemetry)).then(|| "is a public address".to_owned());
            subjects.push(Subject { name: "the stack's own Telemetry service".to_owned(), fault });
        }
        Ok(subjects)
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

fn judged(event: &Value, names: &BTreeSet<String>) -> Option<String> {
    let hash = event.pointer("/actor/hash").and_then(Value::as_str).unwrap_or_default();
    if !hex::decode(hash).is_ok_and(|bytes| bytes.len() == 32) {
        return Some("its actor is not 32 bytes of a hash".to_owned());
    }
    if !event.pointer("/actor/key_epoch").is_some_and(Value::is_u64) {
        return Some("its actor has no epoch".to_owned());
    }
    let text = event.to_string();
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut words = text.split(|c| !of_word(c));
    // An id without hyphens is half as long as a hash: it may stand anywhere in one.
    let mut parts = (0..=32).filter_map(|at| hash.get(at..at + 32));
    let named = words.any(|word| names.contains(word)) || parts.any(|part| names.contains(part));
    named
        .then(|| "names somebody by an id of the platform, or by its hash without a key".to_owned())
}

/// The ids, and what anybody can make of them without a key.
fn names(ids: &BTreeSet<String>) -> BTreeSet<String> {
    ids.iter().flat_map(|id| [id.clone(), hex::encode(Sha256::digest(id))]).collect()
}

struct Actors {
    about: About,
    faults: Vec<Box<dyn Mutation>>,
    /// The last event that was looked at.
    seen: AtomicU64,
}

/// The ids of everybody, with and without hyphens.
const IDS: &str = "SELECT coalesce(json_agg(DISTINCT x), '[]')::text FROM (
  SELECT id::text AS x FROM people UNION SELECT replace(id::text, '-', '') FROM people
  UNION SELECT id::text FROM users UNION SELECT replace(id::text, '-', '') FROM users
  UNION SELECT id::text FROM memberships) ids";

#[async_trait]
impl Probe for Actors {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = target.api().context("the stack's addresses and tokens were not given")?;
        let outside = api.outside.clone().context("the stand-ins' addresses were not given")?;
        let ids: BTreeSet<String> = target.document(IDS).await?;
        ensure!(!ids.is_empty(), "there is nobody whose id could be told");
        tokio::task::spawn_blocking(move || play(&api, &[])).await??;
        settled(target).await?;
        let seen = self.seen.load(Ordering::Relaxed);
        let got = move || pages(&outside.telemetry, "events?", seen);
        let (events, last) = tokio::task::spawn_blocking(got).await??;
        self.seen.store(last, Ordering::Relaxed);
        let (names, mut subjects) = (names(&ids), Vec::new());
        for kind in ["analytics", "rehab"] {
            let events = events.iter().filter_map(|got| got.get("event"));
            let of_kind = events.filter(|event| event.get("kind") == Some(&kind.into()));
            let before = subjects.len();
            subjects.extend(of_kind.map(|event| {
                let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
                Subject { name: format!("{kind} {id}"), fault: judged(event, &names) }
            }));
            ensure!(subjects.len() > before, "the service took nothing of kind {kind}");
        }
        Ok(subjects)
    }

    fn needs_api(&self) -> bool {
        true
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| &**fault).collect()
    }
}

/// The probes.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let careless = |name, rule: Rule| Careless::new(name, rule);
    vec![
        Box::new(Places {
            about: About {
                id: "TEL-01",
                item: Item::Reachability,
                title: "telemetry is sent to loopback and private addresses and to no other",
                mend: "the rule stands in crates/adapters/telemetry-service/src/place.rs",
            },
            faults: vec![
                careless("a service that may be anywhere", anywhere),
                careless("private addresses told by their first digits", by_its_beginning),
            ],
        }),
        Box::new(Actors {
            about: About {
                id: "TEL-02",
                item: Item::Actors,
                title: "who acts in analytics and rehab is a hash of 32 bytes, and nobody's id is told",
                mend: "pseudonyms are made in crates/domain/telemetry/src/pseudonym.rs: Facts take a Subject",
            },
            faults: vec![
                Mutant::boxed(
                    "a patient's id in the place of the hash",
                    "telemetry.unhashed_actor",
                ),
                Mutant::boxed("a hash that anybody can make", "telemetry.hash_without_key"),
                Mutant::boxed("a hash cut short", "telemetry.hash_cut_short"),
            ],
            seen: AtomicU64::new(0),
        }),
    ]
}
