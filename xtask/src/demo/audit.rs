//! The audit: every act of the demo is in it, and nothing of the other clinic.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::Cast;
use super::made::Made;
use super::tour::Tour;
use crate::workspace::{list, text};

/// What was done in each clinic: by people, and by workers after them.
const ACTS: [&str; 23] = [
    "operator.create_organization",
    "operator.add_member",
    "organization.edit",
    "appointment_types.add",
    "specialists.set_hours",
    "availability.search",
    "holds.acquire",
    "appointments.book",
    "video.open_room",
    "files.announce",
    "files.upload",
    "files.complete",
    "files.download",
    "files.sign",
    "files.signatures",
    "programs.assign",
    "rehab.report",
    "webhook_endpoints.create",
    "webhook_endpoints.read",
    "webhook_events.list",
    "webhook_deliveries.list",
    "webhook_endpoints.replay",
    "api_clients.create",
];

/// Each act has left its line, and none names anything of the other clinic.
pub(super) fn every_act(
    tour: &mut Tour<'_>,
    cast: &Cast<'_>,
    made: &Made,
    others: &Made,
) -> Result<()> {
    tour.see("patient asks for the audit", "403 forbidden", || {
        cast.patient.get("/v1/audit-events")
    })?;
    let step = format!("{}: the audit of it all", cast.clinic.name);
    tour.many(&step, || {
        let (lines, whole) = read(cast)?;
        let missing: Vec<_> = ACTS.iter().filter(|act| !lines.contains_key(**act)).collect();
        if !missing.is_empty() {
            bail!("acts without a line in the audit: {missing:?}\n  there are: {:?}", lines.keys());
        }
        let untold = made.traced().into_iter().find(|id| !whole.contains(*id));
        if let Some(id) = untold {
            bail!("the audit does not tell of {id}");
        }
        if let Some(id) = others.traced().into_iter().find(|id| whole.contains(*id)) {
            bail!("the audit tells of the other clinic's {id}");
        }
        Ok(format!("{} lines of {} kinds", lines.values().sum::<usize>(), lines.len()))
    })?;
    let fhir = tour.see("the same for a FHIR reader", "200", || {
        cast.admin.get("/v1/audit-events?format=fhir&limit=5")
    })?;
    tour.require("its type", "Bundle", &fhir.word("/resourceType")?)
}

/// How many lines there are of each operation, and the lines themselves as text.
fn read(cast: &Cast<'_>) -> Result<(BTreeMap<String, usize>, String)> {
    let (mut lines, mut whole) = (BTreeMap::new(), String::new());
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let path = format!("/v1/audit-events?limit=100{cursor}");
        let page = cast.admin.get(&path)?;
        if page.status != 200 {
            bail!("{path}\n  expected: 200\n  seen:     {} {}", page.status, page.text);
        }
        for line in list(&page.json, "items") {
            let act = text(line, "action").unwrap_or_default();
            *lines.entry(act.to_owned()).or_default() += 1;
        }
        whole.push_str(&page.text);
        next = text(&page.json, "next_cursor").map(|cursor| format!("&cursor={cursor}"));
    }
    Ok((lines, whole))
}
