//! An appointment is moved, begins, takes place, or is missed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::booking::{rooms, token};
use crate::client::wait_for;
use crate::support::{Clinic, Stack};

fn moved(clinic: &Clinic, id: i64, starts_at: &str) -> Result<crate::client::Answer> {
    let body = json!({"starts_at": starts_at, "reason_code": "specialist_unavailable"});
    clinic.specialist.post(&format!("/v1/appointments/{id}/reschedule"), &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_appointment_takes_its_room_along_and_frees_its_time() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let (id, other) = (clinic.book(&slots[0])?, clinic.book(&slots[4])?);
    token(&clinic.patient, id, Duration::from_secs(20))?;

    moved(&clinic, id, &slots[4])?.refused(409, "slot_taken")?;
    let off_grid = slots[0].replace(":00Z", ":01Z");
    moved(&clinic, id, &off_grid)?.refused(422, "slot_unavailable")?;
    moved(&clinic, 7, &slots[2])?.refused(404, "not_found")?;
    let to = moved(&clinic, id, &slots[2])?.expect(200)?;
    assert_eq!((&to["starts_at"], &to["status"]), (&json!(slots[2]), &json!("confirmed")));
    assert_eq!(to["version"], 2);
    // Where it was, somebody may be; where it is, nobody else.
    let again = clinic.book(&slots[0])?;
    clinic.patient.post("/v1/appointments", &clinic.slot(&slots[2]))?.refused(409, "slot_taken")?;
    ensure!(rooms(&stack, &[id]).len() == 1, "the room goes along");
    wait_for("the room's new window", Duration::from_secs(20), || {
        let told = token(&clinic.patient, id, Duration::from_secs(20))?;
        let ends = to["ends_at"].as_str().context("an end")?;
        Ok((told["expires_at"].as_str() > Some(ends)).then_some(()))
    })?;
    let calendar = clinic.admin.get("/v1/appointments?status=confirmed")?.expect(200)?;
    let starts: Vec<_> = calendar["items"]
        .as_array()
        .context("items")?
        .iter()
        .map(|one| (one["id"].as_i64(), one["starts_at"].clone()))
        .collect();
    let expected = [(again, &slots[0]), (id, &slots[2]), (other, &slots[4])];
    assert_eq!(starts, expected.map(|(id, at)| (Some(id), json!(at))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn states_go_one_way_and_each_step_is_told_once() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let (held, missed) = (clinic.book(&slots[0])?, clinic.book(&slots[2])?);
    let step = |client: &crate::client::Client, id: i64, way: &str| {
        client.post(&format!("/v1/appointments/{id}/{way}"), &json!({}))
    };
    step(&clinic.patient, held, "start")?.refused(403, "forbidden")?;
    step(&clinic.specialist, held, "complete")?.refused(409, "invalid_transition")?;
    let status = |told: Value| told["status"].clone();
    assert_eq!(status(step(&clinic.specialist, held, "start")?.expect(200)?), "in_progress");
    step(&clinic.specialist, held, "start")?.refused(409, "invalid_transition")?;
    step(&clinic.specialist, held, "no-show")?.refused(409, "invalid_transition")?;
    moved(&clinic, held, &slots[4])?.refused(409, "invalid_transition")?;
    assert_eq!(status(step(&clinic.admin, held, "complete")?.expect(200)?), "completed");
    assert_eq!(status(step(&clinic.admin, missed, "no-show")?.expect(200)?), "no_show");
    step(&clinic.admin, missed, "start")?.refused(409, "invalid_transition")?;

    let of = |id: i64| -> Result<Vec<Value>> {
        let feed = clinic.admin.get("/v1/webhook-events?after_seq=0&limit=100")?.expect(200)?;
        let items = feed["items"].as_array().context("items")?;
        let mine = items.iter().filter(|event| {
            event["data"]["id"] == id
                && event["type"].as_str().is_some_and(|kind| kind.starts_with("appointment."))
        });
        Ok(mine.map(|event| json!([event["type"], event["data"]["version"]])).collect())
    };
    wait_for("the events", Duration::from_secs(20), || Ok((of(missed)?.len() == 2).then_some(())))?;
    let told = [
        ["appointment.created", "1"],
        ["appointment.started", "2"],
        ["appointment.completed", "3"],
    ];
    let told =
        told.map(|[kind, version]| json!([kind, version.parse::<i64>().unwrap_or_default()]));
    assert_eq!(of(held)?, told);
    assert_eq!(of(missed)?, [json!(["appointment.created", 1]), json!(["appointment.no_show", 2])]);
    Ok(())
}

/// However many move to one time, one arrives, and the others stay where they were.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_moves_to_one_time_one_is_made() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let ids: Vec<_> = (0..8).map(|n| clinic.book(&slots[n])).collect::<Result<_>>()?;
    let wanted = &slots[20];
    let answers: Vec<_> = std::thread::scope(|scope| {
        let moves: Vec<_> = ids
            .iter()
            .map(|id| scope.spawn(|| moved(&clinic, *id, wanted).map(|a| a.status)))
            .collect();
        moves.into_iter().map(|one| one.join().unwrap_or(Ok(0))).collect::<Result<_>>()
    })?;
    let made = answers.iter().filter(|status| **status == 200).count();
    let taken = answers.iter().filter(|status| **status == 409).count();
    assert_eq!((made, taken), (1, 7), "{answers:?}");
    Ok(())
}
