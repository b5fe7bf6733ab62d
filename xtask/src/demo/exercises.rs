//! Exercises: a specialist assigns a programme, its patient reports what they did, and telemetry hears of it
//! without hearing of whom.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Cast;
use super::call::{Booked, instant};
use super::tour::Tour;
use crate::stack::{Client, random_uuid};
use crate::workspace::{list, text};

/// A programme of one clinic, by its public ids.
pub(super) struct Assigned {
    pub(super) program: String,
    pub(super) exercise: String,
}

/// A programme is assigned, done and measured.
pub(super) fn assign_and_do(
    tour: &mut Tour<'_>,
    cast: &Cast<'_>,
    booked: &Booked,
) -> Result<Assigned> {
    let exercise = random_uuid()?;
    let plan = json!({
        "patient_id": booked.offer.patient,
        "exercises": [{ "id": exercise, "sets": 3, "reps": 12 }],
        "sessions_per_week": 3,
        "starts_on": "2026-01-05",
    });
    let made = tour.see("specialist assigns a programme", "201", || {
        cast.specialist.post("/v1/programs", &plan)
    })?;
    let program = made.word("/id")?;
    let done = json!({ "events": [{
        "id": random_uuid()?,
        "type": "exercise.completed",
        "occurred_at": instant(Duration::ZERO),
        "program_id": program,
        "exercise_id": exercise,
        "sets": 3,
        "reps": 12,
        "pain": 2,
        "effort": 5,
        "duration_seconds": 540,
        "source": "self_reported",
    }]});
    for (step, counted) in
        [("patient reports an exercise", [1, 0]), ("and reports it again: nothing new", [0, 1])]
    {
        let told = tour.see(step, "202", || cast.patient.post("/v1/rehab/events", &done))?;
        let seen = [told.at("/accepted")?.as_u64(), told.at("/duplicates")?.as_u64()];
        tour.require("accepted and duplicates", &counted.map(Some), &seen)?;
    }
    tour.many("another patient reports on that programme", || {
        let told = cast.other_patient.post("/v1/rehab/events", &done)?;
        let accepted = told.at("/accepted")?.as_u64();
        if told.status != 202 || accepted != Some(0) {
            bail!("a report of somebody else's exercise: {} {}", told.status, told.text);
        }
        Ok("202, rejected".to_owned())
    })?;
    let measured = json!({ "events": [{
        "id": random_uuid()?,
        "type": "outcome.recorded",
        "occurred_at": instant(Duration::ZERO),
        "patient_id": booked.offer.patient,
        "program_id": program,
        "instrument": "function",
        "score": 42,
    }]});
    tour.see("specialist records an outcome", "202", || {
        cast.specialist.post("/v1/rehab/events", &measured)
    })?;
    Ok(Assigned { program, exercise })
}

/// The Telemetry service has every line of the clinic's audit and every exercise, and nobody's id but in the
/// audit.
pub(super) fn told(tour: &mut Tour<'_>, telemetry: &Client, casts: &[&Cast<'_>]) -> Result<()> {
    for cast in casts {
        let step = format!("{}: telemetry hears of it", cast.clinic.name);
        let of_clinic = || -> Result<Vec<Value>> {
            let id = cast.clinic.id;
            let told = telemetry.get(&format!("/_sandbox/events?organization_id={id}"))?;
            Ok(list(&told.json, "events").filter_map(|one| one.get("event").cloned()).collect())
        };
        tour.until(&step, "audit, facts and exercises", || {
            let events = of_clinic()?;
            let has = |kind: &str| events.iter().any(|event| event.to_string().contains(kind));
            Ok(["appointments.book", "exercise.completed", "outcome.recorded"]
                .iter()
                .all(|kind| has(kind)))
        })?;
        let events = of_clinic()?;
        tour.detail(&format!("{} events", events.len()));
        for event in events {
            let words = event.to_string();
            let named = cast.clinic.people.iter().find(|person| {
                let hashed = text(&event, "kind") != Some("audit");
                words.contains(&person.name) || (hashed && words.contains(&person.person_id))
            });
            if let Some(person) = named {
                bail!("telemetry was told of {}: {words}", person.name);
            }
        }
    }
    Ok(())
}
