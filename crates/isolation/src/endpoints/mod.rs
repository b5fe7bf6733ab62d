//! The endpoint matrix: every operation that the running server's own document names.
//!
//! Nothing lists operations: one that comes tomorrow is tried tomorrow, and one with an id of a kind
//! that the scene of its clinics cannot make is RED.

mod audited;
mod client;
mod document;
mod injected;
mod insights;
mod lens;
mod matrix;
mod oracle;
mod play;
mod ranks;
mod request;
mod scene;
mod statements;
mod told;

use anyhow::{Context, Result};
use async_trait::async_trait;

use crate::mutant::Mutant;
use crate::{About, Item, Mutation, Probe, Subject, Target};
use client::{Request, send};
pub(crate) use client::{got, pages};
use document::operations;
use lens::Lens;
pub(crate) use play::play;
pub use scene::{Api, Clinic, Outside};
pub(crate) use statements::{Sent, Statements};

#[derive(Clone, Copy)]
enum Look {
    Doors,
    Oracle,
    Statements,
    Times,
    Injected,
    Parameters,
}

struct Endpoints {
    about: About,
    look: Look,
    faults: Vec<Box<dyn Mutation>>,
}

#[async_trait]
impl Probe for Endpoints {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = api_of(target)?;
        let look = self.look;
        let log = statements(&api);
        // The client blocks; the database's connection does not wait for it.
        tokio::task::spawn_blocking(move || {
            let ask = Request {
                method: "GET".into(),
                path: "/openapi.json".into(),
                ..Request::default()
            };
            let document = send(&api.url, None, &ask)?.body;
            let all = operations(&document)?;
            match look {
                Look::Doors => matrix::doors(&api, &all),
                Look::Oracle => oracle::oracle(&api, &all, &Lens::Answers),
                Look::Statements => oracle::oracle(&api, &all, &Lens::Statements(log?)),
                Look::Times => oracle::oracle(&api, &all, &Lens::Times(SAMPLES)),
                Look::Injected => injected::injected(&api, &all),
                Look::Parameters => Ok(all.iter().map(parameters).collect()),
            }
        })
        .await?
    }

    fn needs_api(&self) -> bool {
        true
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| &**fault).collect()
    }
}

/// Samples of each of two requests before their times are compared.
const SAMPLES: usize = 400;

/// PostgreSQL's log of the stack.
pub(crate) fn statements(api: &Api) -> Result<Statements> {
    let file = api.outside.as_ref().and_then(|outside| outside.statements.clone());
    file.map(Statements::new).context("the stack's log of statements was not given")
}

fn api_of(target: &Target) -> Result<Api> {
    target.api().context("the stack's addresses and tokens were not given")
}

/// No operation takes an organisation's number, the switch aside.
fn parameters(operation: &document::Operation) -> Subject {
    let switch = operation.name() == "PUT /v1/me/current-organization";
    let names = operation.query.iter().map(|(name, _)| name).chain(&operation.fields);
    let found: Vec<_> = names.filter(|name| is_organisation(name)).cloned().collect();
    let in_path = operation.path.contains("{org");
    let fault = (!switch && (in_path || !found.is_empty()))
        .then(|| format!("takes an organisation: {}", found.join(", ")));
    Subject { name: operation.name(), fault }
}

fn is_organisation(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    ["orgid", "organizationid", "organisationid", "tenantid", "clinicid"]
        .contains(&plain.to_ascii_lowercase().as_str())
}

/// Statements that the running server must see: committed, and taken back.
struct Committed {
    name: &'static str,
    plant: String,
    take_away: String,
}

#[async_trait]
impl Mutation for Committed {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        Ok(target.catalogue().batch_execute(&self.plant).await?)
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        Ok(target.catalogue().batch_execute(&self.take_away).await?)
    }
}

