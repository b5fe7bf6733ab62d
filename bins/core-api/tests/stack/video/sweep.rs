//! The sweep mends what no event told of, both ways.

use anyhow::{Context, Result};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::inside::simulated;
use super::{PATIENCE, account, enter};
use crate::booking::{rooms, token};
use crate::client::wait_for;

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_makes_lost_rooms_mends_wrong_ones_and_deletes_nobodys() -> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let mut names = Vec::new();
    let mut ids = Vec::new();
    for slot in slots.iter().skip(10).take(3) {
        let id = clinic.book(slot)?;
        token(&clinic.patient, id, PATIENCE)?;
        names.push(rooms(&stack, &[id]).pop().context("a room")?);
        ids.push(id);
    }
    let [lost, public, sound] = &names[..] else { anyhow::bail!("three rooms") };
    let daily = account(&stack);
    daily.send("DELETE", &format!("/rooms/{lost}"), None)?.expect(200)?;
    daily.post(&format!("/rooms/{public}"), &json!({"privacy": "public"}))?.expect(200)?;
    // What a worker left that died before it was kept, and what somebody else has in the account.
    for name in ["restartix-999-5", "somebody-elses"] {
        daily.post("/rooms", &json!({"name": name, "privacy": "private"}))?.expect(200)?;
    }
    let made = daily.get(&format!("/rooms/{sound}"))?.expect(200)?;

    inside.clock.advance(TimeDelta::minutes(11));
    wait_for("the sweep", PATIENCE, || {
        let here = stack.daily.room_names();
        let mended = here.contains(lost) && !here.contains(&"restartix-999-5".to_owned());
        let privacy = daily.get(&format!("/rooms/{public}"))?.expect(200)?["privacy"].clone();
        Ok((mended && privacy == "private").then_some(()))
    })?;
    assert!(stack.daily.room_names().contains(&"somebody-elses".to_owned()));
    assert_eq!(daily.get(&format!("/rooms/{sound}"))?.expect(200)?, made, "let alone");
    for id in ids {
        enter(&stack, &clinic.patient, id)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_event_was_lost_is_made_and_one_whose_cancellation_was_is_deleted()
-> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    let kept = clinic.book(&slots[10])?;
    token(&clinic.patient, kept, PATIENCE)?;
    // As if the queue had been lost.
    stack.daily.switch(|switches| switches.faults.status_5xx = u32::MAX);
    let unmade = clinic.book(&slots[12])?;
    clinic.cancel(kept)?;
    restartix_testkit::sql(&stack.database, "DELETE FROM outbox").await?;
    stack.daily.switch(|switches| switches.faults.status_5xx = 0);
    inside.clock.advance(TimeDelta::minutes(11));
    token(&clinic.patient, unmade, PATIENCE)?;
    wait_for("the cancelled one's room to go", PATIENCE, || {
        Ok(rooms(&stack, &[kept]).is_empty().then_some(()))
    })?;
    let left: Value = stack.daily.room_names().into();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    Ok(())
}
