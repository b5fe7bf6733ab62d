use restartix_telemetry::{AuditActor, AuditEntry, AuditFilter};
use restartix_tenancy::Role;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Id, Instant, PersonKey, UserKey};
use crate::View;
use crate::failure::rfc3339;

/// Who did what to what, and how it ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEventView {
    /// A UUID.
    id: String,
    #[schema(value_type = Instant)]
    occurred_at: String,
    /// `user`, `client` for a program of the organisation's own, or `system` for the platform itself.
    #[schema(example = "user")]
    actor_kind: &'static str,
    #[schema(required = true)]
    actor_id: Option<UserKey>,
    #[schema(required = true)]
    actor_role: Option<&'static str>,
    /// The operation, as in `appointments.book`.
    action: String,
    /// As in `appointment`.
    resource_kind: String,
    #[schema(required = true)]
    resource_id: Option<String>,
    /// Whose record it is.
    #[schema(required = true)]
    patient_id: Option<PersonKey>,
    /// `success`, `refused` or `failed`.
    outcome: String,
    /// Why it was refused or failed.
    #[schema(required = true)]
    code: Option<String>,
    /// The request, as in `x-request-id`.
    #[schema(required = true)]
    request_id: Option<String>,
}

impl View for AuditEventView {}

/// A user, or without a role a program.
const fn kind_of(actor: &AuditActor) -> &'static str {
    if actor.role.is_some() { "user" } else { "client" }
}

impl From<AuditEntry> for AuditEventView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            occurred_at: rfc3339(entry.occurred_at),
            actor_kind: entry.actor.map_or("system", |actor| kind_of(&actor)),
            actor_id: entry.actor.map(|actor| Id(actor.user)),
            actor_role: entry.actor.and_then(|actor| actor.role.map(Role::as_str)),
            action: entry.operation,
            resource_kind: entry.resource_kind,
            resource_id: entry.resource_id,
            patient_id: entry.patient.map(Id),
            outcome: entry.outcome,
            code: entry.code,
            request_id: entry.request.map(|request| request.to_string()),
        }
    }
}

/// A page as a FHIR R4 Bundle of AuditEvents (<https://hl7.org/fhir/R4/auditevent.html>), one to one:
/// identifiers are ours, in systems of ours, because people have no other outside of the clinic.
///
/// `again` is where the page was asked for, and `next` the cursor of the one behind it.
pub(crate) fn fhir(entries: &[AuditEntry], again: &str, next: Option<&str>) -> Value {
    let mut link = vec![json!({ "relation": "self", "url": again })];
    link.extend(
        next.map(|cursor| json!({ "relation": "next", "url": format!("{again}&cursor={cursor}") })),
    );
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| json!({ "fullUrl": format!("urn:uuid:{}", entry.id), "resource": event(entry) }))
        .collect();
    without_nulls(json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "link": link,
        "entry": entries,
    }))
}

/// Where lines of this filter are asked for in FHIR, so many at once: what whoever goes from page to page
/// asks for again.
pub(crate) fn asked_for(filter: &AuditFilter, limit: usize) -> String {
    let AuditFilter { actor, resource_kind, resource_id, operation, patient, ending, from, to } =
        filter;
    let resource = resource_kind.map(|kind| {
        let id = resource_id.as_ref().map(|id| format!("/{id}")).unwrap_or_default();
        format!("{}{id}", kind.as_str())
    });
    let said = [
        ("actor_id", actor.map(|actor| actor.to_string())),
        ("resource", resource),
        ("action", operation.clone()),
        ("patient_id", patient.map(|patient| patient.to_string())),
        ("outcome", ending.map(|ending| ending.to_string())),
        ("from", from.map(rfc3339)),
        ("to", to.map(rfc3339)),
    ];
    let mut url = format!("/v1/audit-events?format=fhir&limit={limit}");
    for (name, value) in said {
        if let Some(value) = value {
            url.push_str(&format!("&{name}={value}"));
        }
    }
    url
}

fn event(entry: &AuditEntry) -> Value {
    let identified = |system: &str, value: &str| json!({ "identifier": { "system": format!("urn:restartix:{system}"), "value": value } });
    let who = match entry.actor {
        Some(actor) => identified(kind_of(&actor), &actor.user.to_string()),
        None => json!({ "display": "the platform" }),
    };
    let role = entry.actor.and_then(|actor| actor.role);
    let role = role.map(|role| json!([{ "text": role.as_str() }]));
    let what = entry.resource_id.as_deref().map(|id| identified(&entry.resource_kind, id));
    let mut entities = vec![json!({
        "what": what,
        "type": { "system": "urn:restartix:resource", "code": entry.resource_kind },
    })];
    if let Some(patient) = entry.patient {
        entities.push(json!({
            "what": identified("person", &patient.to_string()),
            "role": {
                "system": "http://terminology.hl7.org/CodeSystem/object-role",
                "code": "1",
                "display": "Patient",
            },
        }));
    }
    if let Some(request) = entry.request {
        entities.push(json!({
            "what": identified("request", &request.to_string()),
            "type": { "system": "urn:restartix:resource", "code": "request" },
        }));
    }
    json!({
        "resourceType": "AuditEvent",
        "id": entry.id.to_string(),
        "type": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "code": "rest",
            "display": "RESTful Operation",
        },
        "subtype": [{ "system": "urn:restartix:operation", "code": entry.operation }],
        "action": action(&entry.operation),
        "recorded": rfc3339(entry.occurred_at),
        "outcome": match entry.outcome.as_str() { "success" => "0", "refused" => "4", _ => "8" },
        "outcomeDesc": entry.code,
        "agent": [{ "who": who, "role": role, "requestor": entry.actor.is_some() }],
        "source": { "observer": { "display": "RestartiX Core API" } },
        "entity": entities,
    })
}

/// FHIR's letter for an operation: create, read, update, delete; execute for whatever else it does.
fn action(operation: &str) -> &'static str {
    match operation.rsplit('.').next().unwrap_or_default() {
        "list" | "list_time_off" | "get" | "read" | "calendar_file" | "look" | "search"
        | "types" | "attempts" => "R",
        "add" | "create" | "book" | "add_time_off" | "acquire" => "C",
        "edit" | "set_hours" | "set_override" | "renew" | "switch_organization" => "U",
        "remove" | "drop_override" | "drop_time_off" | "release" | "retire" | "end" => "D",
        _ => "E",
    }
}

/// FHIR knows no null: what is not there is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
