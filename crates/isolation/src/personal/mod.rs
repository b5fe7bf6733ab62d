//! Personal data: a canary in every column of it, and no canary anywhere outside of its tables.

mod redis;
mod seed;
#[cfg(test)]
mod tests;

use std::fs;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde_json::Value;

use crate::catalogue::Statement;
use crate::endpoints::{Api, Outside, got, play};
use crate::mutant::Mutant;
use crate::settled::settled;
use crate::target::rows;
use crate::{About, Item, Mutation, Probe, Subject, Target};
use seed::{Needles, Season, Seeded, seed};

fn api_of(target: &Target) -> Result<Api> {
    target.api().context("the stack's addresses and tokens were not given")
}

/// Seeds new canaries in every row that there is; some are made first.
async fn seeded(target: &Target, api: &Api, season: &Season) -> Result<Vec<Seeded>> {
    let furnished = api.clone();
    // Whatever cannot be played leaves columns without a row: those are RED.
    let _unplayed = tokio::task::spawn_blocking(move || play(&furnished, &[])).await?;
    let organizations = [0, 1].map(|at| api.clinics.get(at).map(|clinic| clinic.organization_id));
    let organizations = organizations.map(Option::unwrap_or_default);
    seed(target, organizations, season).await
}

struct Canaries {
    about: About,
    faults: Vec<Statement>,
}

#[async_trait]
impl Probe for Canaries {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let all = seeded(target, &api_of(target)?, &Season::fresh()).await?;
        Ok(all.into_iter().map(|one| one.subject).collect())
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

/// So many of the canaries are sent where they are refused, and as names.
const WORDS: usize = 4;

/// A place where no canary may be, and what stands there.
struct Place {
    name: &'static str,
    text: String,
    /// Whether something must stand there, or nothing was shown.
    busy: bool,
}

/// Tables from which the platform tells others.
const TABLES: [(&str, bool); 5] = [
    ("webhook_events", true),
    ("webhook_outbox", false),
    ("audit_events", true),
    ("telemetry_events", false),
    ("outbox", false),
];

/// What a stand-in says, all pages of it.
fn told(base: &str, what: &str) -> Result<String> {
    let (mut all, mut after) = (String::new(), Some(0));
    while let Some(number) = after {
        let text = got(base, &format!("/_sandbox/{what}?after={number}"))?;
        let page: Value = serde_json::from_str(&text).context("a stand-in's answer")?;
        let nothing = page.as_object().is_some_and(|page| {
            page.values().all(|value| value.as_array().is_none_or(Vec::is_empty))
        });
        if !nothing {
            all.push_str(&text);
        }
        after = page.get("next_after").and_then(Value::as_u64);
    }
    Ok(all)
}

fn outside(url: &str, places: &Outside) -> Result<Vec<Place>> {
    let busy = |name, text| Place { name, text, busy: true };
    Ok(vec![
        busy("what the receiver of webhooks got", told(&places.receiver, "deliveries")?),
        busy("what the Telemetry service got", told(&places.telemetry, "events")?),
        busy("what Daily was asked", told(&places.daily, "journal")?),
        busy("what S3 was asked, with its keys", told(&places.s3, "journal")?),
        busy(
            "the server's log, with all that is traced",
            fs::read_to_string(&places.log).context("the server's log")?,
        ),
        busy("the metrics", got(url, "/metrics")?),
        Place { name: "Redis", text: redis::everything(&places.redis)?, busy: false },
    ])
}

struct Nowhere {
    about: About,
    faults: Vec<Box<dyn Mutation>>,
}

#[async_trait]
impl Probe for Nowhere {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = api_of(target)?;
        let places = api.outside.clone().context("the stand-ins' addresses were not given")?;
        let season = Season::fresh();
        let canaries = seeded(target, &api, &season).await?;
        ensure!(!canaries.is_empty(), "no column holds a canary");
        let words: Vec<_> = canaries.iter().take(WORDS).map(|one| one.canary.clone()).collect();
        let playing = api.clone();
        tokio::task::spawn_blocking(move || play(&playing, &words)).await??;
        settled(target).await?;
        let url = api.url.clone();
        let mut all = tokio::task::spawn_blocking(move || outside(&url, &places)).await??;
        for (name, busy) in TABLES {
            let query = format!("SELECT string_agg(t::text, E'\\n') FROM public.{name} t");
            let found = rows(target.catalogue().simple_query(&query).await?);
            let text = found.into_iter().flatten().next().flatten().unwrap_or_default();
            all.push(Place { name, text, busy });
        }
        let any = Needles::of(&season.beginning());
        let judged = all.into_iter().map(|place| {
            let lower = place.text.to_lowercase();
            let gets_out = any.are_in(&place.text, &lower);
            let found: Vec<_> = canaries
                .iter()
                .filter(|_| gets_out)
                .filter(|one| Needles::of(&one.canary).are_in(&place.text, &lower))
                .map(|one| one.subject.name.as_str())
                .collect();
            let fault = if place.busy && place.text.is_empty() {
                Some("is empty: nothing is shown".to_owned())
            } else {
                gets_out.then(|| format!("holds a canary: {}", found.join(", ")))
            };
            Subject { name: place.name.to_owned(), fault }
        });
        Ok(judged.collect())
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

/// The probes.
pub fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(Canaries {
            about: About {
                id: "PII-01",
                item: Item::Payloads,
                title: "every column of personal data holds a canary in both clinics",
                mend: "let endpoints/play.rs make a row of the table; a type that no text fits: personal/seed.rs",
            },
            faults: vec![
                Statement {
                    name: "a new column of personal data that nobody can seed",
                    sql: "COMMENT ON COLUMN public.people.created_at IS 'pii'",
                },
                Statement {
                    name: "a new table of personal data in which nobody puts a row",
                    sql: "CREATE TABLE public.diary (org_id bigint, entry text);
                          COMMENT ON COLUMN public.diary.entry IS 'pii'",
                },
            ],
        }),
        Box::new(Nowhere {
            about: About {
                id: "PII-02",
                item: Item::Payloads,
                title: "no canary gets out: webhooks, telemetry, Daily, S3, log and traces, metrics, Redis, audit",
                mend: "tell of ids and closed words alone; Display and Debug of personal data print nothing",
            },
            faults: vec![
                Mutant::boxed(
                    "a payload with a name in hexadecimal",
                    "workflows.name_in_a_payload",
                ),
                Mutant::boxed("a line of the log with a name", "http-api.name_in_the_log"),
                Mutant::boxed("a metric of each person", "core-api.metric_of_each_person"),
                Mutant::boxed("a name in the audit", "http-api.name_in_the_audit"),
            ],
        }),
    ]
}
