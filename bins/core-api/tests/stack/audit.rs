//! Nobody sees what the audit does not know.

use anyhow::{Context, Result};
use restartix_testkit::sql;

use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_cannot_be_audited_answers_503_and_no_data() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slot = clinic.slots()?.first().context("a slot")?.clone();
    let id = clinic.book(&slot)?;
    let path = format!("/v1/appointments/{id}");
    clinic.patient.get(&path)?.expect(200)?;

    let refuse = "ALTER TABLE audit_events ADD CONSTRAINT audit_is_full CHECK (operation = 'none') NOT VALID";
    sql(&stack.database, refuse).await?;
    let refused = clinic.patient.get(&path)?;
    refused.refused(503, "audit_unavailable")?;
    assert!(!refused.text.contains(&clinic.patient_id), "data came along: {}", refused.text);
    // Refusals too, and a change does not happen.
    clinic.patient.get("/v1/appointments/1")?.refused(503, "audit_unavailable")?;
    let mut other = clinic.slot(&clinic_slot_after(&slot)?);
    other["patient_id"] = clinic.patient_id.clone().into();
    assert_eq!(clinic.patient.post("/v1/appointments", &other)?.status, 503);

    sql(&stack.database, "ALTER TABLE audit_events DROP CONSTRAINT audit_is_full").await?;
    let all = clinic.patient.get("/v1/appointments")?.expect(200)?;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
    Ok(())
}

/// Half an hour after `slot`.
fn clinic_slot_after(slot: &str) -> Result<String> {
    let start: chrono::DateTime<chrono::Utc> = slot.parse()?;
    Ok((start + chrono::TimeDelta::minutes(30)).format("%Y-%m-%dT%H:%M:%SZ").to_string())
}
