//! A client that does not know how its request ended asks again under the same key.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_testkit::sql;
use serde_json::{Value, json};

use crate::booking::{audit_lines, token};
use crate::client::{Answer, Client};
use crate::files::announcement;
use crate::support::{Clinic, Stack, text};

/// Posts under a key.
pub(crate) fn keyed(who: &Client, path: &str, key: &str, body: &Value) -> Result<Answer> {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    who.send_with("POST", path, &headers, Some(body.to_string().into_bytes()))
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.iter().any(|(name, value)| name == "idempotency-replayed" && value == "true")
}

/// A path, a body, another body, and the field that is shown once.
type Maker = (&'static str, Value, Value, Option<&'static str>);

/// Whatever makes something.
fn makers(clinic: &Clinic, newcomer: &str, slots: &[String]) -> Vec<Maker> {
    let person = |name: &str| json!({"display_name": name});
    let kind = |name: &str| json!({"name": name, "duration_minutes": 20});
    let away = |hour: u8| json!({"from": format!("2031-05-05T{hour:02}:00:00Z"), "to": "2031-05-06T00:00:00Z"});
    let closed =
        |day: u8| json!({"starts_on": format!("2032-05-{day:02}"), "ends_on": "2032-05-20"});
    let booked = |slot: &str| {
        let mut body = clinic.slot(slot);
        body["patient_id"] = json!(clinic.patient_id);
        body
    };
    let program = |sets: u8| {
        json!({
            "patient_id": clinic.patient_id, "sessions_per_week": 3, "starts_on": "2026-01-05",
            "exercises": [{"id": "0198c6f0-7e6b-7c3a-9f5e-00000000e001", "sets": sets, "reps": 10}],
        })
    };
    let file = |name: &str| {
        let mut body = announcement("document", name, "application/pdf", b"%PDF-1.7\n");
        body["patient_id"] = json!(clinic.patient_id);
        body
    };
    let hook =
        |path: &str| json!({"url": format!("http://127.0.0.1:9/{path}"), "event_types": ["*"]});
    let theirs = |name: &str| json!({"name": name, "scopes": ["appointments:read"]});
    let member =
        |subject: &str| json!({"person_id": newcomer, "subject": subject, "role": "patient"});
    vec![
        ("/v1/people", person("Nobody One"), person("Nobody Two"), None),
        ("/v1/memberships", member("somebody-new"), member("somebody-else"), None),
        ("/v1/appointment-types", kind("Short"), kind("Shorter"), None),
        ("/v1/specialists/{id}/time-off", away(8), away(9), None),
        ("/v1/closures", closed(1), closed(2), None),
        ("/v1/appointments", booked(&slots[0]), booked(&slots[2]), None),
        ("/v1/programs", program(3), program(4), None),
        ("/v1/files", file("a.pdf"), file("b.pdf"), Some("upload")),
        ("/v1/webhook-endpoints", hook("a"), hook("b"), Some("secret")),
        ("/v1/api-clients", theirs("One"), theirs("Two"), Some("secret")),
    ]
}

/// The paths whose POST the served document says may have a key.
fn documented(stack: &Stack) -> Result<BTreeSet<String>> {
    let document = stack.anybody().get("/openapi.json")?.expect(200)?;
    let paths = document["paths"].as_object().context("paths")?;
    let may = |operation: &Value| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.into_iter().any(|parameter| parameter["name"] == "Idempotency-Key")
    };
    Ok(paths.iter().filter(|(_, of)| may(&of["post"])).map(|(path, _)| path.clone()).collect())
}

