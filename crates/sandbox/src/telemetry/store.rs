//! What was taken: appended to a file, one batch a line, and on the disk before it counts.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

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

/// The file, and all that is in it.
pub(super) struct Store {
    file: File,
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
        let mut store =
            Self { file, batches, known, events: Vec::new(), summary: Summary::default() };
        for line in text.get(..whole).unwrap_or_default().lines() {
            let kept: Value = serde_json::from_str(line)?;
            let batch = kept.get("batch").and_then(Value::as_str).unwrap_or_default().to_owned();
            let events = kept.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
            store.remember(&batch, events);
        }
        Ok(store)
    }

    /// Keeps `events` as `batch`, unless it was kept before; returns once it is on the disk. Answers
    /// how many were new.
    pub(super) fn keep(&mut self, batch: &str, events: Vec<Value>) -> io::Result<usize> {
        if self.batches.contains(batch) {
            self.summary.duplicate_batches = self.summary.duplicate_batches.saturating_add(1);
            return Ok(0);
        }
        let all = events.len();
        let fresh: Vec<_> =
            events.into_iter().filter(|one| !self.known.contains(id(one))).collect();
        let again = u64::try_from(all.saturating_sub(fresh.len())).unwrap_or_default();
        self.summary.duplicate_events = self.summary.duplicate_events.saturating_add(again);
        let line = format!("{}\n", json!({ "batch": batch, "events": fresh }));
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

    fn remember(&mut self, batch: &str, events: Vec<Value>) {
        self.batches.insert(batch.to_owned());
        self.summary.batches = self.summary.batches.saturating_add(1);
        for event in events {
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
