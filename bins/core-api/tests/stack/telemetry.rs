//! What the audit knows arrives at the Telemetry service: all of it, once, and nobody's name.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use restartix_kernel::{Clock, SystemClock};
use restartix_testkit::{TestDatabase, sql};
use serde_json::Value;

use crate::booking::token;
use crate::client::wait_for;
use crate::outage::{state_of, wait_until};
use crate::rehab::{assign, done, measured, report};
use crate::support::{Clinic, Stack};

/// Within this of the service's return everything must be there.
const LIMIT: Duration = Duration::from_secs(60);

/// Every line of the audit: its organisation and its id.
async fn audited(database: &TestDatabase) -> Result<BTreeSet<(i64, String)>> {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        org_id: i64,
        #[diesel(sql_type = diesel::sql_types::Text)]
        id: String,
    }
    let mut connection = database.superuser().await?;
    let lines: Vec<Line> = diesel::sql_query("SELECT org_id, id::text AS id FROM audit_events")
        .load(&mut connection)
        .await?;
    Ok(lines.into_iter().map(|line| (line.org_id, line.id)).collect())
}

/// What the service has of this kind, as it came.
pub(crate) fn events(stack: &Stack, kind: &str) -> Vec<Value> {
    let events = stack.telemetry.events().into_iter().map(|one| one.event);
    events.filter(|event| event["kind"] == kind).collect()
}

/// Waits until the service has every line of the audit, and looks that it has each once.
pub(crate) async fn all_arrived(stack: &Stack) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let wanted = audited(&stack.database).await?;
        let found = events(stack, "audit");
        let ids = found.iter().map(|event| {
            let id = event["id"].as_str().unwrap_or_default().to_owned();
            (event["organization_id"].as_i64().unwrap_or_default(), id)
        });
        let arrived: BTreeSet<_> = ids.collect();
        ensure!(arrived.len() == found.len(), "a line arrived twice");
        if arrived == wanted {
            return Ok(());
        }
        let missing = wanted.difference(&arrived).count();
        ensure!(Instant::now() < deadline, "{missing} of {} lines are missing", wanted.len());
        SystemClock.sleep(Duration::from_millis(100)).await;
    }
}

/// The appointments of which the service was told that they were booked.
fn booked(stack: &Stack) -> BTreeSet<i64> {
    let told = events(stack, "analytics").into_iter();
    let told = told.filter(|event| event["type"] == "appointment.created");
    told.filter_map(|event| event["data"]["appointment_id"].as_i64()).collect()
}

fn book(clinic: &Clinic, slots: &[usize]) -> Result<BTreeSet<i64>> {
    let offered = clinic.slots()?;
    slots.iter().map(|n| clinic.book(&offered[*n])).collect()
}

