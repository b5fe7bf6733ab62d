//! Every operation that takes an id, as the other clinic tries it.

use serde_json::{Value, json};

use super::call::{Booked, Offer, at, later};
use super::exercises::Assigned;
use super::files::Filed;
use super::hooks::Hooked;
use super::made::Made;
use super::recording::Recorded;

/// Who of the clinic may use the operation at all.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Admin,
    Specialist,
    Patient,
}

/// One operation on somebody's id.
pub(super) struct Operation {
    /// As in the OpenAPI document, parameters as `{}`.
    pub(super) template: &'static str,
    pub(super) who: Who,
    /// The same operation, on the id of this clinic.
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The status of the refusal.
    pub(super) refused: u16,
}

/// Every operation that takes an id: in its path, or by reference in the query or body.
pub(super) fn operations(made: &Made) -> Vec<Operation> {
    let mut all = booking(&made.booked);
    all.extend(exceptions(&made.booked));
    all.extend(recordings(&made.recorded));
    all.extend(named_by_reference(&made.booked));
    all.extend(files(&made.filed));
    all.extend(files_by_reference(&made.booked));
    all.extend(programs(&made.assigned, &made.booked.offer));
    all.extend(webhooks(&made.hooked));
    all
}

fn booking(booked: &Booked) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let Booked { offer, hold, appointment, .. } = booked;
    let Offer { appointment_type, specialist, patient, membership, .. } = offer;
    let operation = hidden;
    let kind = format!("/v1/appointment-types/{appointment_type}");
    let hours = format!("/v1/specialists/{specialist}/weekly-hours");
    let booked = format!("/v1/appointments/{appointment}");
    let cancel = format!("{booked}/cancel");
    let token = format!("{booked}/video-token");
    let way = |way: &str| format!("{booked}/{way}");
    let reschedule = way("reschedule");
    let moved = || Some(json!({ "starts_at": later(48), "reason_code": "other" }));
    let held = format!("/v1/holds/{hold}");
    let renew = format!("{held}/renew");
    let person = format!("/v1/people/{patient}");
    let member = format!("/v1/memberships/{membership}");
    let week = json!({
        "timezone": "UTC",
        "hours": [{ "weekday": "mon", "start": "09:00", "end": "17:00" }],
    });
    let renamed = || Some(json!({ "display_name": "Theirs" }));
    let reason = || Some(json!({ "reason_code": "other" }));
    let consent = || Some(json!({ "recording_consent": true }));
    vec![
        operation("GET /v1/appointment-types/{}", Admin, &kind, None),
        operation("GET /v1/appointment-types/{}", Patient, &kind, None),
        operation(
            "PATCH /v1/appointment-types/{}",
            Admin,
            &kind,
            Some(json!({ "name": "Theirs" })),
        ),
        operation("DELETE /v1/appointment-types/{}", Admin, &kind, None),
        operation("PUT /v1/specialists/{}/weekly-hours", Admin, &hours, Some(week)),
        operation("POST /v1/holds/{}/renew", Patient, &renew, None),
        operation("DELETE /v1/holds/{}", Patient, &held, None),
        operation("GET /v1/appointments/{}", Admin, &booked, None),
        operation("GET /v1/appointments/{}", Specialist, &booked, None),
        operation("GET /v1/appointments/{}", Patient, &booked, None),
        operation("PATCH /v1/appointments/{}", Admin, &booked, consent()),
        operation("PATCH /v1/appointments/{}", Patient, &booked, consent()),
        operation("POST /v1/appointments/{}/cancel", Admin, &cancel, reason()),
        operation("POST /v1/appointments/{}/cancel", Patient, &cancel, reason()),
        operation("POST /v1/appointments/{}/reschedule", Admin, &reschedule, moved()),
        operation("POST /v1/appointments/{}/reschedule", Patient, &reschedule, moved()),
        operation("POST /v1/appointments/{}/start", Specialist, &way("start"), None),
        operation("POST /v1/appointments/{}/complete", Admin, &way("complete"), None),
        operation("POST /v1/appointments/{}/no-show", Admin, &way("no-show"), None),
        operation("POST /v1/appointments/{}/video-token", Specialist, &token, None),
        operation("POST /v1/appointments/{}/video-token", Patient, &token, None),
        operation("GET /v1/people/{}", Admin, &person, None),
        operation("GET /v1/people/{}", Specialist, &person, None),
        operation("PATCH /v1/people/{}", Admin, &person, renamed()),
        operation("PATCH /v1/memberships/{}", Admin, &member, Some(json!({ "role": "patient" }))),
        operation("DELETE /v1/memberships/{}", Admin, &member, None),
    ]
}