/// Two faults at once, where either wall alone would hold.
struct Together(&'static str, [Box<dyn Mutation>; 2]);

#[async_trait]
impl Mutation for Together {
    fn name(&self) -> &str {
        self.0
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        for fault in &self.1 {
            fault.plant(target).await?;
        }
        Ok(())
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        let [first, second] = &self.1;
        let first = first.take_away(target).await;
        second.take_away(target).await.and(first)
    }
}

/// What takes minutes: `cargo xtask soak oracle`.
pub fn soaks() -> Vec<Box<dyn Probe>> {
    let about = About {
        id: "TIME-01",
        item: Item::Ground,
        title: "no time tells an id of another clinic from one of nobody (400 samples, ranks)",
        mend: "find it by &Tenant, and do nothing else when it is not there",
    };
    let fault = Mutant::boxed(
        "two milliseconds more for what another clinic has",
        "http-api.slower_for_what_others_have",
    );
    vec![Box::new(Endpoints { about, look: Look::Times, faults: vec![fault] })]
}

/// The probes of the interface.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let probe = |id, item, title, mend, look, faults| -> Box<dyn Probe> {
        Box::new(Endpoints { about: About { id, item, title, mend }, look, faults })
    };
    let mut all = vec![
        probe(
            "API-01",
            Item::Ground,
            "every operation refuses nobody, garbage, removed members and suspended clinics",
            "a row in crates/http-api/src/routes with its roles: the route table checks the token",
            Look::Doors,
            vec![
                Mutant::boxed(
                    "a handler without a proof of who asks",
                    "http-api.nobody_is_somebody",
                ),
                Box::new(Committed {
                    name: "a suspended clinic that is served",
                    plant: "UPDATE public.organizations SET status = 'active', name = name || ' (was suspended)' WHERE status = 'suspended'".to_owned(),
                    take_away: "UPDATE public.organizations SET status = 'suspended', name = replace(name, ' (was suspended)', '') WHERE name LIKE '% (was suspended)'".to_owned(),
                }),
            ],
        ),
        probe(
            "API-02",
            Item::Ground,
            "an id of another clinic is answered as one that nobody has: status, headers, body",
            "find it by &Tenant and answer 404; README, \"Add an endpoint\"; a new kind of id: endpoints/scene.rs",
            Look::Oracle,
            vec![
                Mutant::boxed(
                    "a 403 for what another clinic has",
                    "http-api.forbidden_for_what_others_have",
                ),
                Box::new(Committed {
                    name: "people of every clinic for everybody",
                    plant: "ALTER TABLE public.people DISABLE ROW LEVEL SECURITY".to_owned(),
                    // With the lines of those who looked at others' patients meanwhile: by them, those are known.
                    take_away: "ALTER TABLE public.people ENABLE ROW LEVEL SECURITY;
                        ALTER TABLE public.audit_events DISABLE TRIGGER audit_events_append_only;
                        DELETE FROM public.audit_events a WHERE a.patient_id IS NOT NULL AND NOT EXISTS (
                          SELECT FROM public.people p WHERE p.org_id = a.org_id AND p.id = a.patient_id);
                        ALTER TABLE public.audit_events ENABLE TRIGGER audit_events_append_only;
                        DELETE FROM public.telemetry_events t WHERE t.kind = 'audit' AND NOT EXISTS (
                          SELECT FROM public.audit_events a WHERE a.org_id = t.org_id AND a.id = t.id)"
                        .to_owned(),
                }),
            ],
        ),
        probe(
            "API-04",
            Item::Ground,
            "for an id of another clinic the database is asked what it is asked for one of nobody",
            "find it by &Tenant, and do nothing else when it is not there",
            Look::Statements,
            vec![Mutant::boxed(
                "one more statement for what another clinic has",
                "http-api.another_statement_for_what_others_have",
            )],
        ),
        probe(
            "API-03",
            Item::Parameters,
            "an organisation's number in query, body or headers changes nothing",
            "take the organisation from &Tenant alone",
            Look::Injected,
            vec![Mutant::boxed(
                "a handler that reads org_id from the request",
                "http-api.organisation_from_the_request",
            )],
        ),
        probe(
            "PRM-01",
            Item::Parameters,
            "no operation takes an organisation, the switch aside",
            "take the organisation from &Tenant alone",
            Look::Parameters,
            vec![Mutant::boxed(
                "operations that take orgId",
                "http-api.operation_takes_an_organisation",
            )],
        ),
    ];
    all.extend(audited::probes());
    all.extend(told::probes());
    all.extend(insights::probes());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_is_recognised_however_it_is_spelt() {
        for name in ["org_id", "orgId", "organization_id", "organisationId", "X-Tenant-Id"] {
            assert!(is_organisation(name) || name.starts_with("X-"), "{name}");
        }
        assert!(!is_organisation("organizer"));
        assert!(!is_organisation("specialist_id"));
    }
}
