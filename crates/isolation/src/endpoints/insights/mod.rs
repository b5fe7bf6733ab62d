//! Insights: nothing of another clinic is in them, and nothing about so few that it is about somebody.

mod asked;
mod cells;
mod planted;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use async_trait::async_trait;

use super::client::Answer;
use super::scene::{Api, ROLES};
use super::{Committed, Together, api_of};
use crate::mutant::Mutant;
use crate::{About, Item, Mutation, Probe, Subject, Target};
use asked::{Told, insights, told};

/// The clinic in which patients are planted; the other one has nothing to do with them.
const THERE: usize = 1;
const ELSEWHERE: usize = 0;

#[derive(Clone, Copy)]
enum Look {
    Apart,
    Suppressed,
}

struct Insights {
    about: About,
    look: Look,
    faults: Vec<Box<dyn Mutation>>,
}

#[async_trait]
impl Probe for Insights {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = api_of(target)?;
        // Left by a run that was ended.
        planted::take_away(target).await?;
        planted::renewed(target).await?;
        let examined = match self.look {
            Look::Apart => apart(target, &api).await,
            Look::Suppressed => {
                with_patients(target, &api, |api| cells::suppressed(api, THERE)).await
            }
        };
        planted::take_away(target).await?;
        examined
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

/// What is seen once there are patients who do as they are asked, and what they did is computed.
async fn with_patients<T: Send + 'static>(
    target: &Target,
    api: &Api,
    see: impl FnOnce(&Api) -> Result<T> + Send + 'static,
) -> Result<T> {
    planted::plant(target, api.clinics.get(THERE).context("two clinics")?).await?;
    planted::renewed(target).await?;
    blocking(api, see).await
}

async fn blocking<T: Send + 'static>(
    api: &Api,
    see: impl FnOnce(&Api) -> Result<T> + Send + 'static,
) -> Result<T> {
    let api = api.clone();
    tokio::task::spawn_blocking(move || see(&api)).await?
}

/// What patients do changes what their own clinic is told, and nothing that the other one is.
async fn apart(target: &Target, api: &Api) -> Result<Vec<Subject>> {
    let both = |api: &Api| Ok((told(api, ELSEWHERE, &ROLES)?, told(api, THERE, &["admin"])?));
    let (elsewhere, there) = blocking(api, both).await?;
    let (elsewhere_after, there_after) = with_patients(target, api, both).await?;
    let mut subjects = unchanged(&elsewhere, &elsewhere_after);
    // What shows nowhere proves nothing.
    let mut must_show: Vec<_> = blocking(api, insights).await?;
    must_show.push(("/console".to_owned(), Vec::new()));
    for (path, _) in must_show {
        let of_path = |key: &&String| key.starts_with(&format!("GET {path}"));
        let changed = |key: &String| there.get(key).zip(there_after.get(key));
        let shows = there
            .keys()
            .filter(of_path)
            .any(|key| changed(key).is_some_and(|(before, after)| differs(before, after)));
        let fault = (!shows).then(|| "does not show what its own patients did".to_owned());
        subjects.push(Subject { name: format!("GET {path} in their own clinic"), fault });
    }
    Ok(subjects)
}

fn unchanged(before: &Told, after: &Told) -> Vec<Subject> {
    let asked: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let judged = |name: &String| {
        let fault = match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => differs(before, after)
                .then_some("is answered otherwise after what another clinic's patients did"),
            _ => Some("comes or goes with what another clinic's patients did"),
        };
        Subject { name: name.clone(), fault: fault.map(str::to_owned) }
    };
    asked.into_iter().map(judged).collect()
}

/// Whether two answers differ, byte for byte; a problem names its request.
fn differs(before: &Answer, after: &Answer) -> bool {
    let is_problem = |answer: &Answer| answer.status >= 400 && answer.body.is_object();
    let text = |answer: &Answer| (!is_problem(answer)).then(|| answer.text.clone());
    before.shape() != after.shape() || text(before) != text(after)
}

/// The probes.
pub(super) fn probes() -> Vec<Box<dyn Probe>> {
    let open = |name, tables: &[&str]| -> Box<dyn Mutation> {
        let all = |verb: &str| {
            let one =
                |table: &&str| format!("ALTER TABLE public.{table} {verb} ROW LEVEL SECURITY;");
            tables.iter().map(one).collect()
        };
        Box::new(Committed { name, plant: all("DISABLE"), take_away: all("ENABLE") })
    };
    // The statement says again what the policy demands: both have to fail.
    let both = |name, tables: &[&str]| -> Box<dyn Mutation> {
        let careless = Mutant::boxed(name, "postgres.insights_of_every_clinic");
        Box::new(Together(name, [careless, open(name, tables)]))
    };
    vec![
        Box::new(Insights {
            about: About {
                id: "INS-01",
                item: Item::Ground,
                title: "what a clinic's patients do changes no insight and no page of another's, byte for byte",
                mend: "each question is one statement in the caller's organisation (crates/adapters/postgres/src/insights/engine.rs)",
            },
            look: Look::Apart,
            faults: vec![
                both("weeks of every clinic for everybody", &["insight_weeks"]),
                both("outcomes of every clinic for everybody", &["insight_outcomes"]),
                // Either alone shows nothing of which anything was asked.
                open(
                    "programmes of every clinic for everybody",
                    &["programs", "insight_course_weeks"],
                ),
                Mutant::boxed(
                    "a cache that forgets who asked",
                    "http-api.insights_of_whoever_asked_first",
                ),
            ],
        }),
        Box::new(Insights {
            about: About {
                id: "INS-02",
                item: Item::Actors,
                title: "no insight is about so few that it is about somebody: JSON, CSV, page, and their totals",
                mend: "publish() alone says what leaves (crates/domain/telemetry/src/insights/suppress.rs); what adds up: endpoints/insights/cells.rs",
            },
            look: Look::Suppressed,
            faults: vec![
                Mutant::boxed("small cells", "telemetry.small_cells"),
                Mutant::boxed(
                    "a total beside the one part that is suppressed",
                    "telemetry.total_beside_one_that_is_suppressed",
                ),
                Mutant::boxed(
                    "a nought for what is suppressed, in the CSV",
                    "http-api.nothing_for_what_is_suppressed",
                ),
            ],
        }),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, text: &str) -> Answer {
        let mut body: Value = serde_json::from_str(text).unwrap_or_default();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        Answer { status, headers: Vec::new(), body, text: text.to_owned(), request: None }
    }

    #[test]
    fn a_page_that_comes_goes_or_changes_is_found_and_a_problem_may_name_its_request() {
        let told = |pages: &[(&str, u16, &str)]| -> Told {
            let told =
                pages.iter().map(|(name, status, text)| ((*name).into(), answer(*status, text)));
            told.collect()
        };
        let problem = |id: &str| json!({ "code": "forbidden", "request_id": id }).to_string();
        let before = told(&[
            ("a", 200, "<p>1"),
            ("b", 200, "{\"x\":1}"),
            ("c", 403, &problem("1")),
            ("d", 200, ""),
        ]);
        let after = told(&[
            ("a", 200, "<p>2"),
            ("b", 200, "{\"x\": 1}"),
            ("c", 403, &problem("2")),
            ("e", 200, ""),
        ]);
        let found = unchanged(&before, &after);
        let red: Vec<_> =
            found.iter().filter(|one| one.fault.is_some()).map(|one| one.name.as_str()).collect();
        assert_eq!(red, ["a", "b", "d", "e"]);
    }
}
