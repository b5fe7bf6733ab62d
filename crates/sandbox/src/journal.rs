//! What a stand-in was asked and what it sent, without secrets.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The product (or a browser) called the stand-in.
    In,
    /// The stand-in called the product: a webhook.
    Out,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Grows by one per request, from 1.
    pub number: u64,
    /// When it arrived or was sent, on the injected clock.
    pub at: DateTime<Utc>,
    /// Who called.
    pub direction: Direction,
    /// The HTTP method.
    pub method: String,
    /// Path and query; for [`Direction::Out`] the whole URL. Tokens are blanked.
    pub path: String,
    /// The status of the answer; `None` while there is none, or when the connection was dropped.
    pub status: Option<u16>,
    /// The body as JSON (a string where it is not JSON), with keys and tokens blanked.
    pub body: Value,
    /// True when the request was obeyed but its answer was lost on purpose.
    pub answer_lost: bool,
}

/// The last requests, oldest first, and the greatest rate seen.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    capacity: usize,
    last: u64,
    rate: PeakRate,
}

impl Journal {
    /// A journal that forgets all but the last `capacity` requests.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity, last: 0, rate: PeakRate::default() }
    }

    /// Writes down a request and returns its number.
    pub(crate) fn open(
        &mut self,
        at: DateTime<Utc>,
        direction: Direction,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> u64 {
        self.last = self.last.saturating_add(1);
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            number: self.last,
            at,
            direction,
            method: method.to_owned(),
            path: blank_tokens(path),
            status: None,
            body: blanked(body),
            answer_lost: false,
        });
        self.last
    }

    /// Counts a request of the provider's API towards the rate.
    pub(crate) fn count(&mut self, at: DateTime<Utc>) {
        self.rate.note(at);
    }

    /// Writes down the end of request `number`, if it is still remembered.
    pub(crate) fn close(&mut self, number: u64, status: Option<u16>, answer_lost: bool) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = status;
            entry.answer_lost = answer_lost;
        }
    }

    /// Oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The greatest number of API requests within any one second, refused ones included.
    pub(crate) fn peak_per_second(&self) -> usize {
        self.rate.peak
    }

    /// Forgets the requests and the peak; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.rate = PeakRate::default();
    }
}

#[derive(Debug, Default)]
struct PeakRate {
    window: VecDeque<DateTime<Utc>>,
    peak: usize,
}

impl PeakRate {
    fn note(&mut self, at: DateTime<Utc>) {
        while self.window.front().is_some_and(|first| at - *first >= TimeDelta::seconds(1)) {
            self.window.pop_front();
        }
        self.window.push_back(at);
        self.peak = self.peak.max(self.window.len());
    }
}

/// What stands in the journal where a secret was.
const BLANK: &str = "[blanked]";

/// Keys whose values are secrets whatever they look like.
const SECRET_KEYS: [&str; 4] = ["hmac", "token", "t", "api_key"];

fn blanked(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let mut value = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    blank_value(&mut value);
    value
}

fn blank_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = blank_tokens(text),
        Value::Array(items) => items.iter_mut().for_each(blank_value),
        Value::Object(fields) => {
            for (key, field) in fields {
                if SECRET_KEYS.contains(&key.as_str()) && !field.is_null() {
                    *field = Value::String(BLANK.to_owned());
                } else {
                    blank_value(field);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Blanks everything that looks like a JWT: every header begins `{"`, in base64url `eyJ`.
fn blank_tokens(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.find("eyJ").and_then(|at| rest.split_at_checked(at)) {
        let length = from
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(from.len());
        clean.push_str(before);
        clean.push_str(BLANK);
        rest = from.get(length..).unwrap_or_default();
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    #[test]
    fn tokens_and_keys_are_blanked_wherever_they_stand() {
        let mut journal = Journal::new(9);
        journal.open(
            now(),
            Direction::In,
            "POST",
            "/v1/meeting-tokens/eyJhbGci.eyJy.c2ln?x=1",
            br#"{"hmac":"c2VjcmV0","list":[{"url":"http://d/r?t=eyJh.b.c&x=1","token":"q"}],"name":"r"}"#,
        );
        let entry = journal.entries().next().unwrap();
        assert_eq!(entry.path, "/v1/meeting-tokens/[blanked]?x=1");
        assert_eq!(
            entry.body,
            json!({
                "hmac": "[blanked]",
                "list": [{"url": "http://d/r?t=[blanked]&x=1", "token": "[blanked]"}],
                "name": "r",
            })
        );
    }

    #[test]
    fn only_the_last_requests_are_kept() {
        let mut journal = Journal::new(2);
        for path in ["/a", "/b", "/c"] {
            journal.open(now(), Direction::In, "GET", path, b"");
        }
        let kept: Vec<_> = journal.entries().map(|e| (e.number, e.path.as_str())).collect();
        assert_eq!(kept, [(2, "/b"), (3, "/c")]);
    }

    #[test]
    fn the_peak_is_of_any_one_second() {
        let mut journal = Journal::new(1);
        for millis in [0, 500, 900, 999, 1000, 1400, 3000] {
            journal.count(now() + TimeDelta::milliseconds(millis));
        }
        assert_eq!(journal.peak_per_second(), 5, "the first was a whole second before the fifth");
    }
}
