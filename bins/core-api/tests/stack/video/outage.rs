//! The provider is down for an hour of simulated time.

use anyhow::Result;
use chrono::TimeDelta;
use serde_json::json;

use super::inside::simulated;
use super::{PATIENCE, enter};
use crate::booking::{rooms, token};

#[tokio::test(flavor = "multi_thread")]
async fn with_daily_down_for_an_hour_bookings_go_on_keys_are_minted_and_rooms_are_made_on_its_return()
-> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let before = clinic.book(&slots[20])?;
    enter(&stack, &clinic.patient, before)?;
    stack.daily.switch(|switches| switches.faults.status_5xx = u32::MAX);
    let mut ids = Vec::new();
    for slot in slots.iter().skip(22).take(6) {
        ids.push(clinic.book(slot)?);
        inside.clock.advance(TimeDelta::minutes(10));
        // Signed here, and let in: the provider's API has no part in it.
        enter(&stack, &clinic.patient, before)?;
        let path = format!("/v1/appointments/{}/video-token", ids[0]);
        clinic.patient.post(&path, &json!({}))?.refused(409, "room_not_ready")?;
    }
    assert_eq!(rooms(&stack, &ids), Vec::<String>::new(), "nothing can have been made");
    stack.daily.switch(|switches| switches.faults.status_5xx = 0);
    // The longest pauses of breaker and keeper.
    inside.clock.advance(TimeDelta::seconds(30));
    for id in &ids {
        token(&clinic.patient, *id, PATIENCE)?;
    }
    assert_eq!(rooms(&stack, &ids).len(), ids.len(), "one each");
    Ok(())
}
