//! A request as the endpoints see it, and Daily's way to say no.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// One request, out of its HTTP clothes.
pub(super) struct Call<'a> {
    pub(super) now: DateTime<Utc>,
    /// `http://127.0.0.1:N`, without a slash at the end.
    pub(super) url: &'a str,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: &'a [u8],
}

impl Call<'_> {
    /// The body as a JSON object; no body counts as an empty one.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Refusal::invalid("the body must be a JSON object")),
            Err(error) => Err(Refusal::new(400, "json-parsing-error", error.to_string())),
        }
    }

    /// The body as `T`; `T` refuses unknown keys.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_value(Value::Object(self.object()?))
            .map_err(|error| Refusal::invalid(error.to_string()))
    }

    /// The page size `?limit=`, 1..=100.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let Some(limit) = self.query.get("limit") else { return Ok(MAX_PAGE) };
        let limit = limit.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
        limit.ok_or_else(|| Refusal::invalid("limit must be a whole number between 1 and 100"))
    }

    /// One page of `items`, newest first, by `?limit=`, `?starting_after=` and `?ending_before=`
    /// (ids). An id that is not there gives an empty page.
    pub(super) fn page<T>(
        &self,
        items: &[T],
        id: impl Fn(&T) -> String,
        show: impl Fn(&T) -> Value,
    ) -> Result<Value, Refusal> {
        let position = |key| {
            let wanted: Option<&String> = self.query.get(key);
            wanted.map(|wanted| {
                items.iter().position(|item| id(item) == *wanted).unwrap_or(items.len())
            })
        };
        let from = position("starting_after").map_or(0, |at| at.saturating_add(1));
        let to = position("ending_before").unwrap_or(items.len());
        let window = items.get(from..to).unwrap_or_default();
        let data: Vec<Value> = window.iter().take(self.limit()?).map(show).collect();
        Ok(json!({ "total_count": items.len(), "data": data }))
    }
}

/// Daily's greatest page.
const MAX_PAGE: usize = 100;

/// An error of Daily's API: `{"error": code, "info": text}`.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Refusal {
    pub(super) fn new(status: u16, error: &str, info: impl Into<String>) -> Self {
        Self { status, body: json!({ "error": error, "info": info.into() }) }
    }

    pub(super) fn invalid(info: impl Into<String>) -> Self {
        Self::new(400, "invalid-request-error", info)
    }

    pub(super) fn not_found(info: impl Into<String>) -> Self {
        Self::new(404, "not-found", info)
    }

    pub(super) fn rate_limited() -> Self {
        Self::new(429, "rate-limit-error", "rate limit exceeded")
    }

    pub(super) fn unavailable() -> Self {
        Self::new(503, "server-error", "the stand-in was told to fail")
    }
}

/// What an endpoint says: the body of a 200, or a refusal.
pub(super) type Answer = Result<Value, Refusal>;

/// A time as Daily writes it: ISO 8601 with milliseconds.
pub(super) fn iso(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
