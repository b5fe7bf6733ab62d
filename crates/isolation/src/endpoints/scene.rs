//! Two clinics on a running stack, and how one gets one of each thing that has an id.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Answer, Request, send};
use super::document::Operation;

/// Where the stack listens, and who is there.
#[derive(Clone, Debug, Deserialize)]
pub struct Api {
    /// The server, without a path.
    pub url: String,
    /// Two clinics that are furnished alike.
    pub clinics: [Clinic; 2],
    /// The token of somebody whose only membership ended.
    pub removed: String,
    /// The token of a member of an organisation that is suspended.
    pub suspended: String,
    /// What the platform speaks to; absent on a deployed stack.
    #[serde(default)]
    pub outside: Option<Outside>,
    /// The port of loopback at which mutants are planted, where the server has any.
    #[serde(default)]
    pub mutants: Option<u16>,
}

/// Where everything is that the platform speaks to or writes: stand-ins, its log, its Redis.
#[derive(Clone, Debug, Deserialize)]
pub struct Outside {
    /// The receiver of webhooks.
    pub receiver: String,
    /// The Telemetry service's stand-in.
    pub telemetry: String,
    /// Daily's stand-in.
    pub daily: String,
    /// S3's stand-in.
    pub s3: String,
    /// The file of the server's log.
    pub log: String,
    /// The URL of Redis.
    pub redis: String,
    /// The file of PostgreSQL's log, with every statement.
    #[serde(default)]
    pub statements: Option<String>,
}

/// A clinic and the tokens of three of its members.
#[derive(Clone, Debug, Deserialize)]
pub struct Clinic {
    /// Its number.
    pub organization_id: i64,
    /// By role.
    pub tokens: BTreeMap<String, String>,
    /// The id of a specialist who works.
    pub specialist_id: String,
    /// The id of a patient.
    pub patient_id: String,
    /// Where its webhooks go.
    pub receiver: String,
}

/// The roles, the mightiest first.
pub(super) const ROLES: [&str; 3] = ["admin", "specialist", "patient"];

impl Clinic {
    pub(super) fn token(&self, role: &str) -> Result<&str> {
        self.tokens.get(role).map(String::as_str).with_context(|| format!("no token of a {role}"))
    }
}

/// What a clinic made so far, by collection.
pub(super) struct Scene<'a> {
    api: &'a Api,
    at: usize,
    made: BTreeMap<String, String>,
    /// Everything that was ever made, to be taken away.
    all: Vec<(String, String)>,
    /// Each booking takes another slot.
    slots: usize,
    /// What people and files are called.
    name: &'a str,
}

impl<'a> Scene<'a> {
    pub(super) const fn new(api: &'a Api, at: usize) -> Self {
        Self::named(api, at, "Somebody")
    }

    /// One whose people and files are called so.
    pub(super) const fn named(api: &'a Api, at: usize, name: &'a str) -> Self {
        Self { api, at, made: BTreeMap::new(), all: Vec::new(), slots: 0, name }
    }