/// What breaks the weekly hours, and the calendar file.
fn exceptions(booked: &Booked) -> Vec<Operation> {
    use Who::{Admin, Patient};
    let Booked { offer, appointment, .. } = booked;
    let specialist = format!("/v1/specialists/{}", offer.specialist);
    let dates = format!("{specialist}/date-overrides");
    let date = format!("{specialist}/date-overrides/2190-01-01");
    let away = format!("{specialist}/time-off");
    let one = format!("{away}/{}", offer.time_off);
    let closure = format!("/v1/closures/{}", offer.closure);
    let calendar = format!("/v1/appointments/{appointment}.ics");
    let closed = || Some(json!({ "hours": [] }));
    let long = || Some(json!({ "from": "2190-01-01T10:00:00Z", "to": "2190-01-02T10:00:00Z" }));
    vec![
        hidden("GET /v1/specialists/{}", Admin, &specialist, None),
        hidden("GET /v1/specialists/{}/date-overrides", Admin, &dates, None),
        hidden("PUT /v1/specialists/{}/date-overrides/{}", Admin, &date, closed()),
        hidden("DELETE /v1/specialists/{}/date-overrides/{}", Admin, &date, None),
        hidden("GET /v1/specialists/{}/time-off", Admin, &away, None),
        hidden("POST /v1/specialists/{}/time-off", Admin, &away, long()),
        hidden("DELETE /v1/specialists/{}/time-off/{}", Admin, &one, None),
        hidden("DELETE /v1/closures/{}", Admin, &closure, None),
        hidden("GET /v1/appointments/{}.ics", Admin, &calendar, None),
        hidden("GET /v1/appointments/{}.ics", Patient, &calendar, None),
    ]
}

fn recordings(recorded: &Recorded) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let all = format!("/v1/appointments/{}/recordings", recorded.appointment);
    let one = format!("{all}/{}", recorded.recording);
    let file = format!("/v1/files/{}/download", recorded.file);
    vec![
        hidden("GET /v1/appointments/{}/recordings", Admin, &all, None),
        hidden("GET /v1/appointments/{}/recordings", Patient, &all, None),
        hidden("POST /v1/appointments/{}/recordings", Specialist, &all, None),
        hidden("DELETE /v1/appointments/{}/recordings/{}", Specialist, &one, None),
        hidden("DELETE /v1/appointments/{}/recordings/{}", Admin, &one, None),
        hidden("GET /v1/files/{}/download", Specialist, &file, None),
    ]
}

fn named_by_reference(booked: &Booked) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let Booked { offer, hold, free, .. } = booked;
    let Offer { appointment_type, specialist, patient, .. } = offer;
    let operation = |template: &'static str, who, body, refused| {
        let path = template.split(' ').nth(1).unwrap_or_default().to_owned();
        Operation { template, who, path, body: Some(body), refused }
    };
    let slots = Operation {
        template: "GET /v1/availability",
        who: Patient,
        path: format!(
            "/v1/availability?appointment_type_id={appointment_type}&specialist_id={specialist}&from={}&to={}",
            later(1),
            later(4)
        ),
        body: None,
        refused: 404,
    };
    let mut for_a_patient = at(offer, free);
    if let Some(fields) = for_a_patient.as_object_mut() {
        fields.insert("patient_id".to_owned(), json!(patient));
    }
    let member = json!({ "person_id": patient, "subject": "nobody-yet", "role": "patient" });
    vec![
        slots,
        operation("POST /v1/holds", Patient, at(offer, free), 404),
        operation("POST /v1/appointments", Patient, at(offer, free), 404),
        operation("POST /v1/appointments", Specialist, for_a_patient, 404),
        // A hold that is not the caller's is lost to them, wherever it is.
        operation("POST /v1/appointments", Patient, json!({ "hold_id": hold }), 409),
        operation("POST /v1/memberships", Admin, member, 404),
    ]
}

fn files(filed: &Filed) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let file = format!("/v1/files/{}", filed.document);
    let way = |way: &str| format!("{file}/{way}");
    let in_one_part =
        || Some(json!({ "parts": [{ "size_bytes": 1000, "sha256": "0".repeat(64) }] }));
    let signed = || Some(json!({ "signature_file_id": filed.signature }));
    vec![
        hidden("GET /v1/files/{}", Admin, &file, None),
        hidden("GET /v1/files/{}", Specialist, &file, None),
        hidden("GET /v1/files/{}", Patient, &file, None),
        hidden("PATCH /v1/files/{}", Admin, &file, Some(json!({ "legal_hold": true }))),
        hidden("DELETE /v1/files/{}", Admin, &file, None),
        hidden("DELETE /v1/files/{}", Patient, &file, None),
        hidden("PUT /v1/files/{}/content", Specialist, &way("content"), None),
        hidden("POST /v1/files/{}/parts", Specialist, &way("parts"), in_one_part()),
        hidden("POST /v1/files/{}/complete", Specialist, &way("complete"), None),
        hidden("GET /v1/files/{}/download", Admin, &way("download"), None),
        hidden("GET /v1/files/{}/download", Specialist, &way("download"), None),
        hidden("GET /v1/files/{}/download", Patient, &way("download"), None),
        hidden("POST /v1/files/{}/sign", Patient, &way("sign"), signed()),
        hidden("GET /v1/files/{}/signatures", Admin, &way("signatures"), None),
    ]
}

