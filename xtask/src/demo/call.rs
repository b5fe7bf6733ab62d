//! The main job: from a clinic's first settings to two people in one video call.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use humantime::format_rfc3339_seconds;
use serde_json::{Value, json};

use super::Cast;
use super::tour::{Tour, seen};
use crate::stack::{Client, specialist_id};
use crate::workspace::{list, text};

/// What one clinic offers, by its public ids.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) appointment_type: String,
    pub(super) specialist: String,
    /// A patient's, as `/v1/people` knows them.
    pub(super) patient: String,
    pub(super) membership: String,
    /// When the specialist is away.
    pub(super) time_off: String,
    /// When the clinic is closed.
    pub(super) closure: String,
}

impl Offer {
    /// The same, of another type of appointment.
    pub(super) fn of(&self, appointment_type: String) -> Self {
        Self { appointment_type, ..self.clone() }
    }
}

/// What was booked in one clinic, by its public ids.
pub(super) struct Booked {
    pub(super) offer: Offer,
    /// A time that somebody may still book.
    pub(super) free: String,
    /// A hold that was used.
    pub(super) hold: String,
    /// An appointment that stays.
    pub(super) appointment: String,
}

/// Who may come in, and as what.
pub(super) fn doors(
    tour: &mut Tour<'_>,
    nobody: &Client,
    dana: &Client,
    first: &Cast<'_>,
    second: &Cast<'_>,
) -> Result<()> {
    let ready = tour.see("readyz", "200", || nobody.get("/readyz"))?;
    tour.require("the server's state", "ready", &ready.word("/status")?)?;
    tour.see("without a token", "401 unauthenticated", || nobody.get("/v1/me"))?;
    let me = tour.see("admin: who am I", "200", || first.admin.get("/v1/me"))?;
    tour.require(
        "the admin's clinic",
        &Some(first.clinic.id),
        &me.at("/organization_id")?.as_i64(),
    )?;
    tour.detail(&format!("{} of organisation {}", me.word("/role")?, first.clinic.id));
    for cast in [second, first] {
        let step = format!("Dana, of both, goes to {}", cast.clinic.name);
        let body = json!({ "organization_id": cast.clinic.id });
        let me = tour.see(&step, "200", || dana.put("/v1/me/current-organization", &body))?;
        tour.require("Dana's clinic", &Some(cast.clinic.id), &me.at("/organization_id")?.as_i64())?;
        tour.detail(&me.word("/role")?);
    }
    let elsewhere = json!({ "organization_id": second.clinic.id });
    tour.see("patient switches to a clinic not theirs", "404 not_found", || {
        first.patient.put("/v1/me/current-organization", &elsewhere)
    })?;
    Ok(())
}

/// An admin sets the clinic up.
pub(super) fn furnish(tour: &mut Tour<'_>, cast: &Cast<'_>) -> Result<Offer> {
    let clinic = &cast.clinic.name;
    let organization = cast.admin.get("/v1/organization")?;
    tour.see(&format!("{clinic}: rooms open a day ahead"), "200", || {
        let seen = organization.header("etag").map(|etag| ("if-match", etag));
        // The clinic says itself when a visit begins: here both come a day before it.
        let policies = json!({ "max_open_appointments": 10, "start_on_arrival": false });
        let body = json!({ "lead_minutes": 1440, "policies": policies });
        cast.admin.call("PATCH", "/v1/organization", Some(&body), seen.as_slice())
    })?;
    let kind = json!({
        "name": "Video consultation",
        "duration_minutes": 30,
        "interval_minutes": 30,
        "buffer_before_minutes": 0,
        "buffer_after_minutes": 0,
        "min_notice_minutes": 0,
        "horizon_days": 30,
        "online": true,
        "recording": false,
    });
    let kind = tour.see("admin makes an appointment type", "201", || {
        cast.admin.post("/v1/appointment-types", &kind)
    })?;
    let specialist = specialist_id(&cast.admin, cast.clinic.first("specialist")?)?;
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours = days.map(|day| json!({ "weekday": day, "start": "00:00", "end": "24:00" }));
    tour.see("admin gives a specialist hours", "200", || {
        let body = json!({ "timezone": "Europe/Bucharest", "hours": hours });
        cast.admin.put(&format!("/v1/specialists/{specialist}/weekly-hours"), &body)
    })?;
    let away = tour.see("admin notes a specialist's time off", "201", || {
        let body = json!({ "from": "2190-01-01T10:00:00Z", "to": "2190-01-02T10:00:00Z" });
        cast.admin.post(&format!("/v1/specialists/{specialist}/time-off"), &body)
    })?;
    let closure = tour.see("admin closes the clinic for some days", "201", || {
        let body = json!({ "starts_on": "2190-12-24", "ends_on": "2190-12-26" });
        cast.admin.post("/v1/closures", &body)
    })?;
    let patient = cast.clinic.first("patient")?;
    Ok(Offer {
        time_off: away.word("/id")?,
        closure: closure.word("/id")?,
        appointment_type: kind.word("/id")?,
        specialist,
        patient: patient.person_id.clone(),
        membership: patient.membership_id.clone(),
    })
}

