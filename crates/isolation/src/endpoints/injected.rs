//! An organisation's number that is sent along, in query, header or body: it changes nothing.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::client::{Answer, Request, send};
use super::document::Operation;
use super::request::{NOBODYS, before_now, request};
use super::scene::{Api, Scene};
use crate::Subject;

/// As somebody careless might call it in a query or a body.
const NAMES: [&str; 4] = ["org_id", "organization_id", "orgId", "organizationId"];

/// And in a header.
const HEADERS: [&str; 3] = ["x-org-id", "x-organization-id", "x-tenant-id"];

pub(super) fn injected(api: &Api, operations: &[Operation]) -> Result<Vec<Subject>> {
    let (mut mine, mut theirs) = (Scene::new(api, 0), Scene::new(api, 1));
    let mut subjects = Vec::new();
    for operation in operations {
        if operation.fields.iter().any(|field| field == "organization_id") {
            // The switch: the one operation that takes it, from members alone.
            continue;
        }
        let mut faults = if operation.method == "GET" {
            read(api, operation, &mut mine)?
        } else {
            write(api, operation, &mut mine, &mut theirs)?
        };
        if operation.body.is_some() {
            faults.extend(in_body(api, operation, &mine)?);
        }
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        subjects.push(Subject { name: operation.name(), fault });
    }
    mine.tidy();
    theirs.tidy();
    Ok(subjects)
}

/// The request with the other clinic's number in it, each way by turns, and what that way is called.
fn variants(base: &Request, other: i64) -> Vec<(String, Request)> {
    let in_query = NAMES.iter().map(|name| {
        let separator = if base.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}{name}={other}", base.path);
        (format!("?{name}"), Request { path, ..base.clone() })
    });
    let in_header = HEADERS.iter().map(|name| {
        let mut changed = base.clone();
        changed.headers.push(((*name).to_owned(), other.to_string()));
        ((*name).to_owned(), changed)
    });
    in_query.chain(in_header).collect()
}

/// One's own things are read as without it.
fn read(api: &Api, operation: &Operation, mine: &mut Scene<'_>) -> Result<Vec<String>> {
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
    let (plain, answers) = beside(api, token, &base, &variants(&base, other(api)))?;
    let changed = answers.iter().filter(|(way, answer)| {
        let refused = way.starts_with('?') && (400..500).contains(&answer.status);
        answer.shape() != plain.shape() && !refused
    });
    Ok(changed
        .map(|(way, answer)| format!("{way} changes the answer to {}", answer.status))
        .collect())
}

/// What belongs to the other clinic is as far away with its number as without.
fn write(
    api: &Api,
    operation: &Operation,
    mine: &mut Scene<'_>,
    theirs: &mut Scene<'_>,
) -> Result<Vec<String>> {
    let foreign = match operation.collection() {
        Some(collection) => theirs.one(collection)?.unwrap_or_else(|| NOBODYS.to_owned()),
        None => NOBODYS.to_owned(),
    };
    let token = mine.clinic()?.token("admin")?;
    let base = request(operation, &foreign, operation.body.clone(), &[]);
    let mut faults = Vec::new();
    let plain = send(&api.url, Some(token), &base)?;
    for (way, changed) in variants(&base, other(api)) {
        let answer = send(&api.url, Some(token), &changed)?;
        // What is made anew has an id of its own each time.
        let same = match plain.status {
            400.. => answer.shape() == plain.shape(),
            _ => answer.status == plain.status,
        };
        if !same {
            faults.push(format!("{way} changes {} to {}", plain.status, answer.status));
        }
    }
    Ok(faults)
}

/// A body that holds it is refused.
fn in_body(api: &Api, operation: &Operation, mine: &Scene<'_>) -> Result<Vec<String>> {
    let token = mine.clinic()?.token("admin")?;
    let mut faults = Vec::new();
    for name in NAMES {
        let mut body = operation.body.clone();
        if let Some(Value::Object(fields)) = &mut body {
            fields.insert(name.to_owned(), json!(other(api)));
        }
        let answer = send(&api.url, Some(token), &request(operation, NOBODYS, body, &[]))?;
        if !(400..500).contains(&answer.status) {
            faults.push(format!("{name} in the body is answered {}", answer.status));
        }
    }
    Ok(faults)
}

fn other(api: &Api) -> i64 {
    let [_, other] = &api.clinics;
    other.organization_id
}

/// The answers to a request and to its variants, while nothing else changes: a worker may be busy with
/// what is looked at.
fn beside(
    api: &Api,
    token: &str,
    base: &Request,
    variants: &[(String, Request)],
) -> Result<(Answer, Vec<(String, Answer)>)> {
    let ask = |request| send(&api.url, Some(token), request);
    for _ in 0..50 {
        let before = ask(base)?;
        let answers = variants.iter().map(|(way, changed)| Ok((way.clone(), ask(changed)?)));
        let answers = answers.collect::<Result<Vec<_>>>()?;
        if before.shape() == ask(base)?.shape() {
            return Ok((before, answers));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{} {} does not come to rest", base.method, base.path)
}