    pub(super) fn clinic(&self) -> Result<&'a Clinic> {
        self.api.clinics.get(self.at).context("two clinics")
    }

    fn ask(&self, role: &str, method: &str, path: &str, body: Option<Value>) -> Result<Answer> {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body,
            bytes: None,
        };
        let answer = send(&self.api.url, Some(self.clinic()?.token(role)?), &request)?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path} as {role}: {} {}", answer.status, answer.text);
        }
        Ok(answer)
    }

    /// The id of one of these in this clinic; none if nobody knows how to make one.
    pub(super) fn one(&mut self, collection: &str) -> Result<Option<String>> {
        if let Some(id) = self.made.get(collection) {
            return Ok(Some(id.clone()));
        }
        let clinic = self.clinic()?;
        let id = match collection {
            "specialists" => clinic.specialist_id.clone(),
            "patients" => clinic.patient_id.clone(),
            "appointment-types" => {
                let body = json!({ "name": "Probe", "duration_minutes": 10, "interval_minutes": 10, "online": true, "recording": true });
                id_of(&self.ask("admin", "POST", "/v1/appointment-types", Some(body))?)?
            }
            "people" => {
                let body = json!({ "display_name": self.name, "timezone": "UTC" });
                id_of(&self.ask("admin", "POST", "/v1/people", Some(body))?)?
            }
            "memberships" => {
                // Whoever is there may be a member by now.
                self.gone("people");
                let person = self.one("people")?.context("a person")?;
                let subject = format!("probe-{person}");
                let body = json!({ "person_id": person, "subject": subject, "role": "patient" });
                self.gone("people");
                id_of(&self.ask("admin", "POST", "/v1/memberships", Some(body))?)?
            }
            "holds" => {
                let body = self.slot()?;
                id_of(&self.ask("patient", "POST", "/v1/holds", Some(body))?)?
            }
            "appointments" => {
                let mut body = self.slot()?;
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("patient_id".to_owned(), json!(clinic.patient_id));
                    fields.insert("recording_consent".to_owned(), json!(true));
                }
                id_of(&self.ask("specialist", "POST", "/v1/appointments", Some(body))?)?
            }
            "recordings" => {
                // What is there may be of a type that was changed or taken away meanwhile.
                self.gone("appointment-types");
                self.gone("appointments");
                let appointment = self.one("appointments")?.context("an appointment")?;
                self.recording(&appointment)?
            }
            "files" => {
                let mut body = announcement();
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("patient_id".to_owned(), json!(clinic.patient_id));
                    fields.insert("file_name".to_owned(), json!(format!("{}.pdf", self.name)));
                }
                id_of(&self.ask("specialist", "POST", "/v1/files", Some(body))?)?
            }
            "programs" => {
                let body = json!({
                    "patient_id": clinic.patient_id, "sessions_per_week": 5,
                    "starts_on": "2026-01-01", "exercises": self.exercises()?,
                });
                id_of(&self.ask("admin", "POST", "/v1/programs", Some(body))?)?
            }
            "time-off" => {
                let path = format!("/v1/specialists/{}/time-off", clinic.specialist_id);
                let body = json!({ "from": "2190-01-01T10:00:00Z", "to": FAR_AWAY });
                id_of(&self.ask("admin", "POST", &path, Some(body))?)?
            }
            "closures" => {
                let body = json!({ "starts_on": FAR_DAY, "ends_on": FAR_DAY });
                id_of(&self.ask("admin", "POST", "/v1/closures", Some(body))?)?
            }
            "webhook-endpoints" => {
                let body = json!({ "url": clinic.receiver, "event_types": ["*"] });
                id_of(&self.ask("admin", "POST", "/v1/webhook-endpoints", Some(body))?)?
            }
            "api-clients" => {
                let body = json!({ "name": "Probe", "scopes": ["appointments:read"] });
                id_of(&self.ask("admin", "POST", "/v1/api-clients", Some(body))?)?
            }
            "webhook-jobs" => {
                let endpoint = self.one("webhook-endpoints")?.context("an endpoint")?;
                self.answering(&endpoint)?;
                let path = format!("/v1/webhook-endpoints/{endpoint}/replay");
                id_of(&self.ask("admin", "POST", &path, Some(json!({ "from_seq": 1 })))?)?
            }
            "webhook-deliveries" => {
                self.one("webhook-endpoints")?;
                self.delivery()?
            }
            _ => return Ok(None),
        };
        self.made.insert(collection.to_owned(), id.clone());
        self.all.push((collection.to_owned(), id.clone()));
        Ok(Some(id))
    }

    /// Waits until an endpoint has answered.
    fn answering(&self, endpoint: &str) -> Result<()> {
        for _ in 0..100 {
            let told =
                self.ask("admin", "GET", &format!("/v1/webhook-endpoints/{endpoint}"), None)?;
            if told.body.get("status").and_then(Value::as_str) == Some("enabled") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the clinic's endpoint does not answer")
    }

    /// The id of something that a worker sent, or tried to.
    fn delivery(&self) -> Result<String> {
        for _ in 0..100 {
            let listed = self.ask("admin", "GET", "/v1/webhook-deliveries?limit=1", None)?;
            if let Some(id) = listed.body.pointer("/items/0/id").and_then(Value::as_str) {
                return Ok(id.to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("nothing was sent to the clinic's endpoint")
    }

    /// The id of a recording that was asked for, once the appointment has a room.
    fn recording(&self, appointment: &str) -> Result<String> {
        let path = format!("/v1/appointments/{appointment}/recordings");
        let mut last = None;
        for _ in 0..100 {
            match self.ask("specialist", "POST", &path, None) {
                Ok(made) => return id_of(&made),
                Err(error) => last = Some(error),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Err(last.context("nothing was asked")?)
    }

    /// The one of this collection is used up, and with an appointment what was recorded of it.
    pub(super) fn gone(&mut self, collection: &str) {
        self.made.remove(collection);
        if collection == "appointments" {
            self.made.remove("recordings");
        }
    }

    /// Notes what was made by asking for it at `path`: it is taken away with the rest.
    pub(super) fn note(&mut self, path: &str, answer: &Answer) {
        let collection = path.strip_prefix("/v1/").filter(|rest| !rest.contains('/'));
        if let (201, Some(collection), Ok(id)) = (answer.status, collection, id_of(answer)) {
            self.all.push((collection.to_owned(), id));
        }
    }

    /// Takes away what was made, as far as the interface lets one; what is gone already is gone.
    pub(super) fn tidy(&mut self) {
        let reason = || Some(json!({ "reason_code": "other" }));
        for (collection, id) in std::mem::take(&mut self.all).iter().rev() {
            let path = format!("/v1/{collection}/{id}");
            let _gone = match collection.as_str() {
                "appointments" => self.ask("admin", "POST", &format!("{path}/cancel"), reason()),
                "holds" => self.ask("patient", "DELETE", &path, None),
                "webhook-endpoints" | "api-clients" | "appointment-types" | "memberships"
                | "files" | "closures" => self.ask("admin", "DELETE", &path, None),
                "time-off" => {
                    let Ok(clinic) = self.clinic() else { continue };
                    let path = format!("/v1/specialists/{}/time-off/{id}", clinic.specialist_id);
                    self.ask("admin", "DELETE", &path, None)
                }
                "programs" => self.ask("admin", "POST", &format!("{path}/end"), None),
                _ => continue,
            };
        }
        self.made.clear();
    }

    /// What a field or parameter of this name refers to; none if it refers to nothing.
    pub(super) fn referred(&mut self, field: &str) -> Result<Option<String>> {
        let collection = match field {
            "appointment_type_id" => "appointment-types",
            "specialist_id" => "specialists",
            "hold_id" => "holds",
            "endpoint_id" => "webhook-endpoints",
            "appointment_id" => "appointments",
            "person_id" => "people",
            "signature_file_id" => "files",
            "program_id" => "programs",
            "exercise_id" => return Ok(Some(self.exercise()?.to_owned())),
            "patient_id" => return Ok(Some(self.clinic()?.patient_id.clone())),
            _ => return Ok(None),
        };
        self.one(collection)
    }

    /// A free slot, in the words of a hold.
    pub(super) fn slot(&mut self) -> Result<Value> {
        let kind = self.one("appointment-types")?.context("an appointment type")?;
        let specialist = &self.clinic()?.specialist_id;
        let [from, to] = window();
        let path = format!(
            "/v1/availability?appointment_type_id={kind}&specialist_id={specialist}&from={from}&to={to}"
        );
        let slots = self.ask("patient", "GET", &path, None)?;
        self.slots += 1;
        let free = slots.body.get("slots").and_then(Value::as_array).context("no slots")?;
        // Those of before are held, and one's own holds do not hide a slot.
        let slot = free.get((self.slots * 2) % free.len().max(1)).context("no free slot")?;
        let starts_at = slot.get("starts_at").context("a slot without a start")?;
        Ok(
            json!({ "appointment_type_id": kind, "specialist_id": specialist, "starts_at": starts_at }),
        )
    }
}

/// The day after the start of time off that meets no slot of a probe.
pub(super) const FAR_AWAY: &str = "2190-01-02T10:00:00Z";

/// A day on which no probe books.
pub(super) const FAR_DAY: &str = "2190-01-01";

impl Scene<'_> {
    /// The operation once for each id in its path, with its collection: the other ids are of this
    /// clinic, and a date is one on which no probe books.
    pub(super) fn varied(&mut self, operation: &Operation) -> Result<Vec<(String, Operation)>> {
        let path = operation.path.replace("{date}", FAR_DAY);
        let parts: Vec<_> = path.split('/').collect();
        let ids: Vec<_> = (1..parts.len())
            .filter(|at| parts.get(*at).is_some_and(|part| part.starts_with('{')))
            .collect();
        let mut all = Vec::new();
        for varied in &ids {
            let mut own: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
            for other in ids.iter().filter(|other| *other != varied) {
                let collection = parts.get(*other - 1).copied().unwrap_or_default();
                let id = self.one(collection)?.with_context(|| format!("none of {collection}"))?;
                if let Some(part) = own.get_mut(*other) {
                    *part = id;
                }
            }
            let collection = parts.get(*varied - 1).copied().unwrap_or_default();
            all.push((
                collection.to_owned(),
                Operation { path: own.join("/"), ..operation.clone() },
            ));
        }
        Ok(all)
    }
}

/// The bytes of every file that is made here.
pub(super) const BYTES: &[u8] = b"%PDF-1.7\n% a file that a probe of isolation made\n%%EOF\n";

/// What is said of them before they come.
pub(super) fn announcement() -> Value {
    use sha2::Digest as _;
    json!({
        "kind": "document",
        "file_name": "probe.pdf",
        "content_type": "application/pdf",
        "size_bytes": BYTES.len(),
        "sha256": hex::encode(sha2::Sha256::digest(BYTES)),
    })
}

/// The same as the only part of a file that comes in parts.
pub(super) fn in_one_part() -> Value {
    let announced = announcement();
    json!([{ "size_bytes": announced.get("size_bytes"), "sha256": announced.get("sha256") }])
}

/// What a programme of each clinic asks for: each has a library of its own.
const EXERCISES: [&str; 2] =
    ["0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f", "0198c6f0-7e6b-7c3a-9f5e-6f5e4d3c2b1a"];

impl Scene<'_> {
    fn exercise(&self) -> Result<&'static str> {
        EXERCISES.get(self.at).copied().context("two clinics")
    }

    /// The exercises of a programme.
    pub(super) fn exercises(&self) -> Result<Value> {
        Ok(json!([{ "id": self.exercise()?, "sets": 3, "reps": 10 }]))
    }

    /// What a patient reports of one of them, but for the programme.
    pub(super) fn completion(&self) -> Result<Value> {
        let now = restartix_kernel::Clock::now(&restartix_kernel::SystemClock);
        Ok(json!({
            "id": "0198c6f0-7e6b-7c3a-9f5e-aaaaaaaaaaaa", "type": "exercise.completed",
            "occurred_at": now.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "exercise_id": self.exercise()?,
            "sets": 3, "reps": 10, "duration_seconds": 600, "source": "self_reported",
        }))
    }
}

/// From an hour from now, until rooms are not open yet (clinics under test open them a day ahead).
pub(super) fn window() -> [String; 2] {
    let now = restartix_kernel::Clock::now(&restartix_kernel::SystemClock);
    [1, 22].map(|hours| {
        (now + chrono::TimeDelta::hours(hours)).format("%Y-%m-%dT%H:00:00Z").to_string()
    })
}

fn id_of(answer: &Answer) -> Result<String> {
    match answer.body.get("id") {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => bail!("no id in {}", answer.text),
    }
}
