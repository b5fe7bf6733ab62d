//! The Telemetry service: where it may be, and what it learns of people.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use restartix_kernel::Secret;
use restartix_telemetry_service::{Config, ConfigError, Timeouts};
use serde::Deserialize;
use serde_json::Value;

use crate::careless::Careless;
use crate::endpoints::{Api, Change, got, play, relay};
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

/// Whoever stands before the stand-in and makes something else of what it got.
struct Retold {
    name: &'static str,
    /// What becomes of its text, given the id of a patient.
    change: fn(&str, &str) -> String,
    replaced: Mutex<Option<Api>>,
}

#[async_trait]
impl Mutation for Retold {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        let api = target.api().context("the stack's addresses were not given")?;
        let mut other = api.clone();
        let outside = other.outside.as_mut().context("the stand-ins' addresses were not given")?;
        let patient = api.clinics.first().context("a clinic")?.patient_id.clone();
        let change = self.change;
        let change: Change = Arc::new(move |text| change(text, &patient));
        outside.telemetry = relay(&outside.telemetry, change)?;
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(api);
        target.set_api(Some(other));
        Ok(())
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner).take();
        if replaced.is_some() {
            target.set_api(replaced);
        }
        Ok(())
    }
}

fn unhashed(text: &str, patient: &str) -> String {
    hashes_replaced(text, |_| patient.to_owned())
}

fn shortened(text: &str, _: &str) -> String {
    hashes_replaced(text, |hash| hash.chars().take(16).collect())
}

fn told_beside(text: &str, patient: &str) -> String {
    text.replacen("\"data\":{", &format!("\"data\":{{\"patient_id\":\"{patient}\","), 1)
}

/// Every `"hash":"..."` with another word in it.
fn hashes_replaced(text: &str, other: impl Fn(&str) -> String) -> String {
    let mut parts = text.split("\"hash\":\"");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hash, rest) = part.split_once('"').unwrap_or((part, ""));
        all.push_str(&format!("\"hash\":\"{}\"{rest}", other(hash)));
    }
    all
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Got>,
    next_after: Option<u64>,
}

#[derive(Deserialize)]
struct Got {
    event: Value,
}

/// Everything that the service got of this kind.
fn events(telemetry: &str, kind: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), Some(0));
    while let Some(number) = after {
        let text = got(telemetry, &format!("/_sandbox/events?kind={kind}&after={number}"))?;
        let page: Page = serde_json::from_str(&text).context("what the service got")?;
        all.extend(page.events.into_iter().map(|got| got.event));
        after = page.next_after;
    }
    Ok(all)
}

/// Waits until the service has something of this kind.
fn some(telemetry: &str, kind: &str) -> Result<Vec<Value>> {
    for _ in 0..150 {
        let found = events(telemetry, kind)?;
        if !found.is_empty() {
            return Ok(found);
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    bail!("the service got nothing of kind {kind}")
}

fn judged(event: &Value, ids: &BTreeSet<String>) -> Option<String> {
    let hash = event.pointer("/actor/hash").and_then(Value::as_str).unwrap_or_default();
    if !hex::decode(hash).is_ok_and(|bytes| bytes.len() == 32) {
        return Some("its actor is not 32 bytes of a hash".to_owned());
    }
    if !event.pointer("/actor/key_epoch").is_some_and(Value::is_u64) {
        return Some("its actor has no epoch".to_owned());
    }
    let text = event.to_string();
    let named = ids.iter().any(|id| text.contains(id.as_str()));
    named.then(|| "names somebody by an id of the platform".to_owned())
}

struct Actors {
    about: About,
    faults: Vec<Retold>,
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
        tokio::task::spawn_blocking(move || {
            if events(&outside.telemetry, "rehab")?.is_empty() {
                play(&api, &[])?;
            }
            let mut subjects = Vec::new();
            for kind in ["analytics", "rehab"] {
                for event in some(&outside.telemetry, kind)? {
                    let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
                    let name = format!("{kind} {id}");
                    subjects.push(Subject { name, fault: judged(&event, &ids) });
                }
            }
            Ok(subjects)
        })
        .await?
    }

    fn needs_api(&self) -> bool {
        true
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

/// The probes.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let careless = |name, rule: Rule| Careless::new(name, rule);
    let retold = |name, change| Retold { name, change, replaced: Mutex::new(None) };
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
                retold("a patient's id in the place of the hash", unhashed),
                retold("a hash cut short", shortened),
                retold("a patient's id beside the hash", told_beside),
            ],
        }),
    ]
}
