//! Overrides of dates, time off and closures: nobody is offered, held, booked or moved into them.

use anyhow::{Context, Result, ensure};
use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};
use restartix_kernel::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::support::{Clinic, Stack, text};

/// The clinic, with a specialist whose calendar is in UTC: dates can be read off instants.
fn in_utc(clinic: &Clinic) -> Result<()> {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours = days.map(|day| json!({"weekday": day, "start": "00:00", "end": "24:00"}));
    let path = format!("/v1/specialists/{}/weekly-hours", clinic.specialist_id);
    clinic.admin.put(&path, &json!({"timezone": "UTC", "hours": hours}))?.expect(200)?;
    Ok(())
}

fn closed(answer: &Answer) -> Result<()> {
    answer.refused(422, "slot_unavailable")?;
    ensure!(answer.body["reason"] == "closed", "{answer:?}");
    Ok(())
}

/// The slot is not offered, and neither held, booked nor moved to.
fn is_closed(clinic: &Clinic, slot: &str, appointment: i64) -> Result<()> {
    ensure!(!clinic.slots()?.iter().any(|offered| offered == slot), "{slot} is offered");
    closed(&clinic.patient.post("/v1/holds", &clinic.slot(slot))?)?;
    closed(&clinic.patient.post("/v1/appointments", &clinic.slot(slot))?)?;
    let to = json!({"starts_at": slot, "reason_code": "other"});
    closed(&clinic.specialist.post(&format!("/v1/appointments/{appointment}/reschedule"), &to)?)
}

fn is_open(clinic: &Clinic, slot: &str) -> Result<()> {
    ensure!(clinic.slots()?.iter().any(|offered| offered == slot), "{slot} is not offered");
    Ok(())
}

