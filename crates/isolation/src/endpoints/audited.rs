//! Nobody sees or changes anything that the audit does not know, in the organisation of whoever asked.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Request, send};
use super::document::{Operation, operations};
use super::request::own_request;
use super::scene::{Api, ROLES, Scene};
use super::{Committed, api_of};
use crate::{About, Item, Mutation, Probe, Subject, Target};

/// Operations that ask for a token and leave no line, each for a reason that was looked at.
const EXEMPT: [&str; 1] = ["GET /v1/me"];

struct Audited {
    about: About,
    faults: Vec<Committed>,
}

/// A request that was answered.
struct Asked {
    operation: Operation,
    role: &'static str,
    status: u16,
    request: Option<String>,
}

/// A line of the audit.
#[derive(Deserialize)]
struct Line {
    request: String,
    organization: i64,
    operation: String,
    outcome: String,
}

#[async_trait]
impl Probe for Audited {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = api_of(target)?;
        let organization = api.clinics.first().context("a clinic")?.organization_id;
        let (exempt, asked) = tokio::task::spawn_blocking(move || ask_all(&api)).await??;
        let ids: Vec<_> = asked.iter().filter_map(|one| one.request.clone()).collect();
        ensure!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')));
        let query = format!(
            "SELECT coalesce(json_agg(json_build_object('request', a.request_id, 'organization', a.org_id,
               'operation', a.operation, 'outcome', a.outcome)), '[]')::text
             FROM audit_events a WHERE a.request_id = ANY ('{{{}}}')",
            ids.join(",")
        );
        let lines: Vec<Line> = target.document(&query).await?;
        let mut subjects = exempt;
        for one in &asked {
            let of_request = |line: &&Line| one.request.as_ref() == Some(&line.request);
            let found: Vec<_> = lines.iter().filter(of_request).collect();
            let name = format!("{} as {}", one.operation.name(), one.role);
            subjects.push(Subject { name, fault: judged(one, &found, organization) });
        }
        Ok(subjects)
    }

    fn needs_api(&self) -> bool {
        true
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

/// What is wrong with what an answer left behind.
fn judged(asked: &Asked, found: &[&Line], organization: i64) -> Option<String> {
    let expected = match asked.status {
        ..400 => "success",
        400..500 => "refused",
        _ => "failed",
    };
    if found.is_empty() {
        return Some(format!("is answered {} and leaves no line", asked.status));
    }
    found.iter().find_map(|line| {
        if line.organization != organization {
            Some(format!("leaves a line in organisation {}", line.organization))
        } else if line.outcome != expected {
            Some(format!("is answered {} and said to be {}", asked.status, line.outcome))
        } else if line.operation != asked.operation.id {
            Some(format!("is said to be {}", line.operation))
        } else {
            None
        }
    })
}

/// Every operation as everybody who works or is treated in the first clinic; and those that leave no line.
fn ask_all(api: &Api) -> Result<(Vec<Subject>, Vec<Asked>)> {
    let ask = Request { method: "GET".into(), path: "/openapi.json".into(), ..Request::default() };
    let document: Value = send(&api.url, None, &ask)?.body;
    let mut mine = Scene::new(api, 0);
    let (mut exempt, mut asked) = (Vec::new(), Vec::new());
    for operation in operations(&document)? {
        if operation.exempt {
            let fault = (!EXEMPT.contains(&operation.name().as_str()))
                .then(|| "leaves no line, and nobody has looked at why: audited.rs".to_owned());
            exempt.push(Subject { name: operation.name(), fault });
            continue;
        }
        for role in ROLES {
            let request = own_request(&operation, &mut mine)?;
            let answer = send(&api.url, Some(mine.clinic()?.token(role)?), &request)?;
            mine.note(&operation.path, &answer);
            if answer.status < 300
                && operation.method != "GET"
                && let Some(collection) = operation.collection()
            {
                mine.gone(collection);
            }
            let operation = operation.clone();
            asked.push(Asked { operation, role, status: answer.status, request: answer.request });
        }
    }
    mine.tidy();
    Ok((exempt, asked))
}

/// A trigger before each line, as somebody who may alter the table might leave one.
const PLANT: &str =
    "CREATE FUNCTION public.before_a_line() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ";
const PLANTED: &str = " RETURN NEW; END$$; GRANT EXECUTE ON FUNCTION public.before_a_line() TO PUBLIC;
  CREATE TRIGGER before_a_line BEFORE INSERT ON public.audit_events FOR EACH ROW EXECUTE FUNCTION public.before_a_line()";
const TAKEN_AWAY: &str = "DROP TRIGGER IF EXISTS before_a_line ON public.audit_events; DROP FUNCTION IF EXISTS public.before_a_line()";

pub(super) fn probes() -> Vec<Box<dyn Probe>> {
    let fault = |name, does: &str| Committed {
        name,
        plant: format!("{PLANT}{does}{PLANTED}"),
        take_away: TAKEN_AWAY.to_owned(),
    };
    vec![Box::new(Audited {
        about: About {
            id: "AUD-02",
            item: Item::Audit,
            title: "every operation on data leaves a line in the organisation of whoever asked, however it ends",
            mend: "the row's audit class in crates/http-api/src/routes; a change writes its line in its own transaction",
        },
        faults: vec![
            fault(
                "a read that leaves no line",
                "IF NEW.operation = 'people.list' AND NEW.outcome = 'success' THEN RETURN NULL; END IF;",
            ),
            fault(
                "a refusal that leaves no line",
                "IF NEW.operation = 'people.get' AND NEW.outcome = 'refused' THEN RETURN NULL; END IF;",
            ),
            fault(
                "a line in an organisation of nobody",
                "IF NEW.operation = 'appointments.list' THEN NEW.org_id := NEW.org_id + 1000000; END IF;",
            ),
        ],
    })]
}
