//! A visit that is recorded with its patient's consent: a file of the clinic's, and gone at Daily.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Cast;
use super::call::{Booked, at, availability, enter};
use super::tour::Tour;
use crate::stack::{Client, Stack, random_uuid};
use crate::workspace::{list, text};

/// A visit that was recorded, by its public ids.
pub(super) struct Recorded {
    pub(super) appointment: String,
    pub(super) recording: String,
    /// What it became.
    pub(super) file: String,
}

impl Recorded {
    /// No recording, of this appointment.
    pub(super) fn nobodys(appointment: String) -> Result<Self> {
        Ok(Self { appointment, recording: random_uuid()?, file: random_uuid()? })
    }
}

/// The patient consents after the booking; what is recorded is imported, and deleted at Daily. Answers it.
pub(super) fn keep(
    tour: &mut Tour<'_>,
    stack: &Stack,
    daily: &Client,
    cast: &Cast<'_>,
    booked: &Booked,
) -> Result<Recorded> {
    let kind = json!({
        "name": "Recorded consultation", "duration_minutes": 30, "online": true, "recording": true,
    });
    let kind = tour.see("admin makes a type that may be recorded", "201", || {
        cast.admin.post("/v1/appointment-types", &kind)
    })?;
    let offer = booked.offer.of(kind.word("/id")?);
    let slots = availability(tour, &cast.patient, &offer)?;
    let slot = slots.get(slots.len() / 2).context("a slot")?;
    let booked = tour.see("patient books, and says nothing of recordings", "201", || {
        cast.patient.post("/v1/appointments", &at(&offer, slot))
    })?;
    let appointment = booked.word("/id")?;
    let path = format!("/v1/appointments/{appointment}");
    let stays = come(tour, daily, cast, &path)?;
    let recordings = format!("{path}/recordings");
    let ask = || cast.specialist.call("POST", &recordings, None, &[]);
    tour.see("specialist wants it recorded", "409 no_recording_consent", ask)?;
    tour.see("patient consents", "200", || {
        cast.patient.call("PATCH", &path, Some(&json!({ "recording_consent": true })), &[])
    })?;
    tour.see("specialist asks again", "201", ask)?;
    let stands = |status: &str| -> Result<bool> {
        let listed = cast.specialist.get(&recordings)?;
        Ok(listed.word("/items/0/status")? == status)
    };
    tour.until("a worker has Daily record the room", "recording", || stands("recording"))?;
    for stay in stays {
        let left = daily.post("/_sandbox/leave", &json!({ "participant_id": stay }))?;
        tour.require("somebody leaves the room", &200, &left.status)?;
    }
    tour.until("both leave; a worker imports what Daily has", "imported", || stands("imported"))?;
    let listed = cast.specialist.get(&recordings)?;
    let (recording, file) = (listed.word("/items/0/id")?, listed.word("/items/0/file_id")?);
    let stored = tour.see("the recording is a file of the clinic", "200", || {
        cast.specialist.get(&format!("/v1/files/{file}"))
    })?;
    tour.require("its kind", "recording", &stored.word("/kind")?)?;
    tour.require("whether it can be had", "available", &stored.word("/status")?)?;
    let folder = format!("{}/recordings/", cast.clinic.id);
    let kept = objects(stack)?.into_iter().filter(|key| key.starts_with(&folder)).count();
    tour.require(&format!("recordings below {folder}"), &1, &kept)?;
    tour.detail(&format!("one object below {folder}"));
    let account = stack.daily_account()?;
    tour.until("a worker deletes it at Daily", "no recording at Daily", || {
        let answer = account.get("/v1/recordings")?;
        match answer.status {
            200 => Ok(list(&answer.json, "data").next().is_none()),
            // Lists are limited to two a second, and the server asks for them as well.
            429 => Ok(false),
            _ => bail!("Daily's list of recordings: {} {}", answer.status, answer.text),
        }
    })?;
    Ok(Recorded { appointment, recording, file })
}

/// Both come in; answers the names of their stays.
fn come(
    tour: &mut Tour<'_>,
    daily: &Client,
    cast: &Cast<'_>,
    appointment: &str,
) -> Result<Vec<String>> {
    let path = format!("{appointment}/video-token");
    let mut stays = Vec::new();
    for (who, client) in [("patient", &cast.patient), ("specialist", &cast.specialist)] {
        let token = tour.poll(
            &format!("{who} of a visit to be recorded gets a token"),
            "200",
            "409 room_not_ready",
            || client.call("POST", &path, None, &[]),
        )?;
        let page = token.word("/join_url")?;
        stays.push(enter(tour, daily, who, &client.anonymous(), &page)?);
    }
    Ok(stays)
}

/// The keys of the clinics' bucket, as the stand-in has them.
fn objects(stack: &Stack) -> Result<Vec<String>> {
    let storage = stack.storage()?;
    let of = |name: &str| storage.get(name).and_then(Value::as_str).context("the bucket");
    let store = Client::new(of("endpoint")?);
    let page = store.get(&format!("/_sandbox/buckets/{}/objects", of("bucket")?))?;
    let keys = list(&page.json, "objects").filter(|one| one["is_latest"] == true);
    Ok(keys.filter_map(|one| text(one, "key").map(str::to_owned)).collect())
}
