//! Requests of an operation, made of what the document says of it and of what a clinic has.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::Request;
use super::document::Operation;
use super::scene::{BYTES, FAR_AWAY, Scene, announcement, in_one_part, window};

/// An id that nobody has.
pub(super) const NOBODYS: &str = "4f1e0c5a-8b7d-4e2f-9a3c-6d5b4c3a2f1e";
const NOBODYS_NUMBER: &str = "7001002003004005";

/// An id that nobody has, of the same kind.
pub(super) fn nobodys(like: &str) -> &'static str {
    if like.bytes().all(|byte| byte.is_ascii_digit()) { NOBODYS_NUMBER } else { NOBODYS }
}

/// A window that ended a moment ago.
pub(super) fn before_now() -> String {
    let now = restartix_kernel::Clock::now(&restartix_kernel::SystemClock);
    let [from, to] = [3600, 2].map(|seconds| {
        (now - chrono::TimeDelta::seconds(seconds)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    });
    format!("from={from}&to={to}")
}

impl Scene<'_> {
    /// A request of the operation with whatever it requires, of this clinic.
    pub(super) fn plain(&mut self, operation: &Operation, id: &str) -> Result<Request> {
        let [from, to] = window();
        let mut query = Vec::new();
        for (name, _) in operation.query.iter().filter(|(_, required)| *required) {
            let value = match name.as_str() {
                "from" => Some(from.clone()),
                "to" => Some(to.clone()),
                other => self.referred(other)?,
            };
            query.push((name.clone(), value.unwrap_or_default()));
        }
        let query: Vec<_> =
            query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Ok(request(operation, id, operation.body.clone(), &query))
    }
}

/// The body, with times that may be booked and references of one's own.
pub(super) fn with_slot(operation: &Operation, mine: &mut Scene<'_>) -> Result<Option<Value>> {
    let Some(Value::Object(mut fields)) = operation.body.clone() else {
        return Ok(operation.body.clone());
    };
    if operation.fields.iter().any(|field| field == "starts_at")
        && let Value::Object(slot) = mine.slot()?
    {
        fields.extend(slot.into_iter().filter(|(name, _)| operation.fields.contains(name)));
    }
    if operation.path == "/v1/files"
        && let Value::Object(announced) = announcement()
    {
        fields.extend(announced);
    }
    if operation.path == "/v1/rehab/events" {
        let mut event = mine.completion()?;
        let program = mine.one("programs")?.context("a programme")?;
        refer(&mut event, "program_id", &program);
        fields.insert("events".to_owned(), json!([event]));
    }
    let names: Vec<_> = fields.keys().filter(|name| name.ends_with("_id")).cloned().collect();
    for name in names {
        if let Some(own) = mine.referred(&name)? {
            fields.insert(name, json!(own));
        }
    }
    for (name, value) in &mut fields {
        match name.as_str() {
            "timezone" => *value = json!("UTC"),
            "reason_code" => *value = json!("other"),
            "role" => *value = json!("patient"),
            "to" if operation.path.ends_with("/time-off") => *value = json!(FAR_AWAY),
            "from" if operation.path.ends_with("/time-off") => {
                *value = json!("2190-01-01T10:00:00Z");
            }
            "url" => *value = json!(mine.clinic()?.receiver),
            "event_types" => *value = json!(["*"]),
            "parts" if operation.path.ends_with("/parts") => *value = in_one_part(),
            "exercises" => *value = mine.exercises()?,
            "subject" => *value = json!("probe-of-nobody"),
            // An empty week would leave no slot to book.
            "hours" if operation.path.ends_with("/weekly-hours") => {
                let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
                *value = json!(
                    days.map(|day| json!({ "weekday": day, "start": "00:00", "end": "24:00" }))
                );
            }
            _ => {}
        }
    }
    Ok(Some(Value::Object(fields)))
}

/// A request of the operation on this clinic's own things, with a body that fits.
pub(super) fn own_request(operation: &Operation, mine: &mut Scene<'_>) -> Result<Request> {
    let own = match operation.collection() {
        Some(collection) => mine.one(collection)?.unwrap_or_else(|| NOBODYS.to_owned()),
        None => NOBODYS.to_owned(),
    };
    let body = with_slot(operation, mine)?;
    Ok(Request { body, ..mine.plain(operation, &own)? })
}

/// The request on the thing of this id; what the query requires besides is made up.
pub(super) fn request(
    operation: &Operation,
    id: &str,
    body: Option<Value>,
    query: &[(&str, &str)],
) -> Request {
    let mut path = operation.path.clone();
    while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
        path.replace_range(from..=to, id);
    }
    let mut query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let [from, to] = window();
    for (name, required) in &operation.query {
        let named = query.iter().any(|pair| pair.starts_with(&format!("{name}=")));
        let value = match name.as_str() {
            _ if named || !required => continue,
            "from" => from.as_str(),
            "to" => to.as_str(),
            _ => NOBODYS,
        };
        query.push(format!("{name}={value}"));
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let bytes = operation.takes_bytes.then_some(BYTES);
    Request { method: operation.method.clone(), path, headers: Vec::new(), body, bytes }
}

/// Lets the body refer to `id`; where it tells of several events, each of them.
pub(super) fn refer(body: &mut Value, field: &str, id: &str) {
    let Value::Object(fields) = body else { return };
    match fields.get_mut("events") {
        Some(Value::Array(events)) => {
            for event in events {
                refer(event, field, id);
            }
        }
        _ => {
            fields.insert(field.to_owned(), json!(id));
        }
    }
}
