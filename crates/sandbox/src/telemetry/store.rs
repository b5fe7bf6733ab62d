//! What was taken: appended to a file, one batch a line, and on the disk before it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

/// The part of an instant that says its hour: `2026-01-01T00`.
const HOUR: usize = 13;
/// The file in the store's directory.
const FILE: &str = "batches.jsonl";

/// An event that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// Its place among all: 1, 2, 3, ...
    pub number: u64,
    /// The batch with which it came first.
    pub batch: String,
    /// The event as it came.
    pub event: Value,
}

/// What came, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Batches that were taken.
    pub batches: u64,
    /// Events that were taken, each counted once.
    pub events: u64,
    /// Batches that came again.
    pub duplicate_batches: u64,
    /// Events that came again in another batch.
    pub duplicate_events: u64,
    /// Batches of which nothing was taken, because of one of their events.
    pub poisoned_batches: u64,
}

/// What there is of an organisation's hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) sum: u64,
}

/// The file, and all that is in it.
pub(super) struct Store {
    file: File,
    /// By organisation and the first 13 characters of an instant: its hour.
    tallies: BTreeMap<(i64, String), Tally>,
    batches: BTreeSet<String>,
    known: BTreeSet<String>,
    events: Vec<Received>,
    pub(super) summary: Summary,
}

impl Store {
    /// Opens the store in `directory`, with what is in it. A last line without an end was never
    /// answered: it is cut off.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(FILE);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end.saturating_add(1));
        file.set_len(u64::try_from(whole).unwrap_or_default())?;
        file.seek(SeekFrom::End(0))?;
        let (batches, known) = (BTreeSet::new(), BTreeSet::new());
        let mut store = Self {
            file,
            tallies: BTreeMap::new(),
            batches,
            known,
            events: Vec::new(),
            summary: Summary::default(),
        };
        for line in text.get(..whole).unwrap_or_default().lines() {
            let kept: Value = serde_json::from_str(line)?;
            let batch = kept.get("batch").and_then(Value::as_str).unwrap_or_default().to_owned();
            let events = kept.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
            let digests = kept.get("digests").and_then(Value::as_array);
            let digests = digests.into_iter().flatten().filter_map(Value::as_u64);
            store.remember(&batch, events.into_iter().zip(digests).collect());
        }
        Ok(store)
    }

    /// Keeps `events` as `batch`, unless it was kept before; returns once it is on the disk. Answers
    /// how many were new.
    /// `digests` are the numbers that the events add to a tally.
    pub(super) fn keep(
        &mut self,
        batch: &str,
        events: Vec<Value>,
        digests: Vec<u64>,
    ) -> io::Result<usize> {
        if self.batches.contains(batch) {
            self.summary.duplicate_batches = self.summary.duplicate_batches.saturating_add(1);
            return Ok(0);
        }
        let all = events.len();
        let (mut fresh, mut here) = (Vec::with_capacity(all), BTreeSet::new());
        for (event, digest) in events.into_iter().zip(digests) {
            if !self.known.contains(id(&event)) && here.insert(id(&event).to_owned()) {
                fresh.push((event, digest));
            }
        }
        let again = u64::try_from(all.saturating_sub(fresh.len())).unwrap_or_default();
        self.summary.duplicate_events = self.summary.duplicate_events.saturating_add(again);
        let events: Vec<_> = fresh.iter().map(|(event, _)| event).collect();
        let digests: Vec<_> = fresh.iter().map(|(_, digest)| *digest).collect();
        let line = json!({ "batch": batch, "events": events, "digests": digests });
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        let new = fresh.len();
        self.remember(batch, fresh);
        Ok(new)
    }

    /// What was taken, oldest first.
    pub(super) fn events(&self) -> impl Iterator<Item = &Received> {
        self.events.iter()
    }

    /// What there is of this hour, by its first instant.
    pub(super) fn tally(&self, organisation: i64, hour: &str) -> Tally {
        let hour = hour.get(..HOUR).unwrap_or_default().to_owned();
        self.tallies.get(&(organisation, hour)).copied().unwrap_or_default()
    }

    fn remember(&mut self, batch: &str, events: Vec<(Value, u64)>) {
        self.batches.insert(batch.to_owned());
        self.summary.batches = self.summary.batches.saturating_add(1);
        for (event, digest) in events {
            let at = event.get("occurred_at").and_then(Value::as_str).unwrap_or_default();
            let hour = at.get(..HOUR).unwrap_or_default().to_owned();
            let organisation = event.get("organization_id").and_then(Value::as_i64);
            let tally = self.tallies.entry((organisation.unwrap_or_default(), hour)).or_default();
            tally.count = tally.count.saturating_add(1);
            tally.sum = tally.sum.wrapping_add(digest);
            self.known.insert(id(&event).to_owned());
            self.summary.events = self.summary.events.saturating_add(1);
            let number = self.summary.events;
            self.events.push(Received { number, batch: batch.to_owned(), event });
        }
    }
}

fn id(event: &Value) -> &str {
    event.get("id").and_then(Value::as_str).unwrap_or_default()
}
