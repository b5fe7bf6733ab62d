//! Whether it can be told that another clinic has something.

use anyhow::Result;
use serde_json::json;

use super::client::{Answer, Request, send};
use super::document::Operation;
use super::lens::Lens;
use super::request::{NOBODYS, nobodys, refer, request, with_slot};
use super::scene::{Api, ROLES, Scene};
use crate::Subject;

/// Through `lens`, an id of another clinic looks like one that nobody has; one's own is answered well.
pub(super) fn oracle(api: &Api, operations: &[Operation], lens: &Lens) -> Result<Vec<Subject>> {
    let (mut mine, mut theirs) = (Scene::new(api, 0), Scene::new(api, 1));
    let asked = Asked { api, lens };
    let mut subjects = Vec::new();
    for operation in operations {
        let of_ids =
            operation.path.matches('{').count() > usize::from(operation.path.contains("{date}"));
        if of_ids {
            let fault = asked
                .of_paths(operation, &mut mine, &mut theirs)
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
            let fault = asked
                .by_reference(operation, &field, &mut mine, &mut theirs)
                .unwrap_or_else(|error| Some(format!("could not be tried: {error:#}")));
            subjects.push(Subject { name: format!("{} by {field}", operation.name()), fault });
        }
    }
    mine.tidy();
    theirs.tidy();
    Ok(subjects)
}

/// What is asked, and how one looks at what comes.
struct Asked<'a> {
    api: &'a Api,
    lens: &'a Lens,
}

impl Asked<'_> {
    fn both(&self, token: &str, requests: [&Request; 2]) -> Result<(Answer, Option<String>)> {
        self.lens.both(self.api, token, requests)
    }

    /// Each id of the path by turns; what was used up on the way is made again.
    fn of_paths(
        &self,
        operation: &Operation,
        mine: &mut Scene<'_>,
        theirs: &mut Scene<'_>,
    ) -> Result<Option<String>> {
        let turns = operation.path.split('/').filter(|part| part.starts_with('{')).count();
        for turn in 0..turns {
            let Some((collection, varied)) = mine.varied(operation)?.into_iter().nth(turn) else {
                break;
            };
            let fault = self.of_path(&varied, &collection, mine, theirs)?;
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
        &self,
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
            let of = |id: &str| request(operation, id, body.clone(), &[]);
            let (strange, fault) = self.both(token, [&of(&foreign), &of(nobodys(&foreign))])?;
            if let Some(fault) = fault {
                return Ok(Some(format!("as {role}: {fault}")));
            }
            if strange.status == 403 {
                continue;
            }
            if strange.status != 404 {
                return Ok(Some(format!(
                    "as {role}: is answered {} {}",
                    strange.status, strange.text
                )));
            }
            let answer = send(&self.api.url, Some(token), &of(&own))?;
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
        &self,
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
            let mut requests = Vec::new();
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
                requests.push(request(operation, &own, body, &query));
            }
            if let [strange, unknown] = requests.as_slice() {
                let (strange, fault) = self.both(token, [strange, unknown])?;
                if let Some(fault) = fault {
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
}
