//! Every operation that the served document names, as everybody who must not.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::client::{Answer, Request, send};
use super::document::Operation;
use super::scene::{Api, BYTES, FAR_AWAY, ROLES, Scene, announcement, window};
use crate::Subject;

const NOBODYS: &str = "4f1e0c5a-8b7d-4e2f-9a3c-6d5b4c3a2f1e";
const NOBODYS_NUMBER: &str = "7001002003004005";

/// An id that nobody has, of the same kind.
fn nobodys(like: &str) -> &'static str {
    if like.bytes().all(|byte| byte.is_ascii_digit()) { NOBODYS_NUMBER } else { NOBODYS }
}

/// Who has no token, a made-up one, no membership any more, or a suspended clinic is refused.
pub(super) fn doors(api: &Api, operations: &[Operation]) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for operation in operations {
        let request = request(operation, NOBODYS, operation.body.clone(), &[]);
        let mut faults = Vec::new();
        for (who, token, refusals) in [
            ("nobody", None, &[401][..]),
            ("garbage", Some("garbage"), &[401]),
            ("a forged token", Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."), &[401]),
            ("a removed member", Some(api.removed.as_str()), &[401, 403, 404]),
            ("a member of a suspended clinic", Some(api.suspended.as_str()), &[401, 403, 404]),
        ] {
            let answer = send(&api.url, token, &request)?;
            let refused = refusals.contains(&answer.status);
            if !refused && (token.is_none() || !knows_nothing(&answer)) {
                faults.push(format!("{who} is answered {}", answer.status));
            }
        }
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        subjects.push(Subject { name: operation.name(), fault });
    }
    Ok(subjects)
}

/// An answer that says that the asker has no clinic.
fn knows_nothing(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.get("organization_id") == Some(&Value::Null)
}

/// An id of another clinic is answered as one that nobody has; one's own is answered well.
pub(super) fn oracle(api: &Api, operations: &[Operation]) -> Result<Vec<Subject>> {
    let (mut mine, mut theirs) = (Scene::new(api, 0), Scene::new(api, 1));
    let mut subjects = Vec::new();
    for operation in operations {
        let of_ids =
            operation.path.matches('{').count() > usize::from(operation.path.contains("{date}"));
        if of_ids {
            let fault = of_paths(api, operation, &mut mine, &mut theirs)
                .unwrap_or_else(|error| Some(format!("could not be tried: {error:#}")));
            subjects.push(Subject { name: operation.name(), fault });
        }
        let in_query = operation.query.iter().map(|(name, _)| name);
        let references: Vec<_> = in_query
            .chain(&operation.fields)
            .filter(|name| name.ends_with("_id"))
            .cloned()
            .collect();
        for field in references {
            if field == "organization_id" || field == "actor_id" {
                // The switch aside, `PRM-01` finds it; an actor is a filter for one's own lines.
                continue;
            }
            let fault = by_reference(api, operation, &field, &mut mine, &mut theirs)
                .unwrap_or_else(|error| Some(format!("could not be tried: {error:#}")));
            subjects.push(Subject { name: format!("{} by {field}", operation.name()), fault });
        }
    }
    mine.tidy();
    theirs.tidy();
    Ok(subjects)
}

/// Each id of the path by turns; what was used up on the way is made again.
fn of_paths(
    api: &Api,
    operation: &Operation,
    mine: &mut Scene<'_>,
    theirs: &mut Scene<'_>,
) -> Result<Option<String>> {
    let turns = operation.path.split('/').filter(|part| part.starts_with('{')).count();
    for turn in 0..turns {
        let Some((collection, varied)) = mine.varied(operation)?.into_iter().nth(turn) else {
            break;
        };
        let fault = of_path(api, &varied, &collection, mine, theirs)?;
        if fault.is_some() {
            return Ok(fault);
        }
        if operation.method == "DELETE" && operation.path.contains("{time_off_id}") {
            mine.gone("time-off");
        }
    }
    Ok(None)
}

fn of_path(
    api: &Api,
    operation: &Operation,
    collection: &str,
    mine: &mut Scene<'_>,
    theirs: &mut Scene<'_>,
) -> Result<Option<String>> {
    let (Some(foreign), Some(own)) = (theirs.one(collection)?, mine.one(collection)?) else {
        return Ok(Some(format!("nobody knows how to make one of {collection}: scene.rs")));
    };
    let body = with_slot(operation, mine)?;
    let mut control = None;
    for role in ROLES {
        let token = mine.clinic()?.token(role)?;
        let ask =
            |id: &str| send(&api.url, Some(token), &request(operation, id, body.clone(), &[]));
        let [strange, unknown] = [ask(&foreign)?, ask(nobodys(&foreign))?];
        if let Some(fault) = differs(&strange, &unknown) {
            return Ok(Some(format!("as {role}: {fault}")));
        }
        if strange.status == 403 {
            continue;
        }
        if strange.status != 404 {
            return Ok(Some(format!("as {role}: is answered {} {}", strange.status, strange.text)));
        }
        let answer = ask(&own)?;
        if (200..300).contains(&answer.status) && operation.method != "GET" {
            mine.gone(collection);
        }
        control = Some(answer.status);
        if (200..300).contains(&answer.status) || answer.status == 409 {
            return Ok(None);
        }
    }
    Ok(Some(match control {
        None => "no role may use it: nothing was compared".to_owned(),
        Some(status) => format!("one's own id is answered {status}"),
    }))
}

