//! Who is in the room drives the appointment, whether a notice tells of it or not.

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Clock as _;
use serde_json::{Value, json};

use super::inside::{Inside, simulated};
use super::{PATIENCE, enter, leave, listed, wait_until_shown};
use crate::client::wait_for;
use crate::support::Clinic;

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_waits_is_shown_and_once_both_came_the_appointment_is_under_way() -> Result<()>
{
    let (stack, _inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let id = clinic.book(&slots[0])?;
    assert_eq!(listed(&clinic.specialist, id)?["waiting_since"], Value::Null);
    enter(&stack, &clinic.patient, id)?;
    let waiting = wait_until_shown(&clinic, id, "the patient to wait", |one| {
        !one["waiting_since"].is_null()
    })?;
    assert_eq!(waiting["status"], "confirmed");
    assert_eq!(listed(&clinic.patient, id)?["waiting_since"], Value::Null, "staff's affair");
    enter(&stack, &clinic.specialist, id)?;
    let begun =
        wait_until_shown(&clinic, id, "the beginning", |one| one["status"] == "in_progress")?;
    assert_eq!(begun["waiting_since"], Value::Null);
    wait_until_told(&clinic, "appointment.started", 1)?;

    // Where the organisation wants to say so itself, nothing begins by itself.
    let own = json!({"policies": {"max_open_appointments": 10, "start_on_arrival": false}});
    clinic.admin.patch("/v1/organization", &own)?.expect(200)?;
    let other = clinic.book(&slots[2])?;
    enter(&stack, &clinic.specialist, other)?;
    enter(&stack, &clinic.patient, other)?;
    wait_until_told(&clinic, "video.participant_joined", 4)?;
    assert_eq!(listed(&clinic.specialist, other)?["status"], "confirmed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_come_when_the_grace_is_over_is_suggested_as_missing_and_nothing_more()
-> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let (missed, met) = (clinic.book(&slots[0])?, clinic.book(&slots[1])?);
    enter(&stack, &clinic.patient, met)?;
    wait_until_shown(&clinic, met, "the patient", |one| !one["waiting_since"].is_null())?;
    let starts_at: DateTime<Utc> = slots[1].parse()?;
    // The grace is 15 minutes unless somebody chose another.
    let just_before = starts_at - TimeDelta::minutes(30) + TimeDelta::minutes(14);
    inside.clock.advance(just_before - inside.clock.now());
    assert_eq!(listed(&clinic.specialist, missed)?["no_show_suggested"], false);
    inside.clock.advance(TimeDelta::minutes(33));
    let shown = listed(&clinic.specialist, missed)?;
    assert_eq!(
        (&shown["no_show_suggested"], &shown["status"]),
        (&json!(true), &json!("confirmed"))
    );
    assert_eq!(listed(&clinic.specialist, met)?["no_show_suggested"], false, "they had come");
    let path = format!("/v1/appointments/{missed}/no-show");
    clinic.specialist.post(&path, &json!({}))?.expect(200)?;
    assert_eq!(listed(&clinic.specialist, missed)?["no_show_suggested"], false, "it was said");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_notice_told_is_found_by_looking() -> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let id = clinic.book(&clinic.slots()?[0])?;
    stack.daily.switch(|switches| switches.drop_events = true);
    let stay = enter(&stack, &clinic.patient, id)?;
    look(&inside);
    wait_until_shown(&clinic, id, "the patient", |one| !one["waiting_since"].is_null())?;
    inside.clock.advance(TimeDelta::minutes(5));
    leave(&stack, &stay)?;
    look(&inside);
    wait_until_shown(&clinic, id, "their going", |one| one["waiting_since"].is_null())?;
    let left = wait_until_told(&clinic, "video.participant_left", 1)?;
    let seconds = left["data"]["seconds"].as_i64().context("how long they were there")?;
    assert!((300..420).contains(&seconds), "{seconds} s");
    Ok(())
}

/// Past the next look.
fn look(inside: &Inside) {
    inside.clock.advance(TimeDelta::seconds(31));
}

/// Waits until the clinic's own systems are told of so many events of a type; answers the last.
fn wait_until_told(clinic: &Clinic, kind: &str, count: usize) -> Result<Value> {
    wait_for(kind, PATIENCE, || {
        let told = clinic.admin.get("/v1/webhook-events?after_seq=0&limit=100")?.expect(200)?;
        let items = told["items"].as_array().context("items")?.iter();
        let of_kind: Vec<_> = items.filter(|one| one["type"] == kind).collect();
        Ok(of_kind.last().filter(|_| of_kind.len() == count).map(|one| (*one).clone()))
    })
}