fn files_by_reference(booked: &Booked) -> Vec<Operation> {
    use Who::{Admin, Specialist};
    let (patient, appointment) = (&booked.offer.patient, &booked.appointment);
    let report = |field: &str, value: Value| {
        let mut body = json!({
            "kind": "document",
            "file_name": "theirs.pdf",
            "content_type": "application/pdf",
            "size_bytes": 1000,
            "sha256": "0".repeat(64),
        });
        if let Some(fields) = body.as_object_mut() {
            fields.insert(field.to_owned(), value);
        }
        Some(body)
    };
    let of = appointment.parse::<i64>().map_or(Value::Null, Value::from);
    let listed = format!("/v1/files?patient_id={patient}");
    vec![
        // A filter that nothing of one's own fits.
        Operation { refused: 200, ..hidden("GET /v1/files", Admin, &listed, None) },
        hidden("POST /v1/files", Specialist, "/v1/files", report("patient_id", json!(patient))),
        hidden("POST /v1/files", Specialist, "/v1/files", report("appointment_id", of)),
    ]
}

fn programs(assigned: &Assigned, offer: &Offer) -> Vec<Operation> {
    use Who::{Admin, Patient, Specialist};
    let Assigned { program, exercise } = assigned;
    let path = format!("/v1/programs/{program}");
    let way = |way: &str| format!("{path}/{way}");
    let plan = json!({
        "patient_id": offer.patient,
        "exercises": [{ "id": exercise, "sets": 3, "reps": 12 }],
        "sessions_per_week": 3,
        "starts_on": "2026-01-05",
    });
    let listed = format!("/v1/programs?patient_id={}", offer.patient);
    let fewer = || Some(json!({ "sessions_per_week": 1 }));
    vec![
        hidden("GET /v1/programs/{}", Admin, &path, None),
        hidden("GET /v1/programs/{}", Patient, &path, None),
        hidden("PATCH /v1/programs/{}", Specialist, &path, fewer()),
        hidden("POST /v1/programs/{}/pause", Specialist, &way("pause"), None),
        hidden("POST /v1/programs/{}/resume", Admin, &way("resume"), None),
        hidden("POST /v1/programs/{}/end", Admin, &way("end"), None),
        hidden("POST /v1/programs", Specialist, "/v1/programs", Some(plan)),
        // A filter that nothing of one's own fits.
        Operation { refused: 200, ..hidden("GET /v1/programs", Admin, &listed, None) },
    ]
}

fn webhooks(hooked: &Hooked) -> Vec<Operation> {
    use Who::Admin;
    let endpoint = format!("/v1/webhook-endpoints/{}", hooked.endpoint);
    let delivery = format!("/v1/webhook-deliveries/{}", hooked.delivery);
    let disabled = Some(json!({ "event_types": ["file.*"] }));
    let of_endpoint = |template, way: &str| {
        let body = match way {
            "rotate-secret" => Some(json!({ "grace_hours": 0 })),
            "replay" => Some(json!({ "from_seq": 1 })),
            _ => None,
        };
        hidden(template, Admin, &format!("{endpoint}/{way}"), body)
    };
    vec![
        hidden("GET /v1/webhook-endpoints/{}", Admin, &endpoint, None),
        hidden("PATCH /v1/webhook-endpoints/{}", Admin, &endpoint, disabled),
        hidden("DELETE /v1/webhook-endpoints/{}", Admin, &endpoint, None),
        of_endpoint("POST /v1/webhook-endpoints/{}/verify", "verify"),
        of_endpoint("POST /v1/webhook-endpoints/{}/enable", "enable"),
        of_endpoint("POST /v1/webhook-endpoints/{}/disable", "disable"),
        of_endpoint("POST /v1/webhook-endpoints/{}/test", "test"),
        of_endpoint("POST /v1/webhook-endpoints/{}/rotate-secret", "rotate-secret"),
        of_endpoint("POST /v1/webhook-endpoints/{}/replay", "replay"),
        hidden(
            "GET /v1/webhook-deliveries/{}/attempts",
            Admin,
            &format!("{delivery}/attempts"),
            None,
        ),
        hidden("POST /v1/webhook-deliveries/{}/resend", Admin, &format!("{delivery}/resend"), None),
        hidden("GET /v1/webhook-jobs/{}", Admin, &format!("/v1/webhook-jobs/{}", hooked.job), None),
        hidden(
            "DELETE /v1/api-clients/{}",
            Admin,
            &format!("/v1/api-clients/{}", hooked.program),
            None,
        ),
    ]
}

/// One whose id is a 404 for strangers.
fn hidden(template: &'static str, who: Who, path: &str, body: Option<Value>) -> Operation {
    Operation { template, who, path: path.to_owned(), body, refused: 404 }
}