/// A patient holds and books; nothing else. For the clinic whose part is to be kept out.
pub(super) fn book(tour: &mut Tour<'_>, cast: &Cast<'_>, offer: Offer) -> Result<Booked> {
    let slots = availability(tour, &cast.patient, &offer)?;
    let [first, .., last] = slots.as_slice() else { bail!("too few slots: {slots:?}") };
    let hold = hold(tour, cast, &offer, first)?;
    let booked = tour.see("patient books with the hold", "201", || {
        cast.patient.post("/v1/appointments", &json!({ "hold_id": hold }))
    })?;
    Ok(Booked { offer, free: last.clone(), hold, appointment: booked.word("/id")? })
}

/// From the first free slot to two people in a call, and what follows when they call it off.
pub(super) fn book_and_join(
    tour: &mut Tour<'_>,
    daily: &Client,
    cast: &Cast<'_>,
    offer: Offer,
) -> Result<Booked> {
    let slots = availability(tour, &cast.patient, &offer)?;
    let [first, second, .., last] = slots.as_slice() else { bail!("too few slots: {slots:?}") };
    let hold = hold(tour, cast, &offer, first)?;
    let wanted = at(&offer, first);
    tour.see("another patient wants it too", "409 slot_taken", || {
        cast.other_patient.post("/v1/holds", &wanted)
    })?;
    tour.see("and books it without a hold", "409 slot_taken", || {
        cast.other_patient.post("/v1/appointments", &wanted)
    })?;
    let booked = tour.see("patient books with the hold", "201", || {
        cast.patient.post("/v1/appointments", &json!({ "hold_id": hold }))
    })?;
    tour.require("the appointment's status", "confirmed", &booked.word("/status")?)?;
    tour.require("the appointment's start", first.as_str(), &booked.word("/starts_at")?)?;
    let appointment = booked.word("/id")?;
    tour.see("another patient books it again", "409 slot_taken", || {
        cast.other_patient.post("/v1/appointments", &wanted)
    })?;
    let page = join(tour, daily, cast, &appointment)?;
    let kept = keep_another(tour, cast, &offer, second)?;
    call_off(tour, daily, cast, &appointment, &page)?;
    Ok(Booked { offer, free: last.clone(), hold, appointment: kept })
}

fn hold(tour: &mut Tour<'_>, cast: &Cast<'_>, offer: &Offer, when: &str) -> Result<String> {
    let wanted = at(offer, when);
    tour.see("patient holds a slot", "201", || cast.patient.post("/v1/holds", &wanted))?.word("/id")
}

/// Both get tokens, open their pages and are let in. Answers the address of the patient's page.
fn join(tour: &mut Tour<'_>, daily: &Client, cast: &Cast<'_>, appointment: &str) -> Result<String> {
    let path = format!("/v1/appointments/{appointment}/video-token");
    let token = |client: &Client| client.call("POST", &path, None, &[]);
    let patient = tour.poll(
        "a worker makes the room; patient gets a token",
        "200",
        "409 room_not_ready",
        || token(&cast.patient),
    )?;
    let specialist = tour.see("specialist gets a token", "200", || token(&cast.specialist))?;
    tour.see("another patient asks for one", "404 not_found", || token(&cast.other_patient))?;
    let rooms = rooms_of(daily, appointment)?;
    tour.require("rooms at Daily for this appointment", &1, &rooms.len())?;
    let private = rooms.first().and_then(|room| text(room, "privacy").map(str::to_owned));
    tour.require("the room's privacy", &Some("private".to_owned()), &private)?;
    let page = patient.word("/join_url")?;
    enter(tour, daily, "patient", &cast.patient.anonymous(), &page)?;
    enter(tour, daily, "specialist", &cast.specialist.anonymous(), &specialist.word("/join_url")?)?;
    let room =
        rooms.first().and_then(|room| text(room, "name")).context("a room without a name")?;
    tour.see("somebody who knows the room's name tries the door", "403", || {
        daily.post("/_sandbox/join", &json!({ "room": room }))
    })?;
    Ok(page)
}

/// Opens the page behind a `join_url`, presses "Join", and goes where it leads. A browser's navigation carries
/// no bearer token: `browser` is nobody. Answers Daily's name of the stay.
pub(super) fn enter(
    tour: &mut Tour<'_>,
    daily: &Client,
    who: &str,
    browser: &Client,
    url: &str,
) -> Result<String> {
    let page = tour.see(&format!("{who} opens the join page"), "200", || browser.get(url))?;
    let html = page.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    tour.require("the join page is a page", &true, &html)?;
    tour.require("the join page names the room", &false, &page.text.contains("restartix-"))?;
    let pressed =
        tour.see(&format!("{who} presses Join"), "200", || browser.call("POST", url, None, &[]))?;
    let door = json!({ "url": pressed.word("/url")? });
    let step = format!("{who} is let into the call");
    let admitted = tour.see(&step, "200", || daily.post("/_sandbox/join", &door))?;
    let owner = admitted.at("/is_owner")?.as_bool();
    tour.require("whether they own the room", &Some(who == "specialist"), &owner)?;
    admitted.word("/participant_id")
}