fn delete(client: &Client, path: &str) -> Result<Answer> {
    client.send("DELETE", path, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_booked_into_what_breaks_the_weekly_hours() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    in_utc(&clinic)?;
    let slots = clinic.slots()?;
    let booked = clinic.book(&slots[0])?;
    let slot = slots.last().context("a slot")?.clone();
    let day = slot.get(..10).context("a date")?.to_owned();
    let specialist = format!("/v1/specialists/{}", clinic.specialist_id);

    // A date that is closed, one with hours of its own, and the week again.
    let date = format!("{specialist}/date-overrides/{day}");
    let none = json!({"hours": []});
    let told = clinic.specialist.put(&date, &none)?.expect(200)?;
    assert_eq!((&told["date"], &told["hours"]), (&json!(day), &json!([])));
    is_closed(&clinic, &slot, booked)?;
    let whole = json!({"hours": [{"start": "00:00", "end": "24:00"}]});
    let told = clinic.admin.put(&date, &whole)?.expect(200)?;
    assert_eq!(told["hours"], whole["hours"]);
    is_open(&clinic, &slot)?;
    clinic.admin.put(&date, &none)?.expect(200)?;
    delete(&clinic.specialist, &date)?.expect(204)?;
    delete(&clinic.specialist, &date)?.refused(404, "not_found")?;
    is_open(&clinic, &slot)?;
    clinic.patient.put(&date, &none)?.refused(403, "forbidden")?;
    let backward = json!({"hours": [{"start": "10:00", "end": "09:00"}]});
    ensure!(clinic.admin.put(&date, &backward)?.status == 422, "hours that run backward");

    // Time off in the midst of the slot.
    let start: chrono::DateTime<chrono::Utc> = slot.parse()?;
    let stamp = |minutes: i64| {
        (start + TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let away = format!("{specialist}/time-off");
    let body = json!({"from": stamp(10), "to": stamp(20)});
    let made = clinic.specialist.post(&away, &body)?.expect(201)?;
    is_closed(&clinic, &slot, booked)?;
    let listed = clinic.admin.get(&away)?.expect(200)?;
    assert_eq!(listed["items"], json!([made]));
    clinic.patient.get(&away)?.refused(403, "forbidden")?;
    let one = format!("{away}/{}", text(&made["id"])?);
    delete(&clinic.specialist, &one)?.expect(204)?;
    delete(&clinic.specialist, &one)?.refused(404, "not_found")?;
    is_open(&clinic, &slot)?;
    let backward = json!({"from": stamp(20), "to": stamp(10)});
    ensure!(clinic.admin.post(&away, &backward)?.status == 422, "time off that runs backward");
    let long = json!({"from": stamp(0), "to": stamp(60 * 24 * 366 + 1)});
    ensure!(clinic.admin.post(&away, &long)?.status == 422, "time off of more than a year");

    // A closure, also for whoever holds the slot since before it.
    let hold = clinic.patient.post("/v1/holds", &clinic.slot(&slot))?.expect(201)?;
    let days = json!({"starts_on": day, "ends_on": day});
    clinic.specialist.post("/v1/closures", &days)?.refused(403, "forbidden")?;
    let closure = clinic.admin.post("/v1/closures", &days)?.expect(201)?;
    closed(&clinic.patient.post("/v1/appointments", &json!({"hold_id": hold["id"]}))?)?;
    is_closed(&clinic, &slot, booked)?;
    let listed = clinic.admin.get("/v1/closures")?.expect(200)?;
    assert_eq!(listed["items"], json!([closure]));
    let one = format!("/v1/closures/{}", text(&closure["id"])?);
    delete(&clinic.admin, &one)?.expect(204)?;
    delete(&clinic.admin, &one)?.refused(404, "not_found")?;
    clinic.book(&slot)?;
    let still = clinic.patient.get(&format!("/v1/appointments/{booked}"))?.expect(200)?;
    assert_eq!(still["status"], "confirmed", "what was booked before stays");
    Ok(())
}

/// The last Sunday of a month: when Europe changes its clocks.
fn last_sunday(year: i32, month: u32) -> Result<NaiveDate> {
    let last = NaiveDate::from_ymd_opt(year, month, 31).context("a month of 31 days")?;
    let sundays = (0..7).map(|back| last - TimeDelta::days(back));
    sundays.into_iter().find(|day| day.weekday() == Weekday::Sun).context("a Sunday")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_on_which_the_clocks_change_has_the_hours_of_the_wall() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let year = SystemClock.now().year() + 1;
    // From 02:00 to 05:00 on the wall are two hours in spring, four in autumn.
    for (month, expected) in [(3, 4), (10, 8)] {
        let day = last_sunday(year, month)?;
        let path = format!("/v1/specialists/{}/date-overrides/{day}", one.specialist_id);
        let hours = json!({"hours": [{"start": "02:00", "end": "05:00"}]});
        one.admin.put(&path, &hours)?.expect(200)?;
        // From noon before to noon of the day: the rest is the week's.
        let ask = |clinic: &Clinic| {
            let told = clinic.patient.get(&format!(
                "/v1/availability?appointment_type_id={}&from={}T20:00:00Z&to={day}T20:00:00Z",
                clinic.kind,
                day - TimeDelta::days(1),
            ))?;
            let slots = told.expect(200)?["slots"].as_array().cloned().context("slots")?;
            let starts = slots.iter().map(|slot| text(&slot["starts_at"]));
            starts.collect::<Result<Vec<_>>>()
        };
        // The evening before ends at local midnight, 22:00 in winter time, 21:00 in summer time.
        let midnight = if month == 3 { "22:00:00Z" } else { "21:00:00Z" };
        let midnight = format!("{}T{midnight}", day - TimeDelta::days(1));
        let of_day: Vec<_> = ask(&one)?.into_iter().filter(|start| *start >= midnight).collect();
        assert_eq!(of_day.len(), expected, "{day}: {of_day:?}");
        one.book(of_day.last().context("a slot")?)?;
        // The same date of the other clinic is as every week.
        ensure!(ask(&two)?.len() > 40, "the other clinic's date");
        let closed = json!({"starts_on": day, "ends_on": day});
        let closure = one.admin.post("/v1/closures", &closed)?.expect(201)?;
        let left = ask(&one)?.into_iter().filter(|start| *start >= midnight).count();
        assert_eq!(left, 0, "{day} is closed");
        ensure!(ask(&two)?.len() > 40, "the other clinic is open");
        delete(&one.admin, &format!("/v1/closures/{}", text(&closure["id"])?))?.expect(204)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_file_says_when_and_nothing_of_whom() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let slot = one.slots()?.first().context("a slot")?.clone();
    let id = one.book(&slot)?;
    let path = format!("/v1/appointments/{id}.ics");
    let file = one.patient.get(&path)?;
    ensure!(file.status == 200, "{file:?}");
    let kind = file.headers.iter().find(|(name, _)| name == "content-type");
    assert_eq!(kind.map(|(_, kind)| kind.as_str()), Some("text/calendar; charset=utf-8"));
    let start = format!("DTSTART:{}", slot.replace(['-', ':'], ""));
    let lines: Vec<_> = file.text.split("\r\n").collect();
    let uid = format!("UID:appointment-{id}@127.0.0.1");
    for line in ["BEGIN:VCALENDAR", "VERSION:2.0", &uid, &start, "SEQUENCE:1", "STATUS:CONFIRMED"] {
        ensure!(lines.contains(&line), "{line} in {lines:?}");
    }
    ensure!(file.text.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"), "{lines:?}");
    for hidden in ["one-", "the patient", "Consultation", one.patient_id.as_str()] {
        ensure!(!file.text.contains(hidden), "{hidden} in {lines:?}");
    }
    two.admin.get(&path)?.refused(404, "not_found")?;
    stack.anybody().get(&path)?.refused(401, "unauthenticated")?;

    one.cancel(id)?;
    let file = one.specialist.get(&path)?;
    let told: Value = json!(file.text.split("\r\n").collect::<Vec<_>>());
    for line in [uid.as_str(), "SEQUENCE:2", "STATUS:CANCELLED"] {
        ensure!(file.text.split("\r\n").any(|it| it == line), "{line} in {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_with_hours_of_their_own_are_listed_to_those_who_plan() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let path = format!("/v1/specialists/{}/date-overrides", one.specialist_id);
    let hours = json!([{"start": "09:00", "end": "10:30"}, {"start": "12:00", "end": "24:00"}]);
    let set = |date: &str, hours: &Value| {
        one.specialist.put(&format!("{path}/{date}"), &json!({"hours": hours}))?.expect(200)
    };
    set("2031-02-03", &json!([]))?;
    set("2031-02-01", &hours)?;
    let own = |date: &str, hours: &Value| json!({"specialist_id": one.specialist_id, "date": date, "hours": hours});
    let (first, second) = (own("2031-02-01", &hours), own("2031-02-03", &json!([])));
    for who in [&one.specialist, &one.admin] {
        let listed = who.get(&path)?.expect(200)?;
        assert_eq!(listed, json!({"items": [first, second], "next_cursor": null}));
    }
    let page = one.admin.get(&format!("{path}?limit=1"))?.expect(200)?;
    assert_eq!(page["items"], json!([first]));
    let next = text(&page["next_cursor"])?;
    let page = one.admin.get(&format!("{path}?limit=1&cursor={next}"))?.expect(200)?;
    assert_eq!((&page["items"], &page["next_cursor"]), (&json!([second]), &json!(null)));
    one.patient.get(&path)?.refused(403, "forbidden")?;
    two.admin.get(&path)?.refused(404, "not_found")?;
    two.specialist.get(&path)?.refused(404, "not_found")
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_somebody_changed_meanwhile_are_not_overwritten() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let path = format!("/v1/specialists/{}", clinic.specialist_id);
    let seen = clinic.patient.get(&path)?;
    let tag = seen.headers.iter().find(|(name, _)| name == "etag").context("a tag")?.1.clone();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours = days.map(|day| json!({"weekday": day, "start": "09:00", "end": "17:00"}));
    let body = json!({"timezone": "UTC", "hours": hours});
    let put = |who: &Client, tag: &str| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        let body = Some(body.to_string().into_bytes());
        who.send_with("PUT", &format!("{path}/weekly-hours"), &headers, body)
    };
    let changed = put(&clinic.specialist, &tag)?;
    ensure!(changed.status == 200, "{changed:?}");
    put(&clinic.admin, &tag)?.refused(412, "stale")?;
    let now = changed.headers.iter().find(|(name, _)| name == "etag").context("a tag")?.1.clone();
    assert_ne!(now, tag);
    put(&clinic.admin, &now)?.expect(200)?;
    // An appointment as well: who has not seen its last state does not change it.
    let id = clinic.book(&clinic.slots()?[0])?;
    let cancel = |tag: &str| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        let body = Some(json!({"reason_code": "other"}).to_string().into_bytes());
        clinic.patient.send_with("POST", &format!("/v1/appointments/{id}/cancel"), &headers, body)
    };
    cancel("\"v2\"")?.refused(412, "stale")?;
    cancel("\"v1\"")?.expect(200).map(drop)
}