/// A recording wants a visit: its path, when it was asked for once however often.
fn a_recording_is_asked_for_once(clinic: &Clinic, slots: &[String]) -> Result<&'static str> {
    let kind = json!({"name": "Recorded", "duration_minutes": 30, "recording": true});
    let kind = clinic.admin.post("/v1/appointment-types", &kind)?.expect(201)?;
    let mut visit = clinic.slot(&slots[8]);
    visit["appointment_type_id"] = kind["id"].clone();
    visit["recording_consent"] = json!(true);
    let visit = clinic.patient.post("/v1/appointments", &visit)?.expect(201)?;
    let visit = visit["id"].as_i64().context("an id")?;
    token(&clinic.patient, visit, Duration::from_secs(30))?;
    let path = format!("/v1/appointments/{visit}/recordings");
    let ask = || keyed(&clinic.specialist, &path, "a-recording", &json!({}));
    let (first, again) = (ask()?, ask()?);
    ensure!(first.status == 201 && !is_replayed(&first), "{first:?}");
    ensure!(again.status == 201 && is_replayed(&again) && again.body == first.body, "{again:?}");
    Ok("/v1/appointments/{id}/recordings")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_makes_something_makes_it_once_for_each_key() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let person = json!({"display_name": "Somebody"});
    let newcomer = text(&clinic.admin.post("/v1/people", &person)?.expect(201)?["id"])?;
    let slots = clinic.slots()?;
    let makers = makers(&clinic, &newcomer, &slots);
    let mut listed: BTreeSet<_> = makers.iter().map(|(path, ..)| (*path).to_owned()).collect();
    listed.insert(a_recording_is_asked_for_once(&clinic, &slots)?.to_owned());
    // That wants a receiver: it is tried with the webhooks.
    listed.insert("/v1/webhook-endpoints/{id}/replay".to_owned());
    assert_eq!(documented(&stack)?, listed, "whatever makes something is tried here");

    for (path, body, other, hidden) in makers {
        let path = path.replace("{id}", &clinic.specialist_id);
        let ask = |key: &str, body: &Value| keyed(&clinic.admin, &path, key, body);
        let first = ask("a-key", &body)?;
        ensure!(first.status == 201 && !is_replayed(&first), "{path}: {first:?}");
        let again = ask("a-key", &body)?;
        ensure!(again.status == 201 && is_replayed(&again), "{path}: {again:?}");
        let mut shown = first.body.clone();
        if let Some(hidden) = hidden {
            ensure!(shown[hidden].is_object() || shown[hidden].is_string(), "{path}: {shown}");
            shown.as_object_mut().context("an object")?.remove(hidden);
        }
        assert_eq!(again.body, shown, "{path}");
        let tag = |answer: &Answer| {
            answer.headers.iter().find(|(name, _)| name == "etag").map(|(_, tag)| tag.clone())
        };
        assert_eq!(tag(&first), tag(&again), "{path}");
        ask("a-key", &other)?.refused(422, "idempotency_mismatch")?;
        let another = ask("another-key", &other)?;
        if path == "/v1/memberships" {
            another.refused(409, "already_member")?;
        } else {
            ensure!(another.status == 201 && another.body["id"] != first.body["id"], "{another:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_its_callers_own_and_keeps_what_went_well() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let slots = one.slots()?;
    let book = |who: &Client, slot: &str| keyed(who, "/v1/appointments", "k-1", &one.slot(slot));
    let taken = one.book(&slots[0])?;
    book(&one.patient, &slots[0])?.refused(409, "slot_taken")?;
    one.cancel(taken)?;
    // What was refused left no key behind.
    let booked = book(&one.patient, &slots[0])?.expect(201)?;
    // Nobody else's key, in this clinic or another, is this one.
    let mut by_admin = one.slot(&slots[2]);
    by_admin["patient_id"] = json!(one.patient_id);
    let by_admin = keyed(&one.admin, "/v1/appointments", "k-1", &by_admin)?.expect(201)?;
    assert_ne!(by_admin["id"], booked["id"]);
    let there = keyed(&two.patient, "/v1/appointments", "k-1", &two.slot(&two.slots()?[0]))?;
    assert_ne!(there.expect(201)?["id"], booked["id"]);
    // A hold that was booked is gone, and the answer stays.
    let hold = one.patient.post("/v1/holds", &one.slot(&slots[6]))?.expect(201)?;
    let held = json!({"hold_id": hold["id"]});
    let first = keyed(&one.patient, "/v1/appointments", "k-2", &held)?.expect(201)?;
    assert_eq!(keyed(&one.patient, "/v1/appointments", "k-2", &held)?.expect(201)?, first);
    // Holds repeat themselves by nature: a key changes nothing.
    let hold = |slot: &str| keyed(&one.patient, "/v1/holds", "k-3", &one.slot(slot));
    let (a, b) = (hold(&slots[8])?.expect(201)?, hold(&slots[10])?.expect(201)?);
    assert_ne!(a["id"], b["id"]);

    for bad in ["", "two words", "snow\u{2603}", &"x".repeat(256)] {
        let answer = keyed(&one.patient, "/v1/appointments", bad, &one.slot(&slots[12]));
        // Some cannot even be sent.
        if let Ok(answer) = answer {
            answer.refused(400, "invalid_parameter")?;
        }
    }
    // What is kept is not to be read.
    let sealed = "SELECT 1 / (CASE WHEN count(*) > 3 AND bool_and(sealed IS NOT NULL
        AND position('confirmed'::bytea IN sealed) = 0) THEN 1 ELSE 0 END) FROM kept_answers";
    sql(&stack.database, sealed).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_at_the_same_moment_wait_for_the_first_and_are_answered_alike() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let slots = clinic.slots()?;
    for (number, slot) in slots.iter().step_by(2).take(5).enumerate() {
        let (key, body) = (format!("twins-{number}"), clinic.slot(slot));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let ask = || keyed(&clinic.patient, "/v1/appointments", &key, &body);
            let twins: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
            let joined = twins
                .into_iter()
                .map(|twin| twin.join().unwrap_or_else(|_| anyhow::bail!("a panic")));
            joined.collect::<Result<_>>()
        })?;
        let id = answers[0].body["id"].as_i64().context("an id")?;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
        }
        assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1);
        assert_eq!(audit_lines(&stack, "appointments.book", id).await?, 1);
    }
    let listed = clinic.patient.get("/v1/appointments")?.expect(200)?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(5));
    let repeats =
        clinic.admin.get("/v1/audit-events?action=answers.repeat&limit=100")?.expect(200)?;
    let repeats = repeats["items"].as_array().context("items")?.clone();
    assert_eq!(repeats.len(), 5 * 11);
    ensure!(
        repeats.iter().all(|line| line["patient_id"] == json!(clinic.patient_id)),
        "{repeats:?}"
    );
    Ok(())
}
