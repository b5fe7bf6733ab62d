//! The wall between two clinics: every id of one answers 404 to the other, on each operation, exactly as an id
//! that nobody has.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Cast;
use super::made::Made;
use super::operations::{Operation, Who, operations};
use super::tour::{Tour, seen};
use crate::stack::{Answer, Client};

/// Tries every operation that takes an id, as the other clinic, on what `made` names.
pub(super) fn foreign_ids(
    tour: &mut Tour<'_>,
    nobody: &Client,
    stranger: &Cast<'_>,
    made: &Made,
) -> Result<()> {
    let nobodys = made.nobodys()?;
    let [foreign, unknown] = [operations(made), operations(&nobodys)];
    tour.many("every operation with an id is tried", || covered(nobody, &foreign))?;
    let step = format!("{}: ids of the other clinic", stranger.clinic.name);
    tour.many(&step, || {
        for (foreign, unknown) in foreign.iter().zip(&unknown) {
            let answer = ask(stranger, foreign)?;
            let control = ask(stranger, unknown)?;
            if answer.status != foreign.refused || shape(&answer) != shape(&control) {
                bail!(
                    "{} as {}\n  expected: {}, as for an id that nobody has ({})\n  seen:     {}\n  body:     {}",
                    foreign.template,
                    stranger.clinic.name,
                    foreign.refused,
                    seen(&control),
                    seen(&answer),
                    answer.text
                );
            }
        }
        Ok(format!("refused on {} requests as unknown ids are", foreign.len()))
    })?;
    tour.many(&format!("{}: its lists", stranger.clinic.name), || silent(stranger, made))
}

/// The lists of one clinic name nothing of the other.
fn silent(stranger: &Cast<'_>, made: &Made) -> Result<String> {
    let lists = [
        "appointments",
        "appointment-types",
        "specialists",
        "people",
        "memberships",
        "files",
        "programs",
        "webhook-endpoints",
        "webhook-deliveries",
        "webhook-events",
    ];
    let secrets = made.ids();
    for list in lists {
        let answer = stranger.admin.get(&format!("/v1/{list}?limit=100"))?;
        if answer.status != 200 || secrets.iter().any(|secret| answer.text.contains(secret)) {
            bail!(
                "/v1/{list} as {}\n  expected: 200, nothing of the other clinic\n  seen:     {}",
                stranger.clinic.name,
                answer.text
            );
        }
    }
    Ok(format!("200, {} lists without theirs", lists.len()))
}

/// What the strangers tried to change is as it was.
pub(super) fn untouched(tour: &mut Tour<'_>, cast: &Cast<'_>, made: &Made) -> Result<()> {
    let step = format!("{}: its own, untouched", cast.clinic.name);
    tour.many(&step, || {
        let paths = [
            format!("/v1/appointments/{}", made.booked.appointment),
            format!("/v1/appointment-types/{}", made.booked.offer.appointment_type),
            format!("/v1/people/{}", made.booked.offer.patient),
            format!("/v1/files/{}", made.filed.document),
            format!("/v1/programs/{}", made.assigned.program),
        ];
        for path in &paths {
            let answer = cast.admin.get(path)?;
            if answer.status != 200 {
                bail!("{path}\n  expected: 200\n  seen:     {}", seen(&answer));
            }
        }
        let appointment =
            cast.admin.get(&format!("/v1/appointments/{}", made.booked.appointment))?;
        match appointment.word("/status")?.as_str() {
            "confirmed" => Ok("200, confirmed".to_owned()),
            other => bail!("the appointment's status\n  expected: confirmed\n  seen:     {other}"),
        }
    })
}

fn ask(cast: &Cast<'_>, operation: &Operation) -> Result<Answer> {
    let client = match operation.who {
        Who::Admin => &cast.admin,
        Who::Specialist => &cast.specialist,
        Who::Patient => &cast.patient,
    };
    let method = operation.template.split(' ').next().unwrap_or_default();
    client.call(method, &operation.path, operation.body.as_ref(), &[])
}

/// What two answers must share to be indistinguishable; the id of the request is always new.
fn shape(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    (answer.status, body)
}

/// The OpenAPI document names the operations; one that we do not try would hide a hole, and one that it does
/// not know would answer 404 for another reason than the wall.
fn covered(nobody: &Client, tried: &[Operation]) -> Result<String> {
    let document = nobody.get("/openapi.json")?;
    let paths = document.at("/paths")?.as_object().context("paths is no object")?;
    let mut known = BTreeSet::new();
    for (path, item) in paths {
        for method in item.as_object().into_iter().flat_map(|item| item.keys()) {
            known.insert(format!("{} {}", method.to_uppercase(), without_names(path)));
        }
    }
    let tried: BTreeSet<String> =
        tried.iter().map(|operation| operation.template.to_owned()).collect();
    let takes_an_id = |operation: &&String| operation.contains(" /v1/") && operation.contains("{}");
    let missing: Vec<_> =
        known.iter().filter(takes_an_id).filter(|known| !tried.contains(*known)).collect();
    let unknown: Vec<_> = tried.difference(&known).collect();
    if !missing.is_empty() || !unknown.is_empty() {
        bail!(
            "the interface and the demo differ\n  not tried:   {missing:?}\n  do not exist: {unknown:?}"
        );
    }
    Ok(format!("{} operations", tried.len()))
}

/// `/v1/people/{id}` as `/v1/people/{}`.
fn without_names(path: &str) -> String {
    let mut bare = String::new();
    let mut inside = false;
    for letter in path.chars() {
        inside = inside && letter != '}';
        if !inside {
            bare.push(letter);
        }
        inside = inside || letter == '{';
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_lose_their_names() {
        assert_eq!(
            without_names("/v1/specialists/{id}/date-overrides/{date}"),
            "/v1/specialists/{}/date-overrides/{}"
        );
        assert_eq!(without_names("/v1/appointments/{id}.ics"), "/v1/appointments/{}.ics");
        assert_eq!(without_names("/v1/me"), "/v1/me");
    }
}
