//! Where the provider chooses the names of rooms, everything else is the same.

use anyhow::{Context, Result, ensure};
use restartix_sandbox::daily::{Options, Switches};
use serde_json::json;

use super::{PATIENCE, account, enter, leave, wait_until_shown};
use crate::client::wait_for;
use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn in_hipaa_mode_a_room_is_kept_moved_and_deleted_by_the_name_that_it_was_given() -> Result<()>
{
    let switches = Switches { hipaa: true, ..Switches::default() };
    let daily = Options { switches, ..Options::default() };
    let assigned = [("CORE_DAILY__ROOM_NAMING", "provider_assigned")];
    let stack = Stack::start_with(daily, &assigned).await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let id = clinic.book(&slots[0])?;
    let stay = enter(&stack, &clinic.patient, id)?;
    let [name] = &stack.daily.room_names()[..] else { anyhow::bail!("one room") };
    ensure!(!name.contains("restartix") && !name.contains(&id.to_string()), "{name}");
    let mapped = format!(
        "SELECT count(*) FROM video_rooms WHERE appointment_id = {id} AND name = '{name}'
         AND naming = 'provider_assigned'"
    );
    assert_eq!(stack.number(&mapped).await?, 1, "whose it is, the database alone knows");
    wait_until_shown(&clinic, id, "the notice", |one| !one["waiting_since"].is_null())?;
    leave(&stack, &stay)?;
    wait_until_shown(&clinic, id, "their going", |one| one["waiting_since"].is_null())?;

    let room = || account(&stack).get(&format!("/rooms/{name}"))?.expect(200);
    let before = room()?["config"]["exp"].as_i64().context("an end")?;
    let later = json!({"starts_at": slots[4], "reason_code": "patient_request"});
    let path = format!("/v1/appointments/{id}");
    clinic.patient.post(&format!("{path}/reschedule"), &later)?.expect(200)?;
    wait_for("the room to move", PATIENCE, || {
        Ok((room()?["config"]["exp"].as_i64() == Some(before + 2 * 3600)).then_some(()))
    })?;
    assert_eq!(stack.daily.room_names(), std::slice::from_ref(name), "the same room");
    // Not the specialist: once both have come, it is under way and cannot be cancelled.
    enter(&stack, &clinic.patient, id)?;
    clinic.cancel(id)?;
    wait_for("the room to go", PATIENCE, || Ok(stack.daily.room_names().is_empty().then_some(())))
}

#[tokio::test(flavor = "multi_thread")]
async fn daily_is_told_where_we_listen_once() -> Result<()> {
    let stack = Stack::start().await?;
    let before = account(&stack).get("/webhooks")?.expect(200)?;
    // The stand-in starts with one, as an operator registered it: for all events.
    assert_eq!(before.as_array().map(Vec::len), Some(1));
    let uuid = before[0]["uuid"].as_str().context("an id")?.to_owned();
    let known = stack.operator(&["daily", "register"])?;
    ensure!(known.contains(r#""registered":"before""#), "{known}");
    account(&stack).send("DELETE", &format!("/webhooks/{uuid}"), None)?.expect(200)?;
    let made = stack.operator(&["daily", "register"])?;
    ensure!(made.contains(r#""registered":"now""#), "{made}");
    let after = account(&stack).get("/webhooks")?.expect(200)?;
    assert_eq!(after.as_array().map(Vec::len), Some(1));
    assert_eq!(after[0]["retryType"], "exponential");
    // And what it posts is believed.
    let clinic = stack.clinic("one")?;
    let id = clinic.book(&clinic.slots()?[0])?;
    enter(&stack, &clinic.patient, id)?;
    wait_until_shown(&clinic, id, "the notice", |one| !one["waiting_since"].is_null()).map(drop)
}
