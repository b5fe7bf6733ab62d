//! A visit is recorded with consent, becomes a file of its clinic, and is gone at the provider.

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::inside::simulated;
use super::{PATIENCE, account, enter, leave};
use crate::client::{Client, wait_for};
use crate::support::{BUCKET, Clinic, Stack, text};

/// A clinic whose visits may be recorded.
fn recorded(stack: &Stack) -> Result<Clinic> {
    let kind = json!({
        "name": "Recorded", "duration_minutes": 30, "online": true, "recording": true,
    });
    stack.clinic("one")?.offering(&kind)
}

fn book(clinic: &Clinic, slot: &str, consent: bool) -> Result<i64> {
    let mut wanted = clinic.slot(slot);
    wanted["recording_consent"] = json!(consent);
    let booked = clinic.patient.post("/v1/appointments", &wanted)?.expect(201)?;
    booked["id"].as_i64().context("an id")
}

fn path(id: i64) -> String {
    format!("/v1/appointments/{id}/recordings")
}

/// Waits until the only recording stands so.
fn wait_until(clinic: &Clinic, id: i64, status: &str) -> Result<Value> {
    wait_for(status, PATIENCE, || {
        let listed = clinic.specialist.get(&path(id))?.expect(200)?;
        let items = listed["items"].as_array().context("items")?;
        ensure!(items.len() <= 1, "{listed}");
        Ok(items.first().filter(|one| one["status"] == status).cloned())
    })
}

