//! Telemetry: the service has every line of the audit, once, and nobody's name.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::Value;

use super::Cast;
use super::tour::Tour;
use crate::stack::Client;
use crate::workspace::{list, text};

/// Everything that a clinic's administrator reads in the audit arrives, whatever came before.
pub(super) fn everything_told(
    tour: &mut Tour<'_>,
    telemetry: &Client,
    cast: &Cast<'_>,
) -> Result<()> {
    let lines = audited(cast)?;
    let step = format!("{}: telemetry has the audit", cast.clinic.name);
    tour.until(&step, "every line, once, by id", || {
        let told = told(telemetry, cast.clinic.id)?;
        let ids: Vec<_> = told.iter().filter_map(|event| text(event, "id")).collect();
        let apart: BTreeSet<_> = ids.iter().copied().collect();
        if apart.len() != ids.len() {
            bail!("an event arrived twice");
        }
        let whole = told.iter().map(Value::to_string).collect::<String>();
        let named = cast.clinic.people.iter().find(|one| whole.contains(&one.name));
        if let Some(person) = named {
            bail!("the Telemetry service was told the name of {}", person.subject);
        }
        Ok(lines.iter().all(|id| apart.contains(id.as_str())))
    })
}

/// The ids of the lines that there are now.
fn audited(cast: &Cast<'_>) -> Result<Vec<String>> {
    let (mut ids, mut next) = (Vec::new(), Some(String::new()));
    while let Some(cursor) = next {
        let path = format!("/v1/audit-events?limit=100{cursor}");
        let page = cast.admin.get(&path)?;
        if page.status != 200 {
            bail!("{path}\n  expected: 200\n  seen:     {} {}", page.status, page.text);
        }
        let found = list(&page.json, "items").filter_map(|line| text(line, "id"));
        ids.extend(found.map(str::to_owned));
        next = text(&page.json, "next_cursor").map(|cursor| format!("&cursor={cursor}"));
    }
    Ok(ids)
}

/// The events of a clinic that the service has.
fn told(telemetry: &Client, clinic: i64) -> Result<Vec<Value>> {
    let (mut told, mut after) = (Vec::new(), Some(0));
    while let Some(number) = after {
        let path = format!("/_sandbox/events?organization_id={clinic}&after={number}");
        let page = telemetry.get(&path)?.json;
        told.extend(list(&page, "events").filter_map(|one| one.get("event").cloned()));
        after = page.get("next_after").and_then(Value::as_u64);
    }
    Ok(told)
}
