//! The wall between two clinics: every id of one answers 404 to the other, on each operation, exactly as an id
//! that nobody has.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Cast;
use super::call::{Made, Offer, at, later};
use super::tour::{Tour, seen};
use crate::stack::{Answer, Client, random_uuid};

/// Who of the clinic may use the operation at all.
#[derive(Clone, Copy)]
enum Who {
    Admin,
    Specialist,
    Patient,
}

/// One operation on somebody's id.
struct Operation {
    /// As in the OpenAPI document, parameters as `{}`.
    template: &'static str,
    who: Who,
    /// The same operation, on the id of this clinic.
    path: String,
    body: Option<Value>,
    /// The status of the refusal.
    refused: u16,
}

/// Tries every operation that takes an id, as the other clinic, on what `made` names.
pub(super) fn foreign_ids(
    tour: &mut Tour<'_>,
    nobody: &Client,
    stranger: &Cast<'_>,
    made: &Made,
) -> Result<()> {
    let nobodys = Made::nobodys(made)?;
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
    let lists = ["appointments", "appointment-types", "specialists", "people", "memberships"];
    let Offer { appointment_type, specialist, patient, membership } = &made.offer;
    let secrets = [&made.appointment, appointment_type, specialist, patient, membership];
    for list in lists {
        let answer = stranger.admin.get(&format!("/v1/{list}?limit=100"))?;
        if answer.status != 200 || secrets.iter().any(|secret| answer.text.contains(*secret)) {
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
            format!("/v1/appointments/{}", made.appointment),
            format!("/v1/appointment-types/{}", made.offer.appointment_type),
            format!("/v1/people/{}", made.offer.patient),
        ];
        for path in &paths {
            let answer = cast.admin.get(path)?;
            if answer.status != 200 {
                bail!("{path}\n  expected: 200\n  seen:     {}", seen(&answer));
            }
        }
        let appointment = cast.admin.get(&format!("/v1/appointments/{}", made.appointment))?;
        match appointment.word("/status")?.as_str() {
            "confirmed" => Ok("200, confirmed".to_owned()),
            other => bail!("the appointment's status\n  expected: confirmed\n  seen:     {other}"),
        }
    })
}

impl Made {
    /// The same kinds of ids, of nothing and nobody.
    fn nobodys(model: &Self) -> Result<Self> {
        Ok(Self {
            offer: Offer {
                appointment_type: random_uuid()?,
                specialist: random_uuid()?,
                patient: random_uuid()?,
                membership: random_uuid()?,
            },
            free: model.free.clone(),
            hold: random_uuid()?,
            // An integer below 2^53; the chance that somebody has it is nil.
            appointment: "7001002003004005".to_owned(),
        })
    }
}

/// Every operation that takes an id: in its path, or by reference in the query or body.
fn operations(made: &Made) -> Vec<Operation> {
    let mut all = named_in_path(made);
    all.extend(named_by_reference(made));
    all
}

fn named_in_path(made: &Made) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let Made { offer, hold, appointment, .. } = made;
    let Offer { appointment_type, specialist, patient, membership } = offer;
    let operation = |template, who, path: &str, body| Operation {
        template,
        who,
        path: path.to_owned(),
        body,
        refused: 404,
    };
    let kind = format!("/v1/appointment-types/{appointment_type}");
    let hours = format!("/v1/specialists/{specialist}/weekly-hours");
    let booked = format!("/v1/appointments/{appointment}");
    let cancel = format!("{booked}/cancel");
    let token = format!("{booked}/video-token");
    let held = format!("/v1/holds/{hold}");
    let renew = format!("{held}/renew");
    let person = format!("/v1/people/{patient}");
    let member = format!("/v1/memberships/{membership}");
    let week = json!({
        "timezone": "UTC",
        "hours": [{ "weekday": "mon", "start": "09:00", "end": "17:00" }],
    });
    let renamed = || Some(json!({ "display_name": "Theirs" }));
    let reason = || Some(json!({ "reason_code": "other" }));
    vec![
        operation("GET /v1/appointment-types/{}", Admin, &kind, None),
        operation("GET /v1/appointment-types/{}", Patient, &kind, None),
        operation(
            "PATCH /v1/appointment-types/{}",
            Admin,
            &kind,
            Some(json!({ "name": "Theirs" })),
        ),
        operation("DELETE /v1/appointment-types/{}", Admin, &kind, None),
        operation("PUT /v1/specialists/{}/weekly-hours", Admin, &hours, Some(week)),
        operation("POST /v1/holds/{}/renew", Patient, &renew, None),
        operation("DELETE /v1/holds/{}", Patient, &held, None),
        operation("GET /v1/appointments/{}", Admin, &booked, None),
        operation("GET /v1/appointments/{}", Specialist, &booked, None),
        operation("GET /v1/appointments/{}", Patient, &booked, None),
        operation("POST /v1/appointments/{}/cancel", Admin, &cancel, reason()),
        operation("POST /v1/appointments/{}/cancel", Patient, &cancel, reason()),
        operation("POST /v1/appointments/{}/video-token", Specialist, &token, None),
        operation("POST /v1/appointments/{}/video-token", Patient, &token, None),
        operation("GET /v1/people/{}", Admin, &person, None),
        operation("GET /v1/people/{}", Specialist, &person, None),
        operation("PATCH /v1/people/{}", Admin, &person, renamed()),
        operation("PATCH /v1/memberships/{}", Admin, &member, Some(json!({ "role": "patient" }))),
        operation("DELETE /v1/memberships/{}", Admin, &member, None),
    ]
}

fn named_by_reference(made: &Made) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let Made { offer, hold, free, .. } = made;
    let Offer { appointment_type, specialist, patient, .. } = offer;
    let operation = |template: &'static str, who, body, refused| {
        let path = template.split(' ').nth(1).unwrap_or_default().to_owned();
        Operation { template, who, path, body: Some(body), refused }
    };
    let slots = Operation {
        template: "GET /v1/availability",
        who: Patient,
        path: format!(
            "/v1/availability?appointment_type_id={appointment_type}&specialist_id={specialist}&from={}&to={}",
            later(1),
            later(4)
        ),
        body: None,
        refused: 404,
    };
    let mut for_a_patient = at(offer, free);
    if let Some(fields) = for_a_patient.as_object_mut() {
        fields.insert("patient_id".to_owned(), json!(patient));
    }
    let member = json!({ "person_id": patient, "subject": "nobody-yet", "role": "patient" });
    vec![
        slots,
        operation("POST /v1/holds", Patient, at(offer, free), 404),
        operation("POST /v1/appointments", Patient, at(offer, free), 404),
        operation("POST /v1/appointments", Specialist, for_a_patient, 404),
        // A hold that is not the caller's is lost to them, wherever it is.
        operation("POST /v1/appointments", Patient, json!({ "hold_id": hold }), 409),
        operation("POST /v1/memberships", Admin, member, 404),
    ]
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
