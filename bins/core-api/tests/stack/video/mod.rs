//! Rooms, presence and recordings, on a clock that can be moved and with a provider that misbehaves.

mod hipaa;
pub(crate) mod inside;
mod outage;
mod presence;
mod recordings;
mod region;
mod storm;
mod sweep;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::booking::token;
use crate::client::{Client, wait_for};
use crate::support::{Clinic, Stack, text};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Gets a key, presses "Join" on its page, and goes where that leads; answers the stand-in's name of
/// the stay.
pub(crate) fn enter(stack: &Stack, who: &Client, id: i64) -> Result<String> {
    let key = token(who, id, PATIENCE)?;
    let url = text(&key["join_url"])?;
    let path = url.split_once("/join/").context("a join url")?.1;
    let entered = stack.anybody().post(&format!("/join/{path}"), &json!({}))?.expect(200)?;
    let door = Client::new(stack.daily.url(), None);
    let admitted = door.post("/_sandbox/join", &json!({"url": entered["url"]}))?.expect(200)?;
    ensure!(admitted["admitted"] == true, "{admitted}");
    text(&admitted["participant_id"])
}

/// Goes out of the room again.
pub(crate) fn leave(stack: &Stack, stay: &str) -> Result<()> {
    let door = Client::new(stack.daily.url(), None);
    door.post("/_sandbox/leave", &json!({"participant_id": stay}))?.expect(200).map(drop)
}

/// The provider's API, behind the server's back.
pub(crate) fn account(stack: &Stack) -> Client {
    Client::new(&stack.daily.api_url(), Some("sandbox-api-key".to_owned()))
}

/// How `who` sees an appointment in the list.
pub(crate) fn listed(who: &Client, id: i64) -> Result<Value> {
    let list = who.get("/v1/appointments?limit=100")?.expect(200)?;
    let found = list["items"].as_array().into_iter().flatten().find(|one| one["id"] == id);
    Ok(found.context("the appointment in the list")?.clone())
}

/// Waits until the specialist's list shows `field` of an appointment as `wanted` says.
fn wait_until_shown(
    clinic: &Clinic,
    id: i64,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    wait_for(what, PATIENCE, || Ok(Some(listed(&clinic.specialist, id)?).filter(|one| wanted(one))))
}