fn by_reference(
    api: &Api,
    operation: &Operation,
    field: &str,
    mine: &mut Scene<'_>,
    theirs: &mut Scene<'_>,
) -> Result<Option<String>> {
    let Some(foreign) = theirs.referred(field)? else {
        return Ok(Some(format!("nobody knows to what {field} refers: scene.rs")));
    };
    let own = match operation.collection() {
        Some(collection) => mine.one(collection)?.unwrap_or_else(|| NOBODYS.to_owned()),
        None => NOBODYS.to_owned(),
    };
    let mut compared = false;
    for role in ROLES {
        let token = mine.clinic()?.token(role)?;
        let mut answers = Vec::new();
        for id in [foreign.as_str(), nobodys(&foreign)] {
            let mut body = with_slot(operation, mine)?;
            let mut query = Vec::new();
            if operation.fields.iter().any(|known| known == field) {
                if let Some(body) = &mut body {
                    refer(body, field, id);
                }
            } else {
                query.push((field, id));
            }
            answers.push(send(&api.url, Some(token), &request(operation, &own, body, &query))?);
        }
        if let [strange, unknown] = answers.as_slice() {
            if let Some(fault) = differs(strange, unknown) {
                return Ok(Some(format!("as {role}: {fault}")));
            }
            // Of several things together each may be refused by itself.
            let nothing = strange.body.get("accepted") == Some(&json!(0));
            if operation.method != "GET" && (200..300).contains(&strange.status) && !nothing {
                return Ok(Some(format!("as {role}: is taken: {}", strange.text)));
            }
            compared |= strange.status != 403;
        }
    }
    Ok((!compared).then(|| "no role may use it: nothing was compared".to_owned()))
}

/// Lets the body refer to `id`; where it tells of several events, each of them.
fn refer(body: &mut Value, field: &str, id: &str) {
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

/// An organisation's number that is sent along changes nothing.
pub(super) fn injected(api: &Api, operations: &[Operation]) -> Result<Vec<Subject>> {
    let other = api.clinics.get(1).map(|clinic| clinic.organization_id).unwrap_or_default();
    let mut mine = Scene::new(api, 0);
    let mut subjects = Vec::new();
    for operation in operations.iter().filter(|operation| operation.method == "GET") {
        let own = match operation.collection() {
            Some(collection) => mine.one(collection)?.unwrap_or_else(|| NOBODYS.to_owned()),
            None => NOBODYS.to_owned(),
        };
        let token = mine.clinic()?.token("admin")?;
        let mut base = mine.plain(operation, &own)?;
        if operation.query.iter().any(|(name, required)| name == "from" && !required) {
            // Reading the audit is a line of the audit: what was before now stays as it is.
            base.path = format!("{}?{}", operation.path, before_now());
        }
        let mut faults = Vec::new();
        for name in ["org_id", "organization_id", "orgId", "organizationId"] {
            let mut changed = base.clone();
            let separator = if changed.path.contains('?') { '&' } else { '?' };
            changed.path = format!("{}{separator}{name}={other}", changed.path);
            let (plain, answer) = beside(api, token, &base, &changed)?;
            if answer.shape() != plain.shape() && !(400..500).contains(&answer.status) {
                faults.push(format!("?{name} changes the answer to {}", answer.status));
            }
        }
        for name in ["x-org-id", "x-organization-id", "x-tenant-id"] {
            let mut changed = base.clone();
            changed.headers.push((name.to_owned(), other.to_string()));
            let (plain, answer) = beside(api, token, &base, &changed)?;
            if answer.shape() != plain.shape() {
                faults.push(format!("{name} changes the answer to {}", answer.status));
            }
        }
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        subjects.push(Subject { name: operation.name(), fault });
    }
    for operation in operations.iter().filter(|operation| operation.body.is_some()) {
        if operation.fields.iter().any(|field| field == "organization_id") {
            continue;
        }
        let token = mine.clinic()?.token("admin")?;
        let mut faults = Vec::new();
        for name in ["org_id", "organization_id", "orgId"] {
            let mut body = operation.body.clone();
            if let Some(Value::Object(fields)) = &mut body {
                fields.insert(name.to_owned(), json!(other));
            }
            let answer = send(&api.url, Some(token), &request(operation, NOBODYS, body, &[]))?;
            if !(400..500).contains(&answer.status) {
                faults.push(format!("{name} in the body is answered {}", answer.status));
            }
        }
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        subjects.push(Subject { name: operation.name(), fault });
    }
    mine.tidy();
    Ok(subjects)
}

/// The answers to a request and to its variant, while nothing else changes: a worker may be busy with
/// what is looked at.
fn beside(api: &Api, token: &str, base: &Request, changed: &Request) -> Result<(Answer, Answer)> {
    let ask = |request| send(&api.url, Some(token), request);
    for _ in 0..50 {
        let (before, answer, after) = (ask(base)?, ask(changed)?, ask(base)?);
        if before.shape() == after.shape() {
            return Ok((before, answer));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{} {} does not come to rest", base.method, base.path)
}

/// A window that ended a moment ago.
fn before_now() -> String {
    let now = restartix_kernel::Clock::now(&restartix_kernel::SystemClock);
    let [from, to] = [3600, 2].map(|seconds| {
        (now - chrono::TimeDelta::seconds(seconds)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    });
    format!("from={from}&to={to}")
}

impl Scene<'_> {
    /// A request of the operation with whatever it requires, of this clinic.
    fn plain(&mut self, operation: &Operation, id: &str) -> Result<Request> {
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
fn with_slot(operation: &Operation, mine: &mut Scene<'_>) -> Result<Option<Value>> {
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

fn request(
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

fn differs(strange: &Answer, unknown: &Answer) -> Option<String> {
    (strange.shape() != unknown.shape()).then(|| {
        format!(
            "an id of another clinic is answered {} {}, one of nobody {} {}",
            strange.status, strange.text, unknown.status, unknown.text
        )
    })
}
