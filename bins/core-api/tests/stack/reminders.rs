//! Reminders are due each once, at their time, and never of what is no longer to come.

use std::time::Duration;

use anyhow::{Context, Result};
use restartix_testkit::sql;
use serde_json::{Value, json};

use crate::client::wait_for;
use crate::kills::feed;
use crate::support::{Clinic, Stack, text};

const PATIENCE: Duration = Duration::from_secs(30);

/// The reminders that were told of an appointment.
fn told(clinic: &Clinic, id: i64) -> Result<Vec<Value>> {
    let events = feed(&clinic.admin)?;
    let reminders = events
        .iter()
        .filter(|event| event["type"] == "appointment.reminder_due" && event["data"]["id"] == id);
    Ok(reminders.map(|event| event["data"]["minutes_before"].clone()).collect())
}

/// Lets an appointment, and what is due of it, be so much nearer.
async fn nearer(stack: &Stack, id: i64, minutes: i64) -> Result<()> {
    let by = format!("interval '{minutes} minutes'");
    let update = format!(
        "UPDATE appointments SET starts_at = starts_at - {by}, ends_at = ends_at - {by},
         reminder_due_at = reminder_due_at - {by} WHERE id = {id}"
    );
    sql(&stack.database, &update).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reminder_is_told_once_and_none_of_what_was_called_off_or_moved_away() -> Result<()> {
    let mut stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let kind = json!({"reminder_minutes": [1440, 60, 30]});
    clinic.admin.patch(&format!("/v1/appointment-types/{}", clinic.kind), &kind)?.expect(200)?;
    // From a day and an hour away: all three are to come.
    let slots = clinic.slots()?;
    let far = slots.get(slots.len() - 20..).context("slots")?;
    let (kept, off, moved) = (clinic.book(&far[0])?, clinic.book(&far[2])?, clinic.book(&far[4])?);
    let away = |id: i64| -> Result<i64> {
        let told = clinic.patient.get(&format!("/v1/appointments/{id}"))?.expect(200)?;
        let starts_at: chrono::DateTime<chrono::Utc> = text(&told["starts_at"])?.parse()?;
        let now = restartix_kernel::Clock::now(&restartix_kernel::SystemClock);
        Ok((starts_at - now).num_minutes())
    };
    assert!(told(&clinic, kept)?.is_empty());

    // A day before, all but a minute.
    for id in [kept, off, moved] {
        nearer(&stack, id, away(id)? - 1439).await?;
    }
    for id in [kept, off, moved] {
        wait_for("the first reminder", PATIENCE, || {
            Ok((told(&clinic, id)? == [json!(1440)]).then_some(()))
        })?;
    }
    clinic.cancel(off)?;
    let to = json!({"starts_at": far[10], "reason_code": "patient_request"});
    clinic.specialist.post(&format!("/v1/appointments/{moved}/reschedule"), &to)?.expect(200)?;
    // The server is away when the second is due, and comes back when the third is: the second is
    // overtaken.
    stack.kill();
    let minutes = 1439 - 29;
    for id in [kept, off] {
        nearer(&stack, id, minutes).await?;
    }
    stack.serve()?;
    wait_for("the last reminder", PATIENCE, || {
        Ok((told(&clinic, kept)? == [json!(1440), json!(30)]).then_some(()))
    })?;
    let nothing_left = format!(
        "SELECT count(*) FROM appointments WHERE id IN ({kept}, {off}) AND reminder_due_at IS NULL"
    );
    assert_eq!(stack.number(&nothing_left).await?, 2);
    assert_eq!(told(&clinic, off)?, [json!(1440)]);
    // Where it was moved to, all of them are to come again.
    let again =
        format!("SELECT cardinality(reminder_minutes) FROM appointments WHERE id = {moved}");
    assert_eq!(stack.number(&again).await?, 3);
    let lines = clinic.admin.get("/v1/audit-events?action=appointments.remind")?.expect(200)?;
    assert_eq!(lines["items"].as_array().map(Vec::len), Some(4));
    Ok(())
}