/// The value of a metric without labels.
fn metric(stack: &Stack, name: &str) -> Result<Option<f64>> {
    let text = stack.anybody().get("/metrics")?.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.map(str::parse).transpose()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_service_stopped_bookings_go_on_and_all_of_it_arrives_within_a_minute_of_its_return()
-> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    stack.telemetry.stop().await?;
    let ids: BTreeSet<_> =
        book(&one, &[0, 2, 4])?.into_iter().chain(book(&two, &[0, 2])?).collect();
    for id in &ids {
        let clinic = [&one, &two].into_iter().find(|clinic| {
            clinic.patient.get(&format!("/v1/appointments/{id}")).is_ok_and(|a| a.status == 200)
        });
        token(&clinic.context("somebody's")?.patient, *id, LIMIT)?;
    }
    one.patient.get("/v1/appointments/1")?.refused(404, "not_found")?;
    wait_until(&stack, "telemetry", "degraded")?;
    ensure!(state_of(&stack, "telemetry")?.1 != "ok");
    wait_for("the backlog to show", LIMIT, || {
        let events = metric(&stack, "telemetry_backlog_events")?.unwrap_or_default();
        let age = metric(&stack, "telemetry_backlog_age_seconds")?.unwrap_or_default();
        Ok((events >= 10.0 && age > 0.0).then_some(()))
    })?;
    stack.telemetry.restart().await?;
    all_arrived(&stack).await?;
    wait_until(&stack, "telemetry", "ready")?;

    wait_for("every booking to arrive", LIMIT, || Ok((booked(&stack) == ids).then_some(())))?;
    let audit = events(&stack, "audit");
    ensure!(audit.iter().any(|event| event["outcome"] == "refused"), "no refusal arrived");
    ensure!(audit.iter().any(|event| event["actor"]["kind"] == "system"), "no worker's line");
    let organisations: BTreeSet<_> =
        audit.iter().filter_map(|event| event["organization_id"].as_i64()).collect();
    assert_eq!(organisations, BTreeSet::from([1, 2]));
    let mut hashes = BTreeSet::new();
    for event in events(&stack, "analytics") {
        let hash = event["actor"]["hash"].as_str().with_context(|| event.to_string())?;
        hashes.insert((event["organization_id"].to_string(), hash.to_owned()));
        for id in [&one.patient_id, &one.specialist_id, &two.patient_id, &two.admin_id] {
            ensure!(!event.to_string().contains(id.as_str()), "an id of somebody left: {event}");
        }
    }
    assert_eq!(hashes.len(), 2, "one patient of each clinic booked: {hashes:?}");
    for received in stack.telemetry.events() {
        for name in [" the ", "one-patient", "two-admin", "Consultation", "Bucharest"] {
            ensure!(!received.event.to_string().contains(name), "{name} left: {}", received.event);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_and_failures_give_no_duplicate() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    all_arrived(&stack).await?;
    stack.telemetry.switch(|switches| {
        switches.faults.lose_answer_after_commit = 2;
        switches.faults.status_5xx = 1;
    });
    let ids = book(&clinic, &[0, 2])?;
    all_arrived(&stack).await?;
    wait_for("every booking to arrive", LIMIT, || Ok((booked(&stack) == ids).then_some(())))?;
    let told = events(&stack, "analytics");
    let of_bookings = told.iter().filter(|event| event["type"] == "appointment.created");
    assert_eq!(of_bookings.count(), 2);
    ensure!(stack.telemetry.journal().iter().any(|entry| entry.answer_lost), "no answer was lost");
    wait_for("a batch to come again", LIMIT, || {
        Ok((stack.telemetry.summary().duplicate_batches >= 1).then_some(()))
    })?;
    all_arrived(&stack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_sends_loses_and_doubles_nothing() -> Result<()> {
    let mut stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    all_arrived(&stack).await?;
    let before = stack.telemetry.journal().len();
    stack.telemetry.switch(|switches| switches.delay_ms = 2000);
    let ids = book(&clinic, &[0, 2, 4])?;
    wait_for("something under way", LIMIT, || {
        Ok((stack.telemetry.journal().len() > before).then_some(()))
    })?;
    stack.kill();
    stack.telemetry.switch(|switches| switches.delay_ms = 0);
    stack.serve()?;
    all_arrived(&stack).await?;
    wait_for("every booking to arrive", LIMIT, || Ok((booked(&stack) == ids).then_some(())))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_service_will_never_take_is_put_aside_and_the_rest_goes_on() -> Result<()>
{
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    stack.telemetry.switch(|s| s.refuse_types.push("appointment.created".to_owned()));
    let ids = book(&clinic, &[0, 2])?;
    let cancel = ids.first().context("a booking")?;
    clinic.cancel(*cancel)?;
    all_arrived(&stack).await?;
    wait_for("two events aside", LIMIT, || {
        let aside = metric(&stack, "telemetry_quarantined_events")?;
        Ok((aside == Some(2.0)).then_some(()))
    })?;
    wait_for("what came after it", LIMIT, || {
        let told = events(&stack, "analytics");
        Ok(told.iter().any(|event| event["type"] == "appointment.cancelled").then_some(()))
    })?;
    ensure!(booked(&stack).is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programme_is_told_under_its_patients_pseudonym_and_a_report_once() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let booking = book(&clinic, &[0])?;
    let program = assign(&clinic.admin, &clinic)?;
    let exercise = done(&program);
    let accepted = |told: (u64, u64, _)| (told.0, told.1);
    assert_eq!(accepted(report(&clinic.patient, std::slice::from_ref(&exercise))?), (1, 0));
    assert_eq!(accepted(report(&clinic.patient, std::slice::from_ref(&exercise))?), (0, 1));
    report(&clinic.admin, &[measured(&program, &clinic.patient_id)])?;
    let types = |events: &[Value]| -> Vec<String> {
        let types = events.iter().filter_map(|event| event["type"].as_str());
        types.map(str::to_owned).collect()
    };
    let told = wait_for("what happened to the programme", LIMIT, || {
        let told = events(&stack, "rehab");
        Ok((told.len() >= 3 && booked(&stack) == booking).then_some(told))
    })?;
    all_arrived(&stack).await?;
    let expected = ["program.assigned", "exercise.completed", "outcome.recorded"];
    assert_eq!(types(&told), expected);
    let hashes: BTreeSet<_> = told
        .iter()
        .chain(&events(&stack, "analytics"))
        .map(|event| event["actor"]["hash"].to_string())
        .collect();
    assert_eq!(hashes.len(), 1, "the patient booked, and it is their programme: {hashes:?}");
    for event in told {
        ensure!(event["data"]["program_id"] == program.as_str(), "{event}");
        ensure!(!event.to_string().contains(&clinic.patient_id), "an id of somebody left: {event}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_without_a_word_is_found_by_halves_and_may_be_sent_again() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    all_arrived(&stack).await?;
    stack.telemetry.switch(|switches| switches.faults.outage = true);
    let ids = book(&clinic, &[0, 2, 4])?;
    let one = ids.first().context("a booking")?;
    let line = &clinic.admin.get(&format!("/v1/audit-events?resource=appointment/{one}"))?;
    let poison = line.body["items"][0]["id"].as_str().context("a line")?.to_owned();
    stack.telemetry.switch(|switches| {
        switches.refuse_unnamed.push(poison.clone());
        switches.faults.outage = false;
    });
    wait_for("the one event to be put aside", LIMIT, || {
        Ok((metric(&stack, "telemetry_quarantined_events")? == Some(1.0)).then_some(()))
    })?;
    wait_for("the alarm", LIMIT, || {
        let raised = metric(&stack, r#"telemetry_alarm{reason="quarantined"}"#)?;
        Ok((raised == Some(1.0)).then_some(()))
    })?;
    wait_for("every booking to arrive", LIMIT, || Ok((booked(&stack) == ids).then_some(())))?;
    let arrived = |id: &str| events(&stack, "audit").iter().any(|event| event["id"] == id);
    ensure!(!arrived(&poison), "it was taken");
    stack.telemetry.switch(|switches| switches.refuse_unnamed.clear());
    let told = stack.operator(&["telemetry", "requeue", "--reason", "other"])?;
    assert_eq!(told, r#"{"waiting":1}"#);
    all_arrived(&stack).await?;
    ensure!(arrived(&poison));
    Ok(())
}

/// Lets the hours be compared that are not over yet.
async fn compare_now(stack: &Stack) -> Result<()> {
    sql(&stack.database, "UPDATE telemetry_hours SET due_at = now() WHERE state = 'open'").await
}

/// How many hours are in this state.
async fn hours(stack: &Stack, state: &str) -> Result<i64> {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let mut connection = stack.database.superuser().await?;
    let query = format!("SELECT count(*) AS n FROM telemetry_hours WHERE state = '{state}'");
    Ok(diesel::sql_query(query).get_result::<Count>(&mut connection).await?.n)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_does_not_have_is_found_by_its_hour_and_told_again() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    book(&clinic, &[0, 2])?;
    all_arrived(&stack).await?;
    // Lines of which the queue never knew, as those from before there was one.
    stack.telemetry.switch(|switches| switches.faults.outage = true);
    let ids = book(&clinic, &[4])?;
    sql(&stack.database, "DELETE FROM telemetry_events WHERE kind = 'audit'").await?;
    stack.telemetry.switch(|switches| switches.faults.outage = false);
    let deadline = Instant::now() + LIMIT;
    loop {
        compare_now(&stack).await?;
        if hours(&stack, "open").await? == 0 && hours(&stack, "agreed").await? > 0 {
            break;
        }
        ensure!(Instant::now() < deadline, "both sides do not agree");
        SystemClock.sleep(Duration::from_millis(500)).await;
    }
    all_arrived(&stack).await?;
    let id = ids.first().context("a booking")?.to_string();
    let told = events(&stack, "audit");
    ensure!(told.iter().any(|event| event["resource"]["id"] == id.as_str()), "the booking's line");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_in_their_file_and_an_old_one_is_destroyed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("keys");
    std::fs::write(&file, format!("1:{}=\n", "B".repeat(42) + "A"))?;
    let mut stack = Stack::start().await?;
    stack.set("CORE_TELEMETRY__PSEUDONYM_KEYS_FILE", file.to_str().context("a path")?);
    let clinic = stack.clinic("one")?;
    book(&clinic, &[0])?;
    all_arrived(&stack).await?;
    let rotate = |stack: &Stack, more: &[&str]| {
        stack.operator(&[&["telemetry", "rotate-key"], more].concat())
    };
    assert_eq!(rotate(&stack, &[])?, r#"{"epoch":2,"held":[1,2]}"#);
    ensure!(rotate(&stack, &["--destroy", "2"]).is_err(), "the latest was destroyed");
    stack.kill();
    stack.serve()?;
    book(&clinic, &[2])?;
    let told = wait_for("both bookings", LIMIT, || {
        let told = events(&stack, "analytics");
        Ok((told.len() >= 2).then_some(told))
    })?;
    let epochs: BTreeSet<_> =
        told.iter().filter_map(|event| event["actor"]["key_epoch"].as_u64()).collect();
    assert_eq!(epochs, BTreeSet::from([1, 2]));
    let hashes: BTreeSet<_> = told.iter().map(|event| event["actor"]["hash"].to_string()).collect();
    assert_eq!(hashes.len(), 2, "one patient, not to be linked across epochs");
    assert_eq!(rotate(&stack, &["--destroy", "1"])?, r#"{"epoch":1,"held":[2]}"#);
    let kept = std::fs::read_to_string(&file)?;
    ensure!(kept.starts_with("2:") && !kept.contains("1:BB"), "the old key is still there");
    stack.kill();
    stack.serve()?;
    book(&clinic, &[4])?;
    all_arrived(&stack).await
}
