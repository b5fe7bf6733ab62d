//! A booking needs PostgreSQL and nothing else.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::booking::{book_as_both, rooms, token};
use crate::client::wait_for;
use crate::support::Stack;

pub(crate) fn state_of(stack: &Stack, dependency: &str) -> Result<(String, String)> {
    let told = stack.anybody().get("/readyz")?.expect(200)?;
    let state = told["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|named| named["name"] == dependency)
        .map(|named| named["state"].as_str().unwrap_or_default().to_owned());
    let status = told["status"].as_str().unwrap_or_default().to_owned();
    Ok((status, state.unwrap_or_else(|| told.to_string())))
}

pub(crate) fn wait_until(stack: &Stack, dependency: &str, status: &str) -> Result<()> {
    wait_for(&format!("{dependency}: {status}"), Duration::from_secs(30), || {
        let (told, _) = state_of(stack, dependency)?;
        Ok((told == status).then_some(()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn with_daily_stopped_bookings_go_on_and_each_has_one_room_after_its_return() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    stack.daily.stop().await?;
    let ids = book_as_both(&clinic, &slots)?;
    let hold = clinic.patient.post("/v1/holds", &clinic.slot(&slots[4]))?;
    assert_eq!(hold.status, 201, "holds do not need Daily: {hold:?}");
    wait_until(&stack, "daily", "degraded")?;
    assert_ne!(state_of(&stack, "daily")?.1, "ok");
    stack.daily.restart().await?;
    for id in &ids {
        token(&clinic.patient, *id, Duration::from_secs(60))?;
        assert_eq!(rooms(&stack, &[*id]).len(), 1);
    }
    wait_until(&stack, "daily", "ready")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_stopped_bookings_go_on_without_holds() -> Result<()> {
    let mut stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    stack.redis.stop();
    let ids = book_as_both(&clinic, &slots)?;
    clinic.patient.post("/v1/holds", &clinic.slot(&slots[4]))?.refused(503, "holds_unavailable")?;
    let unheld = json!({"hold_id": "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f"});
    clinic.patient.post("/v1/appointments", &unheld)?.refused(503, "holds_unavailable")?;
    wait_until(&stack, "redis", "degraded")?;
    assert_ne!(state_of(&stack, "redis")?.1, "ok");
    for id in &ids {
        token(&clinic.patient, *id, Duration::from_secs(60))?;
        assert_eq!(rooms(&stack, &[*id]).len(), 1);
    }
    stack.redis.resume()?;
    wait_for("holds again", Duration::from_secs(60), || {
        let hold = clinic.patient.post("/v1/holds", &clinic.slot(&slots[4]))?;
        Ok((hold.status == 201).then_some(()))
    })?;
    wait_until(&stack, "redis", "ready")
}
