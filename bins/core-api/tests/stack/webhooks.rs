//! What happens in a clinic arrives where the clinic wants it, signed, and nowhere else.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_kernel::Secret;
use restartix_sandbox::receiver::{Options, Receiver};
use serde_json::{Value, json};

use crate::client::{Client, wait_for};
use crate::once::keyed;
use crate::support::{Clinic, Stack, text};
use crate::telemetry::all_arrived;

const PATIENCE: Duration = Duration::from_secs(60);

/// Adds an endpoint, tells the receiver its secret, and waits until it is enabled; answers its id.
pub(crate) fn listen(
    receiver: &Receiver,
    clinic: &Clinic,
    name: &str,
    types: &[&str],
) -> Result<String> {
    let body = json!({"url": receiver.hook(name), "event_types": types});
    let told = clinic.admin.post("/v1/webhook-endpoints", &body)?.expect(201)?;
    let id = text(&told["id"])?;
    ensure!(told["status"] == "pending_verification", "{told}");
    receiver.tell(name, &[Secret::from(text(&told["secret"])?)])?;
    standing(&clinic.admin, &id, "enabled")?;
    Ok(id)
}

fn standing(admin: &Client, id: &str, status: &str) -> Result<Value> {
    wait_for(&format!("{id} to be {status}"), PATIENCE, || {
        let told = admin.get(&format!("/v1/webhook-endpoints/{id}"))?.expect(200)?;
        Ok((told["status"] == status).then_some(told))
    })
}

/// The appointments of which a receiver heard that they were booked, and only what was verified.
fn booked(receiver: &Receiver, name: &str) -> BTreeSet<i64> {
    receiver
        .deliveries(name)
        .iter()
        .filter(|one| one.verified == Some(true))
        .map(|one| one.body.clone())
        .filter(|body| body["type"] == "appointment.created")
        .filter_map(|body| body["data"]["id"].as_i64())
        .collect()
}

