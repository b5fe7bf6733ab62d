//! Programmes and what is reported of them: by whom, once, and told to those who listen.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, RandomExt, SystemClock, SystemRandom};
use restartix_sandbox::receiver::{Options, Receiver};
use serde_json::{Value, json};

use crate::client::{Client, wait_for};
use crate::support::{Clinic, Stack, text};
use crate::telemetry::events;
use crate::webhooks::listen;

pub(crate) const EXERCISE: &str = "0198c6f0-7e6b-7c3a-9f5e-00000000e001";
const NOBODYS: &str = "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f";

fn fresh() -> String {
    SystemRandom.uuid_v4().to_string()
}

fn stamp(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The words of a programme for the patient of `clinic`.
fn plan(clinic: &Clinic) -> Value {
    json!({
        "patient_id": clinic.patient_id,
        "exercises": [{"id": EXERCISE, "sets": 3, "reps": 10}],
        "sessions_per_week": 5,
        "starts_on": "2026-01-05",
    })
}

pub(crate) fn assign(by: &Client, clinic: &Clinic) -> Result<String> {
    text(&by.post("/v1/programs", &plan(clinic))?.expect(201)?["id"])
}

pub(crate) fn done(program: &str) -> Value {
    json!({
        "id": fresh(), "type": "exercise.completed", "occurred_at": stamp(SystemClock.now()),
        "program_id": program, "exercise_id": EXERCISE, "sets": 3, "reps": 10, "pain": 2,
        "effort": 4, "duration_seconds": 600, "source": "self_reported",
    })
}

pub(crate) fn measured(program: &str, patient: &str) -> Value {
    json!({
        "id": fresh(), "type": "outcome.recorded", "occurred_at": stamp(SystemClock.now()),
        "program_id": program, "patient_id": patient, "instrument": "function", "score": 42,
    })
}

/// What a report came to: accepted, duplicates, and why each other was rejected, by id.
pub(crate) fn report(
    by: &Client,
    events: &[Value],
) -> Result<(u64, u64, BTreeMap<String, String>)> {
    let told = by.post("/v1/rehab/events", &json!({"events": events}))?.expect(202)?;
    let rejected = told["rejected"].as_array().context("rejected")?;
    let pairs = rejected.iter().map(|one| Ok((text(&one["id"])?, text(&one["code"])?)));
    let count = |name: &str| told[name].as_u64().with_context(|| format!("{name}: {told}"));
    Ok((count("accepted")?, count("duplicates")?, pairs.collect::<Result<_>>()?))
}

fn tag(answer: &crate::client::Answer) -> Option<&str> {
    let tag = answer.headers.iter().find(|(name, _)| name == "etag");
    tag.map(|(_, value)| value.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_assign_revise_pause_and_end_programmes_within_their_reach() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    // A specialist has no reach to a patient whom they do not treat yet.
    one.specialist.post("/v1/programs", &plan(&one))?.refused(404, "not_found")?;
    one.patient.post("/v1/programs", &plan(&one))?.refused(403, "forbidden")?;
    two.admin.post("/v1/programs", &plan(&one))?.refused(404, "not_found")?;
    let mut staff = plan(&one);
    staff["patient_id"] = json!(one.specialist_id);
    one.admin.post("/v1/programs", &staff)?.refused(404, "not_found")?;
    one.book(one.slots()?.first().context("a slot")?)?;
    let id = assign(&one.specialist, &one)?;
    let path = format!("/v1/programs/{id}");

    for who in [&one.patient, &one.specialist, &one.admin] {
        let seen = who.get(&path)?;
        assert_eq!(tag(&seen), Some("\"v1\""));
        assert_eq!(seen.expect(200)?["status"], "active");
    }
    let more = json!({"sessions_per_week": 7});
    let with = |seen: &str| {
        let headers = [("content-type", "application/json"), ("if-match", seen)];
        let body = Some(more.to_string().into_bytes());
        one.specialist.send_with("PATCH", &path, &headers, body)
    };
    with("\"v2\"")?.refused(412, "stale")?;
    let revised = with("\"v1\"")?;
    assert_eq!(tag(&revised), Some("\"v2\""));
    let revised = revised.expect(200)?;
    assert_eq!(
        (&revised["sessions_per_week"], &revised["exercises"][0]["sets"]),
        (&json!(7), &json!(3))
    );
    let post = |way: &str| one.admin.post(&format!("{path}/{way}"), &json!({}));
    assert_eq!(post("pause")?.expect(200)?["status"], "paused");
    post("pause")?.refused(409, "invalid_transition")?;
    assert_eq!(post("resume")?.expect(200)?["status"], "active");
    let ended = post("end")?.expect(200)?;
    assert_eq!(one.patient.get(&path)?.expect(200)?, ended, "answered as it is kept");
    post("resume")?.refused(409, "invalid_transition")?;
    one.admin.patch(&path, &more)?.refused(409, "invalid_transition")?;
    for way in ["", "/pause", "/resume", "/end"] {
        let method = if way.is_empty() { "PATCH" } else { "POST" };
        let body = || (method == "PATCH").then(|| more.to_string().into_bytes());
        let path = format!("{path}{way}");
        one.patient.send(method, &path, body())?.refused(403, "forbidden")?;
        two.admin.send(method, &path, body())?.refused(404, "not_found")?;
    }
    two.admin.get(&path)?.refused(404, "not_found")?;

    for _ in 0..2 {
        assign(&one.admin, &one)?;
    }
    let first = one.patient.get("/v1/programs?limit=2&status=active")?.expect(200)?;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(first["next_cursor"], Value::Null);
    let first = one.patient.get("/v1/programs?limit=2")?.expect(200)?;
    let next = format!("/v1/programs?limit=2&cursor={}", text(&first["next_cursor"])?);
    assert_eq!(one.patient.get(&next)?.expect(200)?["items"].as_array().map(Vec::len), Some(1));
    let theirs =
        two.admin.get(&format!("/v1/programs?patient_id={}", one.patient_id))?.expect(200)?;
    assert_eq!(theirs["items"], json!([]));

    let lines = one.admin.get(&format!("/v1/audit-events?resource=program/{id}"))?.expect(200)?;
    let lines = lines["items"].as_array().context("items")?.iter();
    let changes: Vec<_> = lines
        .filter(|line| line["outcome"] == "success" && line["action"] != "programs.get")
        .map(|line| line["action"].as_str().unwrap_or_default())
        .collect();
    let steps = ["programs.end", "programs.resume", "programs.pause", "programs.revise"];
    assert!(
        changes.starts_with(&steps) && changes.last() == Some(&"programs.assign"),
        "{changes:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programme_that_cannot_be_is_refused_by_place() -> Result<()> {
    let stack = Stack::start().await?;
    let one = stack.clinic("one")?;
    let exercise =
        |n: u32| json!({"id": format!("0198c6f0-7e6b-7c3a-9f5e-{n:012}"), "sets": 1, "reps": 1});
    let with = |name: &str, value: Value| {
        let mut body = plan(&one);
        body[name] = value;
        one.admin.post("/v1/programs", &body)
    };
    let cases = [
        ("exercises", json!([]), "/exercises", "required"),
        ("exercises", (0..51).map(exercise).collect(), "/exercises", "too_many"),
        ("exercises", json!([exercise(1), exercise(1)]), "/exercises", "repeated"),
        (
            "exercises",
            json!([{"id": EXERCISE, "sets": 101, "reps": 1}]),
            "/exercises/0/sets",
            "out_of_range",
        ),
        (
            "exercises",
            json!([{"id": EXERCISE, "sets": 1, "reps": 0}]),
            "/exercises/0/reps",
            "out_of_range",
        ),
        ("sessions_per_week", json!(22), "/sessions_per_week", "out_of_range"),
        ("starts_on", json!("2026-02-30"), "/starts_on", "invalid"),
    ];
    for (name, value, pointer, code) in cases {
        let refused = with(name, value)?;
        refused.refused(422, "invalid")?;
        assert_eq!(refused.body["errors"], json!([{"pointer": pointer, "code": code}]));
    }
    let whole = (0..50).map(exercise).collect();
    assert_eq!(
        with("exercises", whole)?.expect(201)?["exercises"].as_array().map(Vec::len),
        Some(50)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_once_and_bad_ones_do_not_spoil_the_rest() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let (id, foreign) = (assign(&one.admin, &one)?, assign(&two.admin, &two)?);
    let change = |name: &str, value: Value| {
        let mut event = done(&id);
        event[name] = value;
        event
    };
    let now = SystemClock.now();
    let bad = [
        (change("pain", json!(11)), "out_of_range"),
        (change("sets", json!(0)), "out_of_range"),
        (change("duration_seconds", json!(-1)), "out_of_range"),
        (change("reps", Value::Null), "required"),
        (change("score", json!(1)), "unexpected_field"),
        (change("exercise_id", json!(NOBODYS)), "unknown_exercise"),
        (change("program_id", json!(NOBODYS)), "unknown_program"),
        (change("program_id", json!(foreign)), "unknown_program"),
        (change("patient_id", json!(two.patient_id)), "not_yours"),
        (change("occurred_at", json!(stamp(now + TimeDelta::minutes(6)))), "in_future"),
        (change("occurred_at", json!(stamp(now - TimeDelta::days(91)))), "too_old"),
        (measured(&id, &one.patient_id), "not_yours"),
    ];
    let good = [done(&id), change("occurred_at", json!(stamp(now - TimeDelta::days(89))))];
    let mut all: Vec<_> = bad.iter().map(|(event, _)| event.clone()).collect();
    all.extend([good[0].clone(), good[1].clone(), good[0].clone()]);
    let why = bad.iter().map(|(event, code)| Ok((text(&event["id"])?, (*code).to_owned())));
    let why: BTreeMap<_, _> = why.collect::<Result<_>>()?;
    assert_eq!(report(&one.patient, &all)?, (2, 1, why.clone()));
    assert_eq!(report(&one.patient, &all)?, (0, 3, why), "sent again");

    // Staff measure what patients do; a specialist those whom they treat.
    let outcome = measured(&id, &one.patient_id);
    let (_, _, why) = report(&one.specialist, std::slice::from_ref(&outcome))?;
    assert_eq!(why.values().collect::<Vec<_>>(), ["unknown_program"]);
    one.book(one.slots()?.first().context("a slot")?)?;
    let mine = [outcome, done(&id), measured(&foreign, &two.patient_id), measured(&id, NOBODYS)];
    let (accepted, duplicates, why) = report(&one.specialist, &mine)?;
    assert_eq!((accepted, duplicates), (1, 0));
    let code = |event: &Value| Ok::<_, anyhow::Error>(why.get(&text(&event["id"])?).cloned());
    assert_eq!(code(&mine[1])?.as_deref(), Some("not_yours"));
    assert_eq!(code(&mine[2])?.as_deref(), Some("unknown_program"));
    assert_eq!(code(&mine[3])?.as_deref(), Some("not_yours"));

    // The whole body is refused as a whole, and nothing of it is kept.
    let send = |events: Value| one.patient.post("/v1/rehab/events", &json!({"events": events}));
    let many: Vec<_> = (0..501).map(|_| done(&id)).collect();
    let refused = send(json!(many))?;
    refused.refused(422, "invalid")?;
    assert_eq!(refused.body["errors"][0], json!({"pointer": "/events", "code": "too_many"}));
    send(json!([]))?.refused(422, "invalid")?;
    send(json!([change("type", json!("program.assigned"))]))?.refused(422, "invalid")?;
    send(json!([change("note", json!("free text"))]))?.refused(422, "unknown_field")?;
    assert_eq!(report(&one.patient, &many[..500])?, (500, 0, BTreeMap::new()));
    assert_eq!(report(&one.patient, &many[1..])?, (1, 499, BTreeMap::new()));

    let path = "/v1/audit-events?action=rehab.report";
    let lines = one.admin.get(path)?.expect(200)?;
    let about = |line: &&Value| {
        line["outcome"] == "success" && line["patient_id"] == one.patient_id.as_str()
    };
    let known = lines["items"].as_array().context("items")?.iter().filter(about).count();
    assert_eq!(known, 5, "a line for each report that named the patient: {lines}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_programmes_reaches_the_clinics_own_systems() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let one = stack.clinic("one")?;
    listen(&receiver, &one, "one", &["program.*", "exercise.*", "outcome.*"])?;
    let id = assign(&one.admin, &one)?;
    let path = format!("/v1/programs/{id}");
    one.admin.patch(&path, &json!({"sessions_per_week": 3}))?.expect(200)?;
    for way in ["pause", "resume"] {
        one.admin.post(&format!("{path}/{way}"), &json!({}))?.expect(200)?;
    }
    let told = [done(&id), done(&id)];
    report(&one.patient, &told)?;
    report(&one.patient, &told)?;
    report(&one.admin, &[measured(&id, &one.patient_id)])?;
    one.admin.post(&format!("{path}/end"), &json!({}))?.expect(200)?;

    let expected = BTreeMap::from([
        ("program.assigned", 1),
        ("program.revised", 1),
        ("program.paused", 1),
        ("program.resumed", 1),
        ("program.ended", 1),
        ("exercise.completed", 2),
        ("outcome.recorded", 1),
    ]);
    let heard = || {
        // A delivery may come twice; its id does not change.
        let told = receiver.deliveries("one").into_iter().filter(|one| one.verified == Some(true));
        let bodies: BTreeMap<_, _> =
            told.map(|one| (one.body["id"].to_string(), one.body)).collect();
        bodies
            .into_values()
            .filter(|body| body["type"] != "endpoint.verification")
            .collect::<Vec<_>>()
    };
    wait_for("every event to arrive", Duration::from_secs(60), || {
        Ok((heard().len() >= expected.values().sum::<usize>()).then_some(()))
    })?;
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for body in heard() {
        ensure!(body["data"]["id"] == id.as_str(), "{body}");
        ensure!(!body.to_string().contains(&one.patient_id), "a patient's id left: {body}");
        if body["type"] == "outcome.recorded" {
            assert_eq!(body["data"]["instrument"], "function");
        }
        *counted.entry(text(&body["type"])?).or_default() += 1;
    }
    // The Telemetry service is told the same, once each, under the patient's pseudonym alone.
    let wanted: usize = expected.values().sum();
    let told = wait_for("every event to be told", Duration::from_secs(60), || {
        let told = events(&stack, "rehab");
        Ok((told.len() >= wanted).then_some(told))
    })?;
    let mut of_telemetry: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &told {
        *of_telemetry.entry(event["type"].as_str().unwrap_or_default()).or_default() += 1;
        ensure!(event["actor"]["hash"] == told[0]["actor"]["hash"], "another patient: {event}");
        ensure!(!event.to_string().contains(&one.patient_id), "a patient's id left: {event}");
    }
    assert_eq!(of_telemetry, expected);
    let expected = expected.into_iter().map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counted, expected.collect::<BTreeMap<_, _>>());
    Ok(())
}
