//! What belongs to one clinic does not exist for the other.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_testkit::sql;
use serde_json::{Value, json};

use crate::booking::audit_lines;
use crate::booking::token;
use crate::client::{Answer, Client};
use crate::support::Stack;

/// An answer without what differs from request to request.
fn told(answer: &Answer) -> (u16, Vec<String>, String) {
    let mut headers: Vec<_> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
    headers.sort();
    let mut body = answer.body.clone();
    if let Value::Object(fields) = &mut body {
        fields.remove("request_id");
    }
    (answer.status, headers, body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_one_clinic_is_a_404_for_the_other_and_looks_like_a_random_id() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let slot = one.slots()?.first().context("a slot")?.clone();
    let appointment = one.book(&slot)?;
    token(&one.patient, appointment, Duration::from_secs(20))?;
    let hold = one.patient.post("/v1/holds", &one.slot(&one.slots()?[0]))?.expect(201)?;
    let hold = hold["id"].as_str().context("an id")?.to_owned();
    let memberships = one.admin.get("/v1/memberships")?.expect(200)?;
    let membership = memberships["items"][0]["id"].as_str().context("an id")?.to_owned();

    let program = json!({
        "patient_id": one.patient_id, "sessions_per_week": 5, "starts_on": "2026-01-05",
        "exercises": [{"id": one.kind, "sets": 3, "reps": 10}],
    });
    let program = one.admin.post("/v1/programs", &program)?.expect(201)?;
    let program = program["id"].as_str().context("an id")?.to_owned();

    let away = json!({"from": "2190-01-01T10:00:00Z", "to": "2190-01-02T10:00:00Z"});
    let path = format!("/v1/specialists/{}/time-off", one.specialist_id);
    let time_off = one.admin.post(&path, &away)?.expect(201)?;
    let time_off = time_off["id"].as_str().context("an id")?.to_owned();
    let days = json!({"starts_on": "2190-12-24", "ends_on": "2190-12-26"});
    let closure = one.admin.post("/v1/closures", &days)?.expect(201)?;
    let closure = closure["id"].as_str().context("an id")?.to_owned();
    let theirs = format!("/v1/specialists/{}/time-off/{{}}", two.specialist_id);
    let closed = json!({"hours": []});

    let reason = json!({"reason_code": "patient_request"});
    let move_to = json!({"starts_at": slot, "reason_code": "other"});
    let uuid = "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f";
    let id = appointment.to_string();
    let week = json!({"timezone": "UTC", "hours": []});
    let cases: Vec<(&str, &str, &str, &str, Value)> = vec![
        ("GET", "/v1/appointments/{}", &id, "4503599627370497", Value::Null),
        (
            "PATCH",
            "/v1/appointments/{}",
            &id,
            "4503599627370497",
            json!({"recording_consent": true}),
        ),
        ("POST", "/v1/appointments/{}/cancel", &id, "4503599627370497", reason),
        ("POST", "/v1/appointments/{}/reschedule", &id, "4503599627370497", move_to),
        ("POST", "/v1/appointments/{}/start", &id, "4503599627370497", json!({})),
        ("POST", "/v1/appointments/{}/complete", &id, "4503599627370497", json!({})),
        ("POST", "/v1/appointments/{}/no-show", &id, "4503599627370497", json!({})),
        ("GET", "/v1/people/{}", &one.patient_id, uuid, Value::Null),
        ("PATCH", "/v1/people/{}", &one.patient_id, uuid, json!({"display_name": "X"})),
        ("GET", "/v1/appointment-types/{}", &one.kind, uuid, Value::Null),
        ("PATCH", "/v1/appointment-types/{}", &one.kind, uuid, json!({"name": "X"})),
        ("DELETE", "/v1/appointment-types/{}", &one.kind, uuid, Value::Null),
        ("PUT", "/v1/specialists/{}/weekly-hours", &one.specialist_id, uuid, week),
        ("PUT", "/v1/specialists/{}/date-overrides/2190-01-01", &one.specialist_id, uuid, closed),
        ("GET", "/v1/specialists/{}/time-off", &one.specialist_id, uuid, Value::Null),
        ("POST", "/v1/specialists/{}/time-off", &one.specialist_id, uuid, away),
        ("DELETE", &theirs, &time_off, uuid, Value::Null),
        ("DELETE", "/v1/closures/{}", &closure, uuid, Value::Null),
        ("GET", "/v1/appointments/{}.ics", &id, "4503599627370497", Value::Null),
        ("GET", "/v1/programs/{}", &program, uuid, Value::Null),
        ("PATCH", "/v1/programs/{}", &program, uuid, json!({"sessions_per_week": 1})),
        ("POST", "/v1/programs/{}/pause", &program, uuid, Value::Null),
        ("POST", "/v1/programs/{}/resume", &program, uuid, Value::Null),
        ("POST", "/v1/programs/{}/end", &program, uuid, Value::Null),
        ("PATCH", "/v1/memberships/{}", &membership, uuid, json!({"role": "patient"})),
        ("DELETE", "/v1/memberships/{}", &membership, uuid, Value::Null),
    ];
    for (method, path, foreign, random, body) in &cases {
        same(&two.admin, method, path, [foreign, random], body)?;
    }
    let empty = json!({});
    let doors = "/v1/appointments/{}/video-token";
    same(&two.patient, "POST", doors, [&id, "4503599627370497"], &empty)?;
    same(&two.patient, "POST", "/v1/holds/{}/renew", [&hold, uuid], &empty)?;
    same(&two.patient, "DELETE", "/v1/holds/{}", [&hold, uuid], &Value::Null)?;

    // Nor can a slot of the other clinic be held or booked.
    for path in ["/v1/holds", "/v1/appointments"] {
        two.patient.post(path, &one.slot(&slot))?.refused(404, "not_found")?;
    }
    let lists = [
        "/v1/appointments",
        "/v1/people",
        "/v1/programs",
        "/v1/appointment-types",
        "/v1/specialists",
        "/v1/closures",
    ];
    for list in lists {
        let seen = two.admin.get(list)?;
        for known in [&id, &one.patient_id, &one.specialist_id, &one.admin_id, &one.kind, &closure]
        {
            ensure!(!seen.text.contains(known.as_str()), "{list} shows {known}: {}", seen.text);
        }
    }
    // And the first clinic has lost nothing.
    let still = one.patient.get(&format!("/v1/appointments/{id}"))?.expect(200)?;
    assert_eq!(still["status"], "confirmed");
    Ok(())
}

/// Both ids are a 404, with the same words.
fn same(
    client: &Client,
    method: &str,
    path: &str,
    [foreign, random]: [&str; 2],
    body: &Value,
) -> Result<()> {
    let send = |id: &str| {
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        client.send(method, &path.replace("{}", id), body)
    };
    let (seen, expected) = (send(foreign)?, send(random)?);
    ensure!(seen.status == 404, "{method} {path}: {seen:?}");
    ensure!(told(&seen) == told(&expected), "{method} {path}: {seen:?} and {expected:?} differ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_switches_clinics_by_membership_alone() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let person = json!({"display_name": "Ana", "email": "ana@clinic.example"});
    let person = two.admin.post("/v1/people", &person)?.expect(201)?;
    let member = json!({"person_id": person["id"], "subject": "one-patient", "role": "specialist"});
    two.admin.post("/v1/memberships", &member)?.expect(201)?;

    let me = one.patient.get("/v1/me")?.expect(200)?;
    assert_eq!((&me["organization_id"], &me["role"]), (&json!(1), &json!("patient")));
    assert_eq!(me["memberships"].as_array().map(Vec::len), Some(2));
    let to = |id: i64| json!({"organization_id": id});
    let path = "/v1/me/current-organization";
    let switched = one.patient.put(path, &to(2))?.expect(200)?;
    assert_eq!(
        (&switched["organization_id"], &switched["role"]),
        (&json!(2), &json!("specialist"))
    );
    assert_eq!(audit_lines(&stack, "me.switch_organization", 2).await?, 1, "where they act now");
    // What the audit cannot know does not happen.
    sql(
        &stack.database,
        "ALTER TABLE audit_events ADD CONSTRAINT untold
           CHECK (operation <> 'me.switch_organization' OR outcome <> 'success') NOT VALID",
    )
    .await?;
    let kept = one.patient.put(path, &to(1))?;
    ensure!(kept.status >= 500, "{kept:?}");
    let me = one.patient.get("/v1/me")?.expect(200)?;
    assert_eq!((&me["organization_id"], &me["role"]), (&json!(2), &json!("specialist")));
    sql(&stack.database, "ALTER TABLE audit_events DROP CONSTRAINT untold").await?;
    for nowhere in [3, 999_999] {
        one.specialist.put(path, &to(nowhere))?.refused(404, "not_found")?;
    }
    stack.operator(&["org", "suspend", "--id", "2"])?;
    for act in ["operator.create_organization", "operator.suspend_organization"] {
        assert_eq!(audit_lines(&stack, act, 2).await?, 1, "{act} in its audit");
    }
    one.patient.get("/v1/appointments")?.refused(403, "organization_suspended")?;
    one.patient.put(path, &to(1))?.expect(200)?;
    one.patient.get("/v1/appointments")?.expect(200)?;
    Ok(())
}
