//! Webhooks: the clinic's own tool hears of what happens, signed, in order, without anybody's name.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Cast;
use super::tour::Tour;
use crate::stack::{Client, Clinic, Person};
use crate::workspace::{list, text};

/// An endpoint, something that was sent to it, a replay, and a program of the clinic's own, by their
/// public ids.
pub(super) struct Hooked {
    pub(super) endpoint: String,
    pub(super) delivery: String,
    pub(super) job: String,
    pub(super) program: String,
}

/// The admin adds the clinic's own tool, which proves that it listens. Answers the endpoint's id.
pub(super) fn listen(tour: &mut Tour<'_>, receiver: &Client, cast: &Cast<'_>) -> Result<String> {
    let name = name(cast.clinic);
    let body = json!({ "url": receiver.url(&format!("/hooks/{name}")), "event_types": ["*"] });
    let made = tour.see("admin adds a webhook endpoint", "201", || {
        cast.admin.post("/v1/webhook-endpoints", &body)
    })?;
    let secrets = json!({ "secrets": [made.word("/secret")?] });
    let told = receiver.put(&format!("/_sandbox/endpoints/{name}/secrets"), &secrets)?;
    tour.require("the receiver takes the secret", &200, &told.status)?;
    let id = made.word("/id")?;
    let path = format!("/v1/webhook-endpoints/{id}");
    tour.until("it answers the signed verification", "enabled", || {
        Ok(cast.admin.get(&path)?.word("/status")? == "enabled")
    })?;
    let shown = cast.admin.get(&path)?;
    tour.require("the secret is shown again", &false, &shown.text.contains("whsec_"))?;
    Ok(id)
}

/// Everything that happened has arrived, each in its place of the sequence, signed, and nobody is named.
pub(super) fn heard(
    tour: &mut Tour<'_>,
    receiver: &Client,
    cast: &Cast<'_>,
    endpoint: String,
    happened: &[(&str, usize)],
) -> Result<Hooked> {
    let clinic = cast.clinic;
    let step = format!("{}: what happened, numbered", clinic.name);
    tour.until(&step, "every event is in the feed", || {
        let feed = feed(cast)?;
        let of = |kind: &str| feed.iter().filter(|event| text(event, "type") == Some(kind)).count();
        Ok(happened.iter().all(|(kind, times)| of(kind) >= *times))
    })?;
    let feed = feed(cast)?;
    let places: Vec<_> = feed.iter().filter_map(|event| event["seq"].as_i64()).collect();
    let counted: Vec<_> = (1..).take(feed.len()).collect();
    tour.require("the numbers of the feed", &counted, &places)?;
    for (kind, times) in happened {
        let seen = feed.iter().filter(|event| text(event, "type") == Some(kind)).count();
        tour.require(&format!("events {kind}"), times, &seen)?;
    }

    let name = name(clinic);
    let last = places.last().copied().context("an empty feed")?;
    tour.until(
        &format!("{}: its tool hears of it", clinic.name),
        "signed, no number missing",
        || {
            let summary = receiver.get("/_sandbox/endpoints")?;
            let gaps = list(summary.at(&format!("/endpoints/{name}"))?, "gaps").count();
            let told = deliveries(receiver, &name)?;
            let reached = told.iter().any(|one| one["seq"].as_i64() == Some(last));
            Ok(gaps == 0 && reached)
        },
    )?;
    let told = deliveries(receiver, &name)?;
    tour.detail(&format!("{} deliveries", told.len()));
    judge(clinic, &told)?;
    let path = format!("/v1/webhook-deliveries?endpoint_id={endpoint}");
    let sent = tour.see("admin looks at what was sent", "200", || cast.admin.get(&path))?;
    let delivery = sent.word("/items/0/id")?;
    let replay = format!("/v1/webhook-endpoints/{endpoint}/replay");
    let everything = json!({ "from_seq": 1 });
    let made =
        tour.see("admin has it told once more", "201", || cast.admin.post(&replay, &everything))?;
    let job = made.word("/id")?;
    let path = format!("/v1/webhook-jobs/{job}");
    tour.until("the replay goes through the feed", "done", || {
        Ok(cast.admin.get(&path)?.word("/status")? == "done")
    })?;
    let body = json!({ "name": "The tool", "scopes": ["appointments:read", "webhooks:read"] });
    let program = tour.see("admin adds a program for the tool", "201", || {
        cast.admin.post("/v1/api-clients", &body)
    })?;
    Ok(Hooked { endpoint, delivery, job, program: program.word("/id")? })
}

/// Each delivery is signed and of this clinic; none says who anybody is.
fn judge(clinic: &Clinic, told: &[Value]) -> Result<()> {
    for one in told {
        let body = one["body"].to_string();
        if one["verified"] != true || one["organization_id"].as_i64() != Some(clinic.id) {
            bail!("a delivery that is not verified, or of another clinic: {one}");
        }
        let names =
            |person: &&Person| body.contains(&person.name) || body.contains(&person.person_id);
        if let Some(person) = clinic.people.iter().find(names) {
            bail!("a delivery tells of {}: {body}", person.name);
        }
    }
    Ok(())
}

/// The clinic's events in their order.
fn feed(cast: &Cast<'_>) -> Result<Vec<Value>> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let after = events.last().and_then(|event| event["seq"].as_i64()).unwrap_or_default();
        let page = cast.admin.get(&format!("/v1/webhook-events?after_seq={after}&limit=100"))?;
        if page.status != 200 {
            bail!("the feed\n  expected: 200\n  seen:     {} {}", page.status, page.text);
        }
        let known = events.len();
        events.extend(list(&page.json, "items").cloned());
        if events.len() == known {
            return Ok(events);
        }
    }
}

fn deliveries(receiver: &Client, name: &str) -> Result<Vec<Value>> {
    let page = receiver.get(&format!("/_sandbox/deliveries?endpoint={name}"))?;
    Ok(list(&page.json, "deliveries").cloned().collect())
}

fn name(clinic: &Clinic) -> String {
    format!("clinic-{}", clinic.id)
}
