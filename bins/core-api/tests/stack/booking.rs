//! A booking becomes a room, whatever is killed in between.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::client::{Client, wait_for};
use crate::support::{Clinic, Stack, text};

/// The answer of the token endpoint, once the room is there.
pub(crate) fn token(client: &Client, id: i64, limit: Duration) -> Result<serde_json::Value> {
    let path = format!("/v1/appointments/{id}/video-token");
    wait_for("the room", limit, || {
        let answer = client.post(&path, &json!({}))?;
        if answer.status == 200 {
            return Ok(Some(answer.body));
        }
        let later = ["room_not_ready", "rate_limited"];
        ensure!(later.iter().any(|code| answer.body["code"] == *code), "{answer:?}");
        Ok(None)
    })
}

/// The rooms at the provider whose names end in one of `ids`.
pub(crate) fn rooms(stack: &Stack, ids: &[i64]) -> Vec<String> {
    let ends = |name: &String| ids.iter().any(|id| name.ends_with(&format!("-{id}")));
    stack.daily.room_names().into_iter().filter(ends).collect()
}

pub(crate) async fn audit_lines(stack: &Stack, operation: &str, id: i64) -> Result<i64> {
    let query = format!(
        "SELECT count(*) FROM audit_events \
         WHERE operation = '{operation}' AND resource_id = '{id}' AND outcome = 'success'"
    );
    stack.number(&query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_slot_is_booked_joined_and_cancelled() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slot = clinic.slots()?.first().context("a slot")?.clone();
    let hold = clinic.patient.post("/v1/holds", &clinic.slot(&slot))?.expect(201)?;
    let again = clinic.patient.post("/v1/holds", &clinic.slot(&slot))?.expect(201)?;
    assert_eq!(hold["id"], again["id"], "the same owner and slot, the same hold");

    let booking = json!({"hold_id": hold["id"]});
    let booked = clinic.patient.post("/v1/appointments", &booking)?.expect(201)?;
    let id = booked["id"].as_i64().context("an id")?;
    assert_eq!(booked["status"], "confirmed");
    let late = json!({
        "appointment_type_id": clinic.kind, "specialist_id": clinic.specialist_id,
        "starts_at": slot, "patient_id": clinic.patient_id,
    });
    clinic.admin.post("/v1/appointments", &late)?.refused(409, "slot_taken")?;

    let key = token(&clinic.patient, id, Duration::from_secs(20))?;
    join(&stack, &text(&key["join_url"])?)?;
    refused_entrance_is_written_down(&stack, &clinic, &text(&key["join_url"])?)?;
    token(&clinic.specialist, id, Duration::from_secs(5))?;
    let path = format!("/v1/appointments/{id}/video-token");
    clinic.admin.post(&path, &json!({}))?.refused(403, "not_a_participant")?;
    assert_eq!(rooms(&stack, &[id]).len(), 1);

    let reason = json!({"reason_code": "patient_request"});
    let path = format!("/v1/appointments/{id}/cancel");
    clinic.patient.post(&path, &reason)?.expect(200)?;
    clinic.patient.post(&path, &reason)?.refused(409, "invalid_transition")?;
    wait_for("the room's end", Duration::from_secs(20), || {
        Ok(rooms(&stack, &[id]).is_empty().then_some(()))
    })?;
    let path = format!("/v1/appointments/{id}/video-token");
    clinic.patient.post(&path, &json!({}))?.refused(409, "cancelled")
}

/// Opens the join page, twice, and enters.
pub(crate) fn join(stack: &Stack, join_url: &str) -> Result<()> {
    let path = join_url.split_once("/join/").context("a join url")?.1;
    let path = format!("/join/{path}");
    for _ in 0..2 {
        let page = stack.anybody().get(&path)?;
        ensure!(page.status == 200, "{page:?}");
        ensure!(!page.text.contains("restartix-"), "the page holds a room name: {}", page.text);
    }
    let entered = stack.anybody().post(&path, &json!({}))?.expect(200)?;
    let door = Client::new(stack.daily.url(), None);
    let admitted = door.post("/_sandbox/join", &json!({"url": entered["url"]}))?.expect(200)?;
    ensure!(admitted["admitted"] == true, "{admitted}");
    Ok(())
}

/// Who holds a code and comes too early leaves a line in the audit, as whoever brings a token does.
fn refused_entrance_is_written_down(stack: &Stack, clinic: &Clinic, join_url: &str) -> Result<()> {
    let lead = |minutes: i64| {
        clinic.admin.patch("/v1/organization", &json!({"lead_minutes": minutes}))?.expect(200)
    };
    lead(0)?;
    let path = join_url.split_once("/join/").context("a join url")?.1;
    stack.anybody().post(&format!("/join/{path}"), &json!({}))?.refused(409, "too_early")?;
    let told = clinic.admin.get("/v1/audit-events?action=visits.enter")?.expect(200)?;
    let last = &told["items"][0];
    assert_eq!((&last["outcome"], &last["code"]), (&json!("refused"), &json!("too_early")));
    assert_eq!(last["actor_role"], "patient");
    lead(1440).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_a_server_killed_between_commit_and_room_makes_one_room_and_one_audit_line_per_act()
-> Result<()> {
    let mut stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    clinic.allow_many()?;
    for _ in 0..rounds() {
        killed_once(&mut stack, &clinic).await?;
    }
    Ok(())
}

/// One kill in the tests, many under `cargo xtask soak`.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask soak` tells its tests by this alone")]
fn rounds() -> usize {
    if std::env::var("RESTARTIX_SOAK").is_ok_and(|soak| soak == "1") { 20 } else { 1 }
}

async fn killed_once(stack: &mut Stack, clinic: &Clinic) -> Result<()> {
    let slots = clinic.slots()?;
    // The provider hangs: the commit is done, and the room is being made when the server dies.
    stack.daily.switch(|switches| switches.faults.timeout = 1000);
    let mut ids = Vec::new();
    for slot in slots.iter().take(3) {
        ids.push(clinic.book(slot)?);
    }
    wait_for("the worker's first try", Duration::from_secs(20), || {
        let tried = stack.daily.journal().iter().any(|entry| entry.path.contains("/rooms"));
        Ok(tried.then_some(()))
    })?;
    stack.kill();
    stack.daily.switch(|switches| switches.faults.timeout = 0);
    stack.serve()?;
    for id in &ids {
        token(&clinic.patient, *id, Duration::from_secs(60))?;
        assert_eq!(rooms(stack, &[*id]).len(), 1);
        assert_eq!(audit_lines(stack, "appointments.book", *id).await?, 1);
        assert_eq!(audit_lines(stack, "video.open_room", *id).await?, 1);
    }
    Ok(())
}

/// Books for a patient and as staff, without a hold.
pub(crate) fn book_as_both(clinic: &Clinic, slots: &[String]) -> Result<Vec<i64>> {
    let [first, second, ..] = slots else { anyhow::bail!("two slots are needed") };
    let mut booking = clinic.slot(second);
    booking["patient_id"] = json!(clinic.patient_id);
    let as_staff = clinic.specialist.post("/v1/appointments", &booking)?.expect(201)?;
    Ok(vec![clinic.book(first)?, as_staff["id"].as_i64().context("an id")?])
}