/// How many recordings the provider still has, of rooms whose names end so. Lists are limited to two a
/// second, and the server asks for them as well.
fn left_at_daily(stack: &Stack, ending: &str) -> Result<usize> {
    let listed = wait_for("a list", PATIENCE, || {
        let answer = account(stack).get("/recordings")?;
        if answer.status == 429 { Ok(None) } else { answer.expect(200).map(Some) }
    })?;
    let all = listed["data"].as_array().context("data")?.iter();
    let of = |one: &&Value| one["room_name"].as_str().is_some_and(|name| name.ends_with(ending));
    Ok(all.filter(of).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_with_consent_ends_in_its_clinics_folder_and_is_gone_at_daily() -> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = recorded(&stack)?;
    let other = stack.clinic("two")?;
    let id = book(&clinic, &clinic.slots()?[0], true)?;
    let asked = |who: &Client| who.send("POST", &path(id), None);
    let patient = enter(&stack, &clinic.patient, id)?;
    let specialist = enter(&stack, &clinic.specialist, id)?;
    asked(&clinic.patient)?.refused(403, "forbidden")?;
    asked(&other.specialist)?.refused(404, "not_found")?;
    let requested = asked(&clinic.specialist)?.expect(201)?;
    assert_eq!((&requested["status"], &requested["file_id"]), (&json!("requested"), &Value::Null));
    asked(&clinic.specialist)?.refused(409, "recording_running")?;
    wait_until(&clinic, id, "recording")?;

    // The first download breaks off in the middle: nothing of it is kept, and it is done again.
    stack.daily.switch(|switches| switches.cut_downloads = 1);
    leave(&stack, &patient)?;
    leave(&stack, &specialist)?;
    wait_until(&clinic, id, "ready")?;
    wait_for("the broken download", PATIENCE, || {
        Ok((stack.daily.switches().cut_downloads == 0).then_some(()))
    })?;
    assert_eq!(left_at_daily(&stack, "")?, 1, "not before it is kept");
    assert!(stack.s3.objects(BUCKET).is_empty());
    inside.clock.advance(TimeDelta::minutes(6));
    let imported = wait_until(&clinic, id, "imported")?;
    wait_for("the provider's copy to go", PATIENCE, || {
        Ok((left_at_daily(&stack, "")? == 0).then_some(()))
    })?;
    let file = text(&imported["file_id"])?;
    let objects = stack.s3.objects(BUCKET);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].key, format!("{}/recordings/{file}", clinic.organisation));
    let shown = clinic.patient.get(&format!("/v1/files/{file}"))?.expect(200)?;
    assert_eq!((&shown["kind"], &shown["size_bytes"]), (&json!("recording"), &json!(64 * 1024)));
    let a_year = "SELECT count(*) FROM files
                  WHERE kind = 'recording' AND due_at = created_at + interval '365 days'";
    assert_eq!(stack.number(a_year).await?, 1, "kept shorter than what people make");
    other.admin.get(&format!("/v1/files/{file}"))?.refused(404, "not_found")?;
    other.admin.get(&path(id))?.refused(404, "not_found")?;
    let link = clinic.patient.get(&format!("/v1/files/{file}/download"))?;
    assert_eq!(link.status, 302);

    // Deleted, it is gone here as well.
    let one = format!("{}/{}", path(id), text(&imported["id"])?);
    other.admin.send("DELETE", &one, None)?.refused(404, "not_found")?;
    clinic.specialist.send("DELETE", &one, None)?.expect(204)?;
    clinic.specialist.send("DELETE", &one, None)?.refused(404, "not_found")?;
    clinic.patient.get(&format!("/v1/files/{file}"))?.refused(404, "not_found")?;
    wait_for("its bytes to go", PATIENCE, || {
        Ok(stack.s3.objects(BUCKET).is_empty().then_some(()))
    })?;
    wait_until(&clinic, id, "deleted").map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_nothing_is_recorded_and_what_was_anyhow_is_deleted_unseen() -> Result<()> {
    let (stack, _inside) = simulated().await?;
    let clinic = recorded(&stack)?;
    let id = book(&clinic, &clinic.slots()?[0], false)?;
    let stay = enter(&stack, &clinic.specialist, id)?;
    let refused = clinic.specialist.send("POST", &path(id), None)?;
    refused.refused(409, "no_recording_consent")?;
    let plain = stack.clinic("two")?;
    let unrecorded = book(&plain, &plain.slots()?[0], true)?;
    enter(&stack, &plain.specialist, unrecorded)?;
    let refused = plain.specialist.send("POST", &path(unrecorded), None)?;
    refused.refused(409, "recording_not_offered")?;

    // Somebody has the provider record it all the same.
    let name = stack.daily.room_names().into_iter().find(|name| name.ends_with(&format!("-{id}")));
    let start = format!("/rooms/{}/recordings/start", name.context("a room")?);
    account(&stack).post(&start, &json!({}))?.expect(200)?;
    leave(&stack, &stay)?;
    let gone = wait_until(&clinic, id, "deleted")?;
    assert_eq!(gone["file_id"], Value::Null);
    wait_for("the provider's copy to go", PATIENCE, || {
        Ok((left_at_daily(&stack, "")? == 0).then_some(()))
    })?;
    assert!(stack.s3.objects(BUCKET).is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_fails_says_so_and_one_that_was_called_off_does_not_come_back()
-> Result<()> {
    let (stack, _inside) = simulated().await?;
    let clinic = recorded(&stack)?;
    let slots = clinic.slots()?;
    let failed = book(&clinic, &slots[0], true)?;
    enter(&stack, &clinic.specialist, failed)?;
    clinic.specialist.send("POST", &path(failed), None)?.expect(201)?;
    wait_until(&clinic, failed, "recording")?;
    let name = stack.daily.room_names().pop().context("a room")?;
    let door = Client::new(stack.daily.url(), None);
    let error = json!({"room": name, "error": "the recording could not be stored"});
    door.post("/_sandbox/recordings", &error)?.expect(200)?;
    wait_until(&clinic, failed, "failed")?;

    let called_off = book(&clinic, &slots[2], true)?;
    enter(&stack, &clinic.specialist, called_off)?;
    clinic.specialist.send("POST", &path(called_off), None)?.expect(201)?;
    let running = wait_until(&clinic, called_off, "recording")?;
    let one = format!("{}/{}", path(called_off), text(&running["id"])?);
    clinic.specialist.send("DELETE", &one, None)?.expect(204)?;
    wait_for("the provider's copy to go", PATIENCE, || {
        // What the first room still records is not of this one.
        Ok((left_at_daily(&stack, &format!("-{called_off}"))? == 0).then_some(()))
    })?;
    wait_until(&clinic, called_off, "deleted")?;
    assert!(stack.s3.objects(BUCKET).is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_comes_after_the_booking_opens_the_way_and_one_that_goes_takes_all_along()
-> Result<()> {
    let (stack, _inside) = simulated().await?;
    let clinic = recorded(&stack)?;
    let slots = clinic.slots()?;
    let id = book(&clinic, &slots[0], false)?;
    enter(&stack, &clinic.patient, id)?;
    enter(&stack, &clinic.specialist, id)?;
    clinic.specialist.send("POST", &path(id), None)?.refused(409, "no_recording_consent")?;
    let name = stack.daily.room_names().pop().context("a room")?;
    let may_be_recorded = || -> Result<bool> {
        let room = account(&stack).get(&format!("/rooms/{name}"))?.expect(200)?;
        Ok(room["config"]["enable_recording"] == "cloud")
    };
    ensure!(!may_be_recorded()?, "recorded without consent");

    let own = format!("/v1/appointments/{id}");
    let consent = |given: bool| clinic.patient.patch(&own, &json!({"recording_consent": given}));
    let told = consent(true)?.expect(200)?;
    ensure!(told["recording_consent"] == true, "{told}");
    let again = consent(true)?.expect(200)?;
    assert_eq!(again["version"], told["version"], "said again, nothing changes");
    let seen = [("content-type", "application/json"), ("if-match", "\"v1\"")];
    let late = json!({"recording_consent": false}).to_string().into_bytes();
    clinic.patient.send_with("PATCH", &own, &seen, Some(late))?.refused(412, "stale")?;
    wait_for("the room to follow", PATIENCE, || Ok(may_be_recorded()?.then_some(())))?;
    clinic.specialist.send("POST", &path(id), None)?.expect(201)?;
    wait_until(&clinic, id, "recording")?;

    consent(false)?.expect(200)?;
    wait_until(&clinic, id, "deleted")?;
    wait_for("what was recorded to go", PATIENCE, || {
        Ok((!may_be_recorded()? && left_at_daily(&stack, &format!("-{id}"))? == 0).then_some(()))
    })?;
    clinic.specialist.send("POST", &path(id), None)?.refused(409, "no_recording_consent")?;
    assert!(stack.s3.objects(BUCKET).is_empty());

    // Of a type that is not recorded nobody can consent, and to what is over neither.
    let plain = stack.clinic("two")?;
    let other = plain.book(&plain.slots()?[0])?;
    let body = json!({"recording_consent": true});
    let other = format!("/v1/appointments/{other}");
    plain.patient.patch(&other, &body)?.refused(409, "recording_not_offered")?;
    let over = book(&clinic, &slots[4], false)?;
    let over = format!("/v1/appointments/{over}");
    clinic
        .patient
        .post(&format!("{over}/cancel"), &json!({"reason_code": "other"}))?
        .expect(200)?;
    clinic.patient.patch(&over, &body)?.refused(409, "cancelled")
}