/// Staff book for a patient without a hold. Answers the appointment, which stays.
fn keep_another(tour: &mut Tour<'_>, cast: &Cast<'_>, offer: &Offer, when: &str) -> Result<String> {
    let mut wanted = at(offer, when);
    if let Some(fields) = wanted.as_object_mut() {
        fields.insert("patient_id".to_owned(), json!(offer.patient));
    }
    let book = || cast.specialist.post("/v1/appointments", &wanted);
    let appointment =
        tour.see("specialist books for the patient, without a hold", "201", book)?.word("/id")?;
    let path = format!("/v1/appointments/{appointment}");
    for (who, client) in [("patient", &cast.patient), ("specialist", &cast.specialist)] {
        let read = tour.see(&format!("{who} reads it"), "200", || client.get(&path))?;
        tour.require("the appointment's patient", &offer.patient, &read.word("/patient_id")?)?;
    }
    tour.see("another patient reads it", "404 not_found", || cast.other_patient.get(&path))?;
    Ok(appointment)
}

/// The patient cancels: no way back in, and the room goes.
fn call_off(
    tour: &mut Tour<'_>,
    daily: &Client,
    cast: &Cast<'_>,
    appointment: &str,
    page: &str,
) -> Result<()> {
    let path = format!("/v1/appointments/{appointment}");
    let cancelled = tour.see("patient cancels the call", "200", || {
        cast.patient.post(&format!("{path}/cancel"), &json!({ "reason_code": "patient_request" }))
    })?;
    tour.require("the appointment's status", "cancelled", &cancelled.word("/status")?)?;
    tour.see("and asks for a token", "409 cancelled", || {
        cast.patient.call("POST", &format!("{path}/video-token"), None, &[])
    })?;
    tour.many("and presses Join on the old page", || {
        let answer = cast.patient.anonymous().call("POST", page, None, &[])?;
        match seen(&answer) {
            // A worker that was faster took the page along with its room.
            refused if refused == "409 cancelled" || refused == "404 not_found" => Ok(refused),
            other => bail!("the old page\n  expected: 409 cancelled or 404\n  seen:     {other}"),
        }
    })?;
    tour.see("and cancels again", "409 invalid_transition", || {
        cast.patient.post(&format!("{path}/cancel"), &json!({ "reason_code": "patient_request" }))
    })?;
    tour.until("a worker deletes the room", "no room at Daily", || {
        Ok(rooms_of(daily, appointment)?.is_empty())
    })
}

/// The free starts of the next day, soonest first; a minute's head start, for slow machines.
pub(super) fn availability(
    tour: &mut Tour<'_>,
    client: &Client,
    offer: &Offer,
) -> Result<Vec<String>> {
    let query = format!(
        "/v1/availability?appointment_type_id={}&specialist_id={}&from={}&to={}",
        offer.appointment_type,
        offer.specialist,
        instant(Duration::from_secs(60)),
        later(20)
    );
    let answer = tour.see("patient looks for a slot", "200", || client.get(&query))?;
    let slots: Vec<_> = list(&answer.json, "slots")
        .filter_map(|slot| text(slot, "starts_at").map(str::to_owned))
        .collect();
    tour.detail(&format!("{} slots", slots.len()));
    Ok(slots)
}

/// The body that asks for this time.
pub(super) fn at(offer: &Offer, starts_at: &str) -> Value {
    json!({
        "appointment_type_id": offer.appointment_type,
        "specialist_id": offer.specialist,
        "starts_at": starts_at,
    })
}

/// The rooms that Daily's stand-in has for an appointment.
fn rooms_of(daily: &Client, appointment: &str) -> Result<Vec<Value>> {
    let answer = daily.get("/_sandbox/rooms")?;
    let ending = format!("-{appointment}");
    let rooms = list(&answer.json, "rooms");
    Ok(rooms
        .filter(|room| text(room, "name").is_some_and(|name| name.ends_with(&ending)))
        .cloned()
        .collect())
}

/// So many hours from now.
pub(super) fn later(hours: u64) -> String {
    instant(Duration::from_secs(hours * 3600))
}

/// A time from now on, as a client writes it.
pub(super) fn instant(from_now: Duration) -> String {
    #[expect(clippy::disallowed_methods, reason = "a client's own clock; xtask knows no port")]
    let now = SystemTime::now();
    format_rfc3339_seconds(now + from_now).to_string()
}