pub(crate) fn wait_booked(
    receiver: &Receiver,
    name: &str,
    ids: &[i64],
    patience: Duration,
) -> Result<()> {
    let wanted: BTreeSet<_> = ids.iter().copied().collect();
    wait_for("every booking to arrive", patience, || {
        Ok((booked(receiver, name) == wanted).then_some(()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_arrives_signed_in_order_without_anybodys_name_and_at_one_clinic_alone()
-> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let id = listen(&receiver, &one, "one", &["*"])?;
    listen(&receiver, &two, "two", &["*"])?;
    let slots = one.slots()?;
    let ids = [one.book(&slots[0])?, one.book(&slots[2])?];
    wait_booked(&receiver, "one", &ids, PATIENCE)?;
    assert!(booked(&receiver, "two").is_empty());

    let feed = one.admin.get("/v1/webhook-events?after_seq=0")?.expect(200)?;
    let items = feed["items"].as_array().context("items")?;
    let places: Vec<_> = items.iter().filter_map(|event| event["seq"].as_i64()).collect();
    let counted: Vec<_> = (1..).take(places.len()).collect();
    assert_eq!(places, counted, "seq has gaps");
    for told in receiver.deliveries("one") {
        for name in ["patient the", "one-patient", &one.patient_id, &one.specialist_id] {
            let body = told.body.to_string();
            ensure!(!body.contains(name), "{name} left: {body}");
        }
    }
    // Every id of the one clinic is unknown to the other.
    let path = format!("/v1/webhook-endpoints/{id}");
    two.admin.get(&path)?.refused(404, "not_found")?;
    two.admin.post(&format!("{path}/test"), &json!({}))?.refused(404, "not_found")?;
    let list = one.admin.get(&format!("/v1/webhook-deliveries?endpoint_id={id}"))?.expect(200)?;
    let delivery = text(&list["items"][0]["id"])?;
    for way in ["attempts", "resend"] {
        let path = format!("/v1/webhook-deliveries/{delivery}/{way}");
        let method = if way == "attempts" { "GET" } else { "POST" };
        two.admin.send(method, &path, None)?.refused(404, "not_found")?;
    }
    one.patient.get("/v1/webhook-endpoints")?.refused(403, "forbidden")?;
    let shown = one.admin.get(&path)?;
    ensure!(!shown.text.contains("whsec_"), "a secret was listed: {}", shown.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_booked_while_the_receiver_was_away_arrives_within_a_minute_of_its_return()
-> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    let id = listen(&receiver, &clinic, "one", &["appointment.*"])?;
    let slots = clinic.slots()?;
    receiver.stop().await?;
    let ids: Vec<_> = [0, 2, 4].iter().map(|n| clinic.book(&slots[*n])).collect::<Result<_>>()?;
    let path = format!("/v1/webhook-deliveries?endpoint_id={id}&status=waiting");
    wait_for("two attempts", PATIENCE, || {
        let told = clinic.admin.get(&path)?.expect(200)?;
        let items = told["items"].as_array().context("items")?.clone();
        let tried = items.iter().any(|one| one["attempts"].as_i64() >= Some(1));
        Ok((items.len() == 3 && tried).then_some(()))
    })?;
    receiver.restart().await?;
    wait_booked(&receiver, "one", &ids, PATIENCE)?;
    all_arrived(&stack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_sends_loses_nothing() -> Result<()> {
    let mut stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    listen(&receiver, &clinic, "one", &["appointment.created"])?;
    let slots = clinic.slots()?;
    receiver.switch("one", |switches| switches.delay_ms = 3000);
    let ids: Vec<_> = [0, 2, 4].iter().map(|n| clinic.book(&slots[*n])).collect::<Result<_>>()?;
    wait_for("something under way", PATIENCE, || {
        Ok(receiver.journal().iter().any(|entry| entry.path.ends_with("/one")).then_some(()))
    })?;
    stack.kill();
    receiver.switch("one", |switches| switches.delay_ms = 0);
    stack.serve()?;
    wait_booked(&receiver, "one", &ids, PATIENCE * 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed_and_410_ends_it() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    let id = listen(&receiver, &clinic, "one", &["appointment.*"])?;
    let (slots, elsewhere) = (clinic.slots()?, receiver.hook("elsewhere"));
    receiver.switch("one", |switches| {
        switches.status = 302;
        switches.location = Some(elsewhere);
    });
    clinic.book(&slots[0])?;
    let path = format!("/v1/webhook-deliveries?endpoint_id={id}&event_type=appointment.created");
    let delivery = wait_for("an attempt", PATIENCE, || {
        let told = clinic.admin.get(&path)?.expect(200)?;
        let tried = told["items"][0]["attempts"].as_i64() >= Some(1);
        Ok(tried.then(|| told["items"][0]["id"].clone()))
    })?;
    let path = format!("/v1/webhook-deliveries/{}/attempts", text(&delivery)?);
    let told = clinic.admin.get(&path)?.expect(200)?;
    assert_eq!(
        (&told["items"][0]["status"], &told["items"][0]["code"]),
        (&json!(302), &json!("redirected"))
    );
    assert!(receiver.deliveries("elsewhere").is_empty());
    receiver.switch("one", |switches| switches.status = 410);
    let told = standing(&clinic.admin, &id, "disabled")?;
    assert_eq!(told["disabled_reason"], "gone");
    clinic
        .admin
        .post(&format!("/v1/webhook-endpoints/{id}/test"), &json!({}))?
        .refused(409, "endpoint_not_ready")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tells_everything_once_more_and_a_resend_one_thing() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    let id = listen(&receiver, &clinic, "one", &["appointment.*"])?;
    let slots = clinic.slots()?;
    let ids = [clinic.book(&slots[0])?, clinic.book(&slots[2])?];
    wait_booked(&receiver, "one", &ids, PATIENCE)?;
    let times = |wanted: usize| {
        wait_for(&format!("{wanted} deliveries of bookings"), PATIENCE, || {
            let told = receiver.deliveries("one");
            let booked = told.iter().filter(|one| one.body["type"] == "appointment.created");
            Ok((booked.count() == wanted).then_some(()))
        })
    };
    let path = format!("/v1/webhook-endpoints/{id}/replay");
    // Asked for again under the same key, it is the same replay.
    let ask = || keyed(&clinic.admin, &path, "a-replay", &json!({"from_seq": 1}))?.expect(201);
    let job = ask()?;
    assert_eq!(ask()?, job);
    let job = format!("/v1/webhook-jobs/{}", text(&job["id"])?);
    let done = wait_for("the replay", PATIENCE, || {
        let told = clinic.admin.get(&job)?.expect(200)?;
        Ok((told["status"] == "done").then_some(told))
    })?;
    ensure!(done["passed"] == done["total"] && done["queued"] == 2, "{done}");
    times(4)?;
    clinic.admin.post(&path, &json!({"from_seq": 0}))?.refused(422, "invalid")?;
    let nothing =
        clinic.admin.post(&path, &json!({"since": "2199-01-01T00:00:00Z"}))?.expect(201)?;
    ensure!(nothing["status"] == "done" && nothing["total"] == 0, "{nothing}");

    let list = format!("/v1/webhook-deliveries?endpoint_id={id}&status=delivered");
    let list = clinic.admin.get(&list)?.expect(200)?;
    let items = list["items"].as_array().context("items")?;
    let one = items.iter().find(|one| one["event_type"] == "appointment.created");
    let path = format!("/v1/webhook-deliveries/{}", text(&one.context("a delivery")?["id"])?);
    let again = clinic.admin.send("POST", &format!("{path}/resend"), None)?.expect(200)?;
    ensure!(again["status"] == "waiting" && again["attempts"] == 0, "{again}");
    times(5)?;
    wait_for("three attempts", PATIENCE, || {
        let told = clinic.admin.get(&format!("{path}/attempts"))?.expect(200)?;
        Ok((told["items"].as_array().map(Vec::len) == Some(3)).then_some(()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_ones_own_go_along_and_are_never_shown() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    let id = listen(&receiver, &clinic, "one", &["appointment.*"])?;
    let path = format!("/v1/webhook-endpoints/{id}");
    let own = json!({"headers": {"Authorization": "Bearer of-theirs", "X-Make": "k"}, "rate_per_minute": 600});
    let told = clinic.admin.patch(&path, &own)?.expect(200)?;
    ensure!(told["custom_headers"] == 2 && told["rate_per_minute"] == 600, "{told}");
    clinic.admin.post(&format!("{path}/test"), &json!({}))?.expect(200)?;
    let sent = wait_for("the test", PATIENCE, || {
        let told = receiver.deliveries("one");
        Ok(told
            .iter()
            .find(|one| one.body["type"] == "endpoint.test")
            .map(|one| one.header_values.clone()))
    })?;
    let header = |name: &str| sent.get(name).map(String::as_str);
    ensure!(header("authorization") == Some("Bearer of-theirs"), "{sent:?}");
    ensure!(header("x-make") == Some("k"), "{sent:?}");
    let shown = clinic.admin.get(&path)?;
    ensure!(!shown.text.contains("of-theirs"), "a header was shown: {}", shown.text);
    for bad in [json!({"Host": "x"}), json!({"webhook-id": "x"}), json!({"X-A": "a\r\nb: c"})] {
        clinic.admin.patch(&path, &json!({"headers": bad}))?.refused(422, "invalid")?;
    }
    let none = json!({"headers": {}, "rate_per_minute": null});
    let told = clinic.admin.patch(&path, &none)?.expect(200)?;
    ensure!(told["custom_headers"] == 0 && told["rate_per_minute"].is_null(), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_served_and_members_are_told_of() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    listen(&receiver, &clinic, "one", &["member.*"])?;
    let types = clinic.admin.get("/v1/webhook-event-types")?.expect(200)?;
    let types = types["items"].as_array().context("items")?;
    ensure!(types.len() == 29, "{} types", types.len());
    for kind in types {
        let schema = &kind["schema"];
        ensure!(schema["additionalProperties"] == false, "{kind}");
        ensure!(schema["properties"]["data"]["additionalProperties"] == false, "{kind}");
    }
    let body = json!({"display_name": "Ana Pop", "timezone": "UTC"});
    let person = clinic.admin.post("/v1/people", &body)?.expect(201)?;
    let body = json!({"person_id": person["id"], "subject": "ana", "role": "patient"});
    let member = clinic.admin.post("/v1/memberships", &body)?.expect(201)?;
    let path = format!("/v1/memberships/{}", text(&member["id"])?);
    ensure!(clinic.admin.send("DELETE", &path, None)?.status == 204);
    for kind in ["member.added", "member.removed"] {
        wait_for(kind, PATIENCE, || {
            let told = receiver.deliveries("one");
            let about = |one: &&restartix_sandbox::receiver::Delivery| {
                one.body["type"] == kind && one.body["data"]["id"] == member["id"]
            };
            Ok(told.iter().find(about).map(|_| ()))
        })?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_are_sent_now_and_then_and_nothing_else_waits_for_it() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let id = listen(&receiver, &one, "one", &["appointment.*"])?;
    let other = listen(&receiver, &two, "two", &["appointment.*"])?;
    let test = |clinic: &Clinic, id: &str| {
        clinic.admin.post(&format!("/v1/webhook-endpoints/{id}/test"), &json!({}))
    };
    let mut sent = 0;
    let limited = loop {
        let answer = test(&one, &id)?;
        if answer.status != 200 {
            break answer;
        }
        sent += 1;
        ensure!(sent < 100, "no limit at all");
    };
    limited.refused(429, "rate_limited")?;
    ensure!(sent >= 10, "a burst of {sent}");
    let wait = limited.headers.iter().find(|(name, _)| name == "retry-after");
    let wait = wait.and_then(|(_, value)| value.parse::<u64>().ok());
    ensure!(wait.is_some_and(|seconds| (1..=10).contains(&seconds)), "{limited:?}");
    // The other clinic's tests, and what else this one does, have buckets of their own.
    test(&two, &other)?.expect(200)?;
    let path = format!("/v1/webhook-endpoints/{id}");
    one.admin.patch(&path, &json!({"rate_per_minute": 600}))?.expect(200)?;
    wait_for("what passed to arrive", PATIENCE, || {
        let told = receiver.deliveries("one");
        let tests = told.iter().filter(|one| one.body["type"] == "endpoint.test").count();
        Ok((tests == sent).then_some(()))
    })
}
