//! What the video provider tells of rooms: believed when it is signed, heard once, in one clinic.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use restartix_kernel::{Clock, SystemClock};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::booking::{join, token};
use crate::client::{Answer, wait_for};
use crate::support::{Clinic, NOTICE_KEY, Stack};

const EVENTS: &str = "/v1/integrations/daily/events";
const PATIENCE: Duration = Duration::from_secs(20);

/// Posts `body` as Daily would, with `signature` in place of the right one where there is one.
fn post(stack: &Stack, body: &Value, forged: Option<&str>) -> Result<Answer> {
    post_at(stack, body, forged, &SystemClock.now().timestamp().to_string())
}

/// As [`post`], stamped so.
fn post_at(stack: &Stack, body: &Value, forged: Option<&str>, timestamp: &str) -> Result<Answer> {
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(NOTICE_KEY)?)?;
    mac.update(format!("{timestamp}.{body}").as_bytes());
    let right = STANDARD.encode(mac.finalize().into_bytes());
    let headers = [
        ("content-type", "application/json"),
        ("x-webhook-timestamp", timestamp),
        ("x-webhook-signature", forged.unwrap_or(&right)),
    ];
    stack.anybody().send_with("POST", EVENTS, &headers, Some(body.into_bytes()))
}

fn stay(room: &str, person: &str, id: &str, left: Option<u32>) -> Value {
    let (kind, joined_at) = ("participant.joined", SystemClock.now().timestamp() - 90);
    let kind = left.map_or(kind, |_| "participant.left");
    json!({
        "version": "1.0.0", "type": kind, "id": format!("{kind}-{id}"),
        "payload": {
            "room": room, "user_id": person, "session_id": id, "joined_at": joined_at,
            "duration": left,
        },
        "event_ts": joined_at,
    })
}

/// What the clinic's own systems are told of its rooms: type, part and seconds.
fn told(clinic: &Clinic) -> Result<Vec<(String, Value, Value)>> {
    let feed = clinic.admin.get("/v1/webhook-events?after_seq=0&limit=100")?.expect(200)?;
    let items = feed["items"].as_array().context("items")?.clone();
    let told = items.iter().filter_map(|event| {
        let kind = event["type"].as_str()?.strip_prefix("video.participant_")?;
        let data = &event["data"];
        Some((kind.to_owned(), data["role"].clone(), data["seconds"].clone()))
    });
    Ok(told.collect())
}

/// A booked appointment whose room is there; answers its id and the room's name.
fn visit(stack: &Stack, clinic: &Clinic) -> Result<(i64, String)> {
    let id = clinic.book(&clinic.slots()?[0])?;
    token(&clinic.patient, id, PATIENCE)?;
    let ending = format!("-{id}");
    let name = stack.daily.room_names().into_iter().find(|name| name.ends_with(&ending));
    Ok((id, name.context("a room")?))
}

async fn rows(stack: &Stack, table: &str, organisation: i64) -> Result<i64> {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    let mut connection = stack.database.superuser().await?;
    let query = format!(
        "SELECT count(*) AS rows FROM (SELECT org_id FROM {table}) AS found WHERE org_id = {organisation}"
    );
    Ok(diesel::sql_query(query).get_result::<Count>(&mut connection).await?.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_is_heard_once_in_the_clinic_of_the_room_and_nowhere_else() -> Result<()>
{
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let (_, room) = visit(&stack, &one)?;
    visit(&stack, &two)?;
    let (patient, specialist) =
        ("0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f", "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e70");
    let came = stay(&room, &one.patient_id, patient, None);
    let left = stay(&room, &one.patient_id, patient, Some(61));
    // Twice, and the specialist's end before their begin.
    for body in [
        came.clone(),
        came,
        stay(&room, &one.specialist_id, specialist, Some(30)),
        stay(&room, &one.specialist_id, specialist, None),
        left.clone(),
        left,
        // Somebody of the other clinic, and nobody's room.
        stay(&room, &two.patient_id, "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e71", None),
        stay("restartix-1-7", &one.patient_id, "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e72", None),
    ] {
        let answer = post(&stack, &body, None)?;
        ensure!(answer.status == 200, "{body}: {answer:?}");
    }
    let expected = |kind: &str, role: &str, seconds: Value| (kind.to_owned(), json!(role), seconds);
    wait_for("the events", PATIENCE, || Ok((told(&one)?.len() == 4).then_some(())))?;
    assert_eq!(
        told(&one)?,
        [
            expected("joined", "patient", Value::Null),
            expected("joined", "specialist", Value::Null),
            expected("left", "specialist", json!(30)),
            expected("left", "patient", json!(61)),
        ]
    );
    assert_eq!(told(&two)?, []);
    let of = [rows(&stack, "video_stays", 1).await?, rows(&stack, "video_stays", 2).await?];
    assert_eq!(of, [2, 0]);
    // Each notice that taught something left its line, with the clinic whose room it was.
    assert_eq!(rows(&stack, "audit_events WHERE operation = 'video.hear'", 1).await?, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_daily_changes_nothing() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let (_, room) = visit(&stack, &clinic)?;
    let body = stay(&room, &clinic.patient_id, "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f", None);
    post(&stack, &body, Some("Zm9yZ2Vk"))?.refused(401, "unproven_notice")?;
    stack.anybody().post(EVENTS, &body)?.refused(401, "unproven_notice")?;
    stack.anybody().post(EVENTS, &json!({"test": "test"}))?.expect(200)?;
    // Rightly signed, and old or from the future, in either unit.
    let now = SystemClock.now().timestamp();
    for stale in [now - 301, now + 400, (now - 301) * 1000, 0] {
        post_at(&stack, &body, None, &stale.to_string())?.refused(401, "unproven_notice")?;
    }
    post(&stack, &json!({"type": "participant.joined", "id": "x"}), None)?
        .refused(400, "unreadable_notice")?;
    let unknown = json!({"type": "something.new", "id": "x", "payload": {}});
    assert_eq!(post(&stack, &unknown, None)?.status, 200);
    assert_eq!(rows(&stack, "video_stays", 1).await?, 0);
    assert_eq!(rows(&stack, "video_notices", 1).await?, 0);
    // In both units, within the five minutes.
    for (stamp, id) in [
        ((now - 200).to_string(), "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e81"),
        ((now * 1000).to_string(), "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e82"),
    ] {
        let body = stay(&room, &clinic.patient_id, id, None);
        assert_eq!(post_at(&stack, &body, None, &stamp)?.status, 200, "{stamp}");
    }
    assert_eq!(rows(&stack, "video_stays", 1).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dailys_own_notices_are_believed_doubled_and_out_of_order() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let id = clinic.book(&clinic.slots()?[0])?;
    stack.daily.switch(|switches| {
        switches.duplicate_events = true;
        switches.reorder_events = true;
        switches.event_timestamps_in_ms = true;
    });
    for client in [&clinic.patient, &clinic.specialist] {
        let key = token(client, id, PATIENCE)?;
        join(&stack, key["join_url"].as_str().context("a page")?)?;
    }
    wait_for("both to be there", PATIENCE, || Ok((told(&clinic)?.len() == 2).then_some(())))?;
    let mut parts: Vec<_> =
        told(&clinic)?.into_iter().map(|(kind, role, _)| (kind, role)).collect();
    parts.sort_by_key(|(_, role)| role.to_string());
    assert_eq!(
        parts,
        [("joined".to_owned(), json!("patient")), ("joined".to_owned(), json!("specialist"))]
    );
    Ok(())
}
