//! What the stand-in was asked: never bodies, never signatures.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// How many requests are remembered.
const CAPACITY: usize = 10_000;

/// How a request said who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// It did not.
    Nobody,
    /// In the header `Authorization`.
    Header,
    /// In the query: a presigned URL.
    Query,
    /// In the fields of a form.
    Form,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Grows by one per request, from 1.
    pub number: u64,
    /// When it arrived, on the injected clock.
    pub at: DateTime<Utc>,
    /// The HTTP method.
    pub method: String,
    /// What it asked for, as `PutObject`; `None` where it was refused before that was known.
    pub operation: Option<String>,
    /// The first segment of the path.
    pub bucket: String,
    /// The rest of the path, decoded; empty where the bucket itself was asked.
    pub key: String,
    /// How it was signed, whether or not the signature was good.
    pub signed: Signed,
    /// The body's length in bytes.
    pub length: usize,
    /// The status of the answer; `None` while there is none, or when the connection was dropped.
    pub status: Option<u16>,
    /// True when the request was obeyed but its answer was lost on purpose.
    pub answer_lost: bool,
}

/// The last requests, oldest first.
#[derive(Default)]
pub(super) struct Journal {
    entries: VecDeque<Asked>,
    last: u64,
}

impl Journal {
    /// Writes down a request and returns its number.
    pub(super) fn open(&mut self, mut asked: Asked) -> u64 {
        self.last = self.last.saturating_add(1);
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
        }
        asked.number = self.last;
        self.entries.push_back(asked);
        self.last
    }

    /// Changes what is written of request `number`, if it is still remembered.
    pub(super) fn note(&mut self, number: u64, change: impl FnOnce(&mut Asked)) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.number == number) {
            change(entry);
        }
    }

    /// Oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Asked> {
        self.entries.iter()
    }

    /// Forgets the requests; numbers go on.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
