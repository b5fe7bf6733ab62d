//! Every operation that the served document names, as everybody who must not.

use anyhow::Result;
use serde_json::Value;

use super::client::{Answer, send};
use super::document::Operation;
use super::request::{NOBODYS, request};
use super::scene::Api;
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
