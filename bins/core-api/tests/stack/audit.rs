//! Nobody sees what the audit does not know.

use anyhow::{Context, Result, ensure};
use restartix_testkit::sql;
use serde_json::Value;

use crate::client::Client;
use crate::support::{Stack, text};

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

/// Every line that `query` finds, page by page, the latest first.
fn lines(admin: &Client, query: &str) -> Result<Vec<Value>> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let told = admin.get(&format!("/v1/audit-events?limit=3&{query}{cursor}"))?.expect(200)?;
        let items = told["items"].as_array().context("items")?;
        ensure!(items.len() <= 3, "more than was asked for: {told}");
        found.extend(items.iter().cloned());
        match told["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_finds_who_did_what_in_their_clinic_and_nowhere_else() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let id = one.book(&one.slots()?[0])?;
    one.patient.get(&format!("/v1/appointments/{id}"))?.expect(200)?;
    one.specialist.get("/v1/appointments/7")?.refused(404, "not_found")?;
    let me = one.patient.get("/v1/me")?.expect(200)?;

    let about = lines(&one.admin, &format!("resource=appointment/{id}"))?;
    let told: Vec<_> = about.iter().map(|line| (&line["action"], &line["outcome"])).collect();
    assert_eq!(
        told,
        [
            (&"appointments.get".into(), &"success".into()),
            (&"appointments.book".into(), &"success".into())
        ]
    );
    for line in &about {
        assert_eq!((&line["actor_kind"], &line["actor_role"]), (&"user".into(), &"patient".into()));
        assert_eq!(line["actor_id"], me["user_id"]);
        assert_eq!(line["patient_id"], one.patient_id.as_str());
        ensure!(line["request_id"].is_string() && line["code"].is_null(), "{line}");
    }
    let refused = lines(&one.admin, "resource=appointment/7&action=appointments.get")?;
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (&refused[0]["outcome"], &refused[0]["code"]),
        (&"refused".into(), &"not_found".into())
    );

    // In time: everything lies between a moment before and a moment after, and nothing outside.
    let actor = format!("actor_id={}", text(&me["user_id"])?);
    let all = lines(&one.admin, &actor)?;
    ensure!(all.len() >= 3, "{all:?}");
    let (last, first) = (text(&all[0]["occurred_at"])?, text(&all[all.len() - 1]["occurred_at"])?);
    assert_eq!(lines(&one.admin, &format!("{actor}&from={first}"))?.len(), all.len());
    assert_eq!(lines(&one.admin, &format!("{actor}&to={first}"))?.len(), 0);
    ensure!(lines(&one.admin, &format!("{actor}&from={last}"))?.len() < all.len());
    let mut ids: Vec<_> = all.iter().map(|line| line["id"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "a line on two pages");

    // Whoever looked at the audit is in it; the other clinic sees nothing of all this.
    ensure!(!lines(&one.admin, "action=audit_events.list")?.is_empty());
    assert_eq!(lines(&two.admin, &format!("resource=appointment/{id}"))?, Vec::<Value>::new());
    assert_eq!(lines(&two.admin, &actor)?, Vec::<Value>::new());
    one.specialist.get("/v1/audit-events")?.refused(403, "forbidden")?;
    one.patient.get("/v1/audit-events")?.refused(403, "forbidden")?;
    for bad in
        ["resource=nonsense", "resource=appointment/a b", "format=xml", "actor_id=7", "from=now"]
    {
        one.admin
            .get(&format!("/v1/audit-events?{}", bad.replace(' ', "%20")))?
            .refused(400, "invalid_parameter")?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_told_in_fhir_one_to_one() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let id = clinic.book(&clinic.slots()?[0])?;
    let ours = &lines(&clinic.admin, &format!("resource=appointment/{id}"))?[0];
    let path = format!("/v1/audit-events?format=fhir&resource=appointment/{id}");
    let answer = clinic.admin.get(&path)?;
    let kind = answer.headers.iter().find(|(name, _)| name == "content-type");
    ensure!(
        kind.is_some_and(|(_, value)| value.starts_with("application/fhir+json")),
        "{answer:?}"
    );
    let bundle = answer.expect(200)?;
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&"Bundle".into(), &"searchset".into()));
    let event = &bundle["entry"][0]["resource"];
    assert_eq!(event["resourceType"], "AuditEvent");
    assert_eq!(event["id"], ours["id"]);
    assert_eq!(event["recorded"], ours["occurred_at"]);
    assert_eq!((&event["action"], &event["outcome"]), (&"C".into(), &"0".into()));
    assert_eq!(event["subtype"][0]["code"], ours["action"]);
    assert_eq!(event["agent"][0]["who"]["identifier"]["value"], ours["actor_id"]);
    assert_eq!(event["agent"][0]["role"][0]["text"], ours["actor_role"]);
    let named: Vec<_> = event["entity"]
        .as_array()
        .context("entities")?
        .iter()
        .map(|entity| &entity["what"]["identifier"]["value"])
        .collect();
    assert_eq!(named, [&id.to_string().into(), &ours["patient_id"], &ours["request_id"]]);
    ensure!(!bundle.to_string().contains("null"), "FHIR knows no null: {bundle}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_a_get_without_its_body_and_leaves_the_same_line() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let id = clinic.book(&clinic.slots()?[0])?;
    let path = format!("/v1/appointments/{id}");
    let tag = |answer: &crate::client::Answer| {
        answer.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.clone())
    };
    let (get, head) = (clinic.patient.get(&path)?, clinic.patient.send("HEAD", &path, None)?);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    ensure!(tag(&head).is_some() && tag(&head) == tag(&get), "{head:?}");
    let read = format!("resource=appointment/{id}&action=appointments.get");
    assert_eq!(lines(&clinic.admin, &read)?.len(), 2);
    assert_eq!(clinic.patient.send("HEAD", "/v1/appointments/7", None)?.status, 404);
    Ok(())
}
