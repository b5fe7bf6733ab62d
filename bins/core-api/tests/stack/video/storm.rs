//! Many bookings at once, while the provider asks for patience.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::PATIENCE;
use crate::client::wait_for;
use crate::support::Stack;

const BOOKINGS: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_bookings_in_a_storm_of_429_have_a_room_each_and_never_21_requests_a_second()
-> Result<()> {
    let stack = Stack::start_for_crowds().await?;
    let clinic = stack.clinic("one")?;
    clinic.allow_many()?;
    let short = json!({
        "name": "Short", "duration_minutes": 5, "interval_minutes": 5, "online": true,
    });
    let clinic = clinic.offering(&short)?;
    let mut patients = vec![clinic.patient_id.clone()];
    for number in 2..=5 {
        let subject = format!("one-patient-{number}");
        patients.push(stack.add_member(&clinic.organisation, &subject, "patient")?);
    }
    let slots = clinic.slots()?;
    ensure!(slots.len() >= BOOKINGS, "{} slots", slots.len());
    stack.daily.switch(|switches| switches.faults.status_429 = 300);
    let mut ids = BTreeSet::new();
    for (slot, patient) in slots.iter().zip(patients.iter().cycle()).take(BOOKINGS) {
        let mut wanted = clinic.slot(slot);
        wanted["patient_id"] = json!(patient);
        let booked = clinic.admin.post("/v1/appointments", &wanted)?.expect(201)?;
        ids.insert(booked["id"].as_i64().context("an id")?);
    }
    wait_for("every room", PATIENCE + Duration::from_secs(180), || {
        Ok((stack.daily.room_names().len() >= BOOKINGS).then_some(()))
    })?;
    let expected: BTreeSet<_> =
        ids.iter().map(|id| format!("restartix-{}-{id}", clinic.organisation)).collect();
    let made: BTreeSet<_> = stack.daily.room_names().into_iter().collect();
    assert_eq!(made, expected, "a room for each booking, and no other");
    assert_eq!(stack.daily.switches().faults.status_429, 0, "the storm was met");
    let peak = stack.daily.peak_per_second();
    assert!(peak <= 20, "{peak} requests in one second");
    Ok(())
}

/// Of a day that is called off, Daily lets two rooms go in a second.
const CALLED_OFF: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_called_off_keeps_no_new_room_waiting() -> Result<()> {
    let stack = Stack::start_for_crowds().await?;
    let [away, other] = [stack.clinic("one")?, stack.clinic("two")?];
    away.allow_many()?;
    let slots = away.slots()?;
    ensure!(slots.len() >= CALLED_OFF, "{} slots", slots.len());
    let mut ids = Vec::new();
    for slot in slots.iter().take(CALLED_OFF) {
        ids.push(away.book(slot)?);
    }
    wait_for("every room", PATIENCE, || {
        Ok((stack.daily.room_names().len() >= CALLED_OFF).then_some(()))
    })?;
    for id in ids {
        away.cancel(id)?;
    }
    let booked = other.book(other.slots()?.first().context("a slot")?)?;
    let name = format!("restartix-{}-{booked}", other.organisation);
    let standing = wait_for("the new room", PATIENCE, || {
        let names = stack.daily.room_names();
        Ok(names.contains(&name).then_some(names.len()))
    })?;
    assert!(standing > CALLED_OFF / 2, "{standing} rooms: most of that day's are still to go");
    wait_for("that day's rooms to go", PATIENCE, || {
        Ok((stack.daily.room_names() == [name.clone()]).then_some(()))
    })
}
