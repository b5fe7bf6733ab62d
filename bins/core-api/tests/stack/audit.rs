//! Nobody sees what the audit does not know.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_testkit::sql;
use serde_json::Value;

use crate::client::{Client, wait_for};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leaves_a_line_for_each_patient_on_it() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    clinic.book(&clinic.slots()?[0])?;
    clinic.book(&clinic.slots()?[2])?;
    clinic.admin.get("/v1/appointments")?.expect(200)?;
    clinic.admin.get("/v1/people")?.expect(200)?;
    clinic.admin.get("/v1/programs")?.expect(200)?;
    let of = |action: &str| lines(&clinic.admin, &format!("action={action}&outcome=success"));
    let appointments = of("appointments.list")?;
    assert_eq!(appointments.len(), 1, "two appointments of one patient: {appointments:?}");
    assert_eq!(appointments[0]["patient_id"], clinic.patient_id.as_str());
    let people = of("people.list")?;
    let mut seen: Vec<_> = people.iter().map(|line| line["patient_id"].to_string()).collect();
    seen.sort();
    seen.dedup();
    ensure!(seen.len() == 3 && people.len() == 3, "a line each: {people:?}");
    ensure!(people.iter().all(|line| line["request_id"] == people[0]["request_id"]), "{people:?}");
    let programs = of("programs.list")?;
    ensure!(programs.len() == 1 && programs[0]["patient_id"].is_null(), "{programs:?}");
    let about = lines(&clinic.admin, &format!("patient_id={}", clinic.patient_id))?;
    ensure!(about.iter().any(|line| line["action"] == "people.list"), "{about:?}");
    ensure!(about.iter().all(|line| line["patient_id"] == clinic.patient_id.as_str()), "{about:?}");
    clinic.admin.get("/v1/audit-events?outcome=maybe")?.refused(400, "invalid_parameter")
}

/// Every page, by the links of the pages themselves.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_the_links_of_fhir_sees_all_that_they_asked_for_and_nothing_else()
-> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    for _ in 0..5 {
        clinic.patient.get("/v1/appointments/7")?.refused(404, "not_found")?;
    }
    let mut url =
        "/v1/audit-events?format=fhir&limit=2&action=appointments.get&outcome=refused".to_owned();
    let mut found = Vec::new();
    loop {
        let bundle = clinic.admin.get(&url)?.expect(200)?;
        let entries = bundle["entry"].as_array().context("entries")?;
        found.extend(entries.iter().map(|entry| entry["resource"].clone()));
        let links = bundle["link"].as_array().context("links")?;
        match links.iter().find(|link| link["relation"] == "next") {
            Some(next) => url = text(&next["url"])?,
            None => break,
        }
    }
    assert_eq!(found.len(), 5);
    ensure!(
        found.iter().all(|event| event["outcome"] == "4" && event["outcomeDesc"] == "not_found"),
        "{found:?}"
    );
    ensure!(
        found.iter().all(|event| event["subtype"][0]["code"] == "appointments.get"),
        "{found:?}"
    );
    Ok(())
}

/// What `core-api audit export` and `verify` say of an organisation.
pub(crate) fn exported(stack: &Stack, organisation: i64) -> Result<(String, String)> {
    let export =
        stack.operator(&["audit", "export", "--organization", &organisation.to_string()])?;
    let key = stack.operator(&["audit", "public-key"])?;
    Ok((format!("{export}\n"), key))
}

/// Verifies an export, as somebody who has nothing but the program and the key.
pub(crate) fn verified(stack: &Stack, export: &str, key: &str) -> Result<Value> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), export)?;
    let path = file.path().to_str().context("a path")?;
    Ok(serde_json::from_str(&stack.operator(&["audit", "verify", "--key", key, path])?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_the_sealed_audit_verifies_and_an_altered_byte_is_named() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let id = one.book(&one.slots()?[0])?;
    one.patient.get(&format!("/v1/appointments/{id}"))?.expect(200)?;
    one.patient.get("/v1/appointments/1")?.refused(404, "not_found")?;
    let everything = lines(&one.admin, "")?.len();
    let (export, key) = wait_for("every line to be sealed", Duration::from_secs(60), || {
        let (export, key) = exported(&stack, 1)?;
        let told = verified(&stack, &export, &key)?;
        let events = told["events"].as_u64().unwrap_or_default();
        ensure!(told["organization_id"] == 1, "{told}");
        Ok((events >= u64::try_from(everything)?).then_some((export, key)))
    })?;
    // The exports are in the audit as well; nothing of the other clinic is.
    ensure!(!lines(&one.admin, "action=operator.export_audit")?.is_empty());
    ensure!(!export.contains(&two.patient_id), "another clinic's audit");
    let booked = lines(&one.admin, &format!("resource=appointment/{id}&action=appointments.book"))?;
    let event = text(&booked.first().context("a line")?["id"])?;
    let altered = export.replacen(
        &format!(r#""id":"{id}"}},"patient_id""#),
        &format!(r#""id":"{}"}},"patient_id""#, id ^ 1),
        1,
    );
    ensure!(altered != export, "nothing was altered");
    let broken = verified(&stack, &altered, &key).expect_err("an altered export").to_string();
    ensure!(
        broken.contains(&event) || broken.contains("is not the one that was sealed"),
        "{broken}"
    );
    let line = altered.lines().zip(export.lines()).position(|(a, b)| a != b).context("a line")?;
    ensure!(broken.contains(&format!("line {}: ", line + 1)), "line {}: {broken}", line + 1);
    let stranger = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let broken = verified(&stack, &export, stranger).expect_err("another key").to_string();
    ensure!(broken.contains("by none of the keys"), "{broken}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_changed_in_the_database_is_found_in_its_export() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let id = clinic.book(&clinic.slots()?[0])?;
    let booked = &lines(&clinic.admin, &format!("resource=appointment/{id}"))?[0];
    let event = text(&booked["id"])?;
    wait_for("the line to be sealed", Duration::from_secs(60), || {
        Ok(exported(&stack, 1)?.0.contains(&event).then_some(()))
    })?;
    // Somebody with every right, who takes the trigger away first.
    let forge = format!(
        "ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only;
         UPDATE audit_events SET actor_role = 'admin' WHERE id = '{event}'"
    );
    sql(&stack.database, &forge).await?;
    let (export, key) = exported(&stack, 1)?;
    let broken = verified(&stack, &export, &key).expect_err("a forged line").to_string();
    ensure!(broken.contains(&format!("the event {event} at place")), "{broken}");
    sql(&stack.database, &format!("DELETE FROM audit_events WHERE id = '{event}'")).await?;
    let (export, key) = exported(&stack, 1)?;
    let broken = verified(&stack, &export, &key).expect_err("a missing line").to_string();
    ensure!(broken.contains("is gone"), "{broken}");
    Ok(())
}
