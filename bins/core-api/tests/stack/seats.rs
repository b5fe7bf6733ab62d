//! Sessions to which several come, over HTTP.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::support::{Clinic, Stack, text};

struct Group {
    clinic: Clinic,
    kind: String,
    slots: Vec<String>,
}

impl Group {
    fn of(stack: &Stack, seats: u16, more: &Value) -> Result<Self> {
        let clinic = stack.clinic("one")?;
        let mut kind = json!({
            "name": "Group", "duration_minutes": 30, "online": false, "capacity": seats,
        });
        if let (Some(kind), Some(more)) = (kind.as_object_mut(), more.as_object()) {
            kind.extend(more.clone());
        }
        let kind = text(&clinic.admin.post("/v1/appointment-types", &kind)?.expect(201)?["id"])?;
        let slots = clinic.slots()?;
        Ok(Self { clinic, kind, slots })
    }

    fn book(&self, who: &Client, slot: &str) -> Result<crate::client::Answer> {
        let mut body = self.clinic.slot(slot);
        body["appointment_type_id"] = json!(self.kind);
        who.post("/v1/appointments", &body)
    }

    /// Whether the type's own availability offers this start.
    fn is_offered(&self, slot: &str) -> Result<bool> {
        let starts_at: chrono::DateTime<chrono::Utc> = slot.parse()?;
        let to = (starts_at + chrono::TimeDelta::minutes(30)).format("%Y-%m-%dT%H:%M:%SZ");
        let path =
            format!("/v1/availability?appointment_type_id={}&from={slot}&to={to}", self.kind);
        let told = self.clinic.patient.get(&path)?.expect(200)?;
        Ok(told["slots"].as_array().context("slots")?.iter().any(|one| one["starts_at"] == slot))
    }
}

fn id(answer: crate::client::Answer) -> Result<i64> {
    answer.expect(201)?["id"].as_i64().context("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_on_offer_while_a_seat_is_free() -> Result<()> {
    let stack = Stack::start().await?;
    // One session a day is all: further seats of it are no further booking of the day.
    let group = Group::of(&stack, 3, &json!({"max_per_day": 1}))?;
    let patients = stack.patients(&group.clinic, 4)?;
    let (slot, who) = (&group.slots[20], |n: usize| &patients[n].0);
    let first = id(group.book(who(0), slot)?)?;
    group.book(who(0), slot)?.refused(409, "slot_taken")?;
    ensure!(group.is_offered(slot)?, "two seats are free");
    let second = id(group.book(who(1), slot)?)?;
    id(group.book(who(2), slot)?)?;
    ensure!(!group.is_offered(slot)?, "every seat is taken");
    group.book(who(3), slot)?.refused(409, "slot_taken")?;
    // Of another type the specialist is busy then, whoever sits there.
    group
        .clinic
        .patient
        .post("/v1/appointments", &group.clinic.slot(slot))?
        .refused(409, "slot_taken")?;

    let reason = json!({"reason_code": "patient_request"});
    let leave = |client: &Client, id: i64| {
        client.post(&format!("/v1/appointments/{id}/cancel"), &reason)?.expect(200)
    };
    leave(who(0), first)?;
    ensure!(group.is_offered(slot)?, "a seat was left");
    id(group.book(who(3), slot)?)?;
    // Somebody moves away, and the session stays with the others.
    let moved = json!({"starts_at": group.slots[80], "reason_code": "patient_request"});
    let path = format!("/v1/appointments/{second}/reschedule");
    let moved = group.clinic.specialist.post(&path, &moved)?.expect(200)?;
    assert_eq!(moved["starts_at"], group.slots[80]);
    id(group.book(who(0), slot)?)?;
    let back = json!({"starts_at": slot, "reason_code": "patient_request"});
    group.clinic.specialist.post(&path, &back)?.refused(409, "slot_taken")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_type_may_say_of_seats_and_reminders_is_bounded() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let kind = |more: &Value| {
        let mut body = json!({"name": "Group", "duration_minutes": 30});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        clinic.admin.post("/v1/appointment-types", &body)
    };
    for bad in [
        json!({"capacity": 0}),
        json!({"capacity": 1001}),
        json!({"reminder_minutes": [0]}),
        json!({"reminder_minutes": [43_201]}),
        json!({"reminder_minutes": [1, 2, 3, 4, 5, 6]}),
    ] {
        kind(&bad)?.refused(422, "invalid")?;
    }
    let usual = kind(&json!({}))?.expect(201)?;
    assert_eq!((&usual["capacity"], &usual["reminder_minutes"]), (&json!(1), &json!([1440, 60])));
    let path = format!("/v1/appointment-types/{}", text(&usual["id"])?);
    let change = json!({"capacity": 8, "reminder_minutes": [30, 2880, 30]});
    let changed = clinic.admin.patch(&path, &change)?.expect(200)?;
    assert_eq!(
        (&changed["capacity"], &changed["reminder_minutes"]),
        (&json!(8), &json!([2880, 30]))
    );
    Ok(())
}
