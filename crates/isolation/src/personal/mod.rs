//! Personal data: a canary in every column of it, and no canary anywhere outside of its tables.

mod redis;
mod seed;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde_json::Value;

use crate::catalogue::Statement;
use crate::endpoints::{Api, Change, Outside, got, play, relay};
use crate::target::rows;
use crate::{About, Item, Mutation, Probe, Subject, Target};
use seed::{Needles, Seeded, canary, seed};

/// Whether the day in the clinics was played by this process.
static PLAYED: AtomicBool = AtomicBool::new(false);

/// Seeds the canaries, and lets the platform work with them.
async fn seeded(target: &Target, api: &Api) -> Result<Vec<Seeded>> {
    if !PLAYED.load(Ordering::Relaxed) {
        let furnished = api.clone();
        // Whatever cannot be played leaves columns without a row: those are RED.
        let furnished = tokio::task::spawn_blocking(move || play(&furnished, &[])).await?;
        let all = seed(target, api).await?;
        if furnished.is_err() {
            return Ok(all);
        }
        let words: Vec<_> = all.iter().map(|one| one.canary.clone()).collect();
        let api = api.clone();
        tokio::task::spawn_blocking(move || play(&api, &words)).await??;
        PLAYED.store(true, Ordering::Relaxed);
    }
    seed(target, api).await
}

fn api_of(target: &Target) -> Result<Api> {
    target.api().context("the stack's addresses and tokens were not given")
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
        let all = seeded(target, &api_of(target)?).await?;
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

/// A place where no canary may be, and what stands there.
struct Place {
    name: &'static str,
    text: String,
    /// Whether something must stand there, or nothing was shown.
    busy: bool,
}

/// Tables from which the platform tells others.
const TABLES: [(&str, bool); 4] = [
    ("webhook_events", true),
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
        busy("the server's log", fs::read_to_string(&places.log).context("the server's log")?),
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
        let canaries = seeded(target, &api).await?;
        ensure!(!canaries.is_empty(), "no column holds a canary");
        let url = api.url.clone();
        let mut all = tokio::task::spawn_blocking(move || outside(&url, &places)).await??;
        for (name, busy) in TABLES {
            let query = format!("SELECT string_agg(t::text, E'\\n') FROM public.{name} t");
            let found = rows(target.catalogue().simple_query(&query).await?);
            let text = found.into_iter().flatten().next().flatten().unwrap_or_default();
            all.push(Place { name, text, busy });
        }
        let judged = all.into_iter().map(|place| {
            let lower = place.text.to_lowercase();
            let found: Vec<_> = canaries
                .iter()
                .filter(|one| Needles::of(&one.canary).are_in(&place.text, &lower))
                .map(|one| one.subject.name.as_str())
                .collect();
            let fault = if place.busy && place.text.is_empty() {
                Some("is empty: nothing is shown".to_owned())
            } else {
                (!found.is_empty()).then(|| format!("holds {}", found.join(", ")))
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

/// What somebody careless lets out.
#[derive(Clone, Copy)]
enum Leak {
    Payload,
    Log,
    Metric,
}

/// A name that gets out.
struct Leaking {
    name: &'static str,
    leak: Leak,
    replaced: Mutex<Option<Api>>,
}

#[async_trait]
impl Mutation for Leaking {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        let api = api_of(target)?;
        let organization = api.clinics.first().context("a clinic")?.organization_id;
        let name = canary("people", "display_name", organization);
        let mut other = api.clone();
        let places = other.outside.as_mut().context("the stand-ins' addresses were not given")?;
        match self.leak {
            Leak::Payload => {
                let change: Change = Arc::new(move |text| {
                    let encoded = hex::encode(&name);
                    text.replacen(
                        "\"data\":{",
                        &format!("\"data\":{{\"patient\":\"{encoded}\","),
                        1,
                    )
                });
                places.receiver = relay(&places.receiver, change)?;
            }
            Leak::Log => {
                let text = fs::read_to_string(&places.log)?;
                places.log.push_str(".leaking");
                fs::write(&places.log, format!("{text}INFO booked for {}\n", name.to_lowercase()))?;
            }
            Leak::Metric => {
                let change: Change =
                    Arc::new(move |text| format!("{text}\nseen_total{{who=\"{name}\"}} 1\n"));
                other.url = relay(&other.url, change)?;
            }
        }
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(api);
        target.set_api(Some(other));
        Ok(())
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(api) = replaced {
            if let (Leak::Log, Some(places)) = (self.leak, &api.outside) {
                fs::remove_file(format!("{}.leaking", places.log))?;
            }
            target.set_api(Some(api));
        }
        Ok(())
    }
}

/// The probes.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let leaking = |name, leak| -> Box<dyn Mutation> {
        Box::new(Leaking { name, leak, replaced: Mutex::new(None) })
    };
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
                title: "no canary gets out: webhooks, telemetry, Daily, S3, log, metrics, Redis, audit",
                mend: "tell of ids and closed words alone; Display and Debug of personal data print nothing",
            },
            faults: vec![
                leaking("a payload with a name in hexadecimal", Leak::Payload),
                leaking("a line of the log with a name", Leak::Log),
                leaking("a metric of each person", Leak::Metric),
                Box::new(Statement {
                    name: "a name in the audit's resource id",
                    sql: "SET LOCAL session_replication_role = replica;
                          UPDATE public.audit_events a SET resource_id = (SELECT max(p.display_name)
                            FROM public.people p WHERE p.org_id = a.org_id AND p.display_name LIKE 'Canary%')",
                }),
            ],
        }),
    ]
}
