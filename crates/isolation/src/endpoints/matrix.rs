//! Every operation that the served document names, as everybody who must not.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::client::{Answer, Request, send};
use super::document::Operation;
use super::request::{NOBODYS, before_now, request};
use super::scene::{Api, Scene};
use crate::Subject;

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
