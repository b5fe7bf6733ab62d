//! The two clinics of `fixtures/clinics.json`: their people by `core-api`, their furniture over HTTP.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::{Client, Stack, word};
use crate::run::Session;
use crate::workspace::{list, text};

/// A clinic as the fixture describes it, with the ids that the server gave.
pub(crate) struct Clinic {
    pub(crate) name: String,
    /// The organisation's id.
    pub(crate) id: i64,
    pub(crate) people: Vec<Person>,
    description: Value,
}

/// Somebody's membership in a clinic.
pub(crate) struct Person {
    /// The `sub` of their tokens.
    pub(crate) subject: String,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) person_id: String,
    pub(crate) membership_id: String,
}

impl Clinic {
    /// The first person of this role, in the fixture's order.
    pub(crate) fn first(&self, role: &str) -> Result<&Person> {
        let found = self.people.iter().find(|person| person.role == role);
        found.with_context(|| format!("{} has no {role}", self.name))
    }

    /// The second person of this role.
    pub(crate) fn second(&self, role: &str) -> Result<&Person> {
        let found = self.people.iter().filter(|person| person.role == role).nth(1);
        found.with_context(|| format!("{} has no second {role}", self.name))
    }
}

/// What has been made in a database already, kept in a file: a second run makes nothing twice, and a run that
/// was cut short is continued.
pub(crate) struct Register {
    file: PathBuf,
    made: Map<String, Value>,
}

impl Register {
    /// The register in `file`; empty if there is none.
    pub(crate) fn open(file: PathBuf) -> Self {
        let kept = fs::read_to_string(&file).ok().and_then(|kept| serde_json::from_str(&kept).ok());
        Self { file, made: kept.unwrap_or_default() }
    }

    /// What is noted under `key`; made and noted now if nothing is.
    pub(crate) fn once(
        &mut self,
        key: &str,
        make: impl FnOnce() -> Result<Value>,
    ) -> Result<Value> {
        if let Some(noted) = self.made.get(key) {
            return Ok(noted.clone());
        }
        let made = make()?;
        self.made.insert(key.to_owned(), made.clone());
        fs::write(&self.file, format!("{}\n", serde_json::to_string_pretty(&self.made)?))
            .with_context(|| format!("cannot write {}", self.file.display()))?;
        Ok(made)
    }
}

/// Makes the clinics and their people where the register does not know them.
pub(crate) fn clinics(
    session: &Session,
    stack: &Stack,
    register: &mut Register,
) -> Result<Vec<Clinic>> {
    let file = session.workspace().root().join("fixtures/clinics.json");
    let fixture =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let fixture: Value =
        serde_json::from_str(&fixture).context("fixtures/clinics.json is no JSON")?;
    list(&fixture, "clinics").map(|clinic| make_clinic(session, stack, register, clinic)).collect()
}

fn make_clinic(
    session: &Session,
    stack: &Stack,
    register: &mut Register,
    description: &Value,
) -> Result<Clinic> {
    let name = field(description, "name")?;
    let timezone = field(description, "timezone")?;
    let made = register.once(&format!("organization {name}"), || {
        json_of(
            &stack.core_api(session, &["org", "create", "--name", name, "--timezone", timezone])?,
        )
    })?;
    let id = made.get("id").and_then(Value::as_i64).context("`org create` answered no id")?;
    let people = list(description, "people")
        .map(|person| make_person(session, stack, register, id, timezone, person))
        .collect::<Result<_>>()?;
    Ok(Clinic { name: name.to_owned(), id, people, description: description.clone() })
}

fn make_person(
    session: &Session,
    stack: &Stack,
    register: &mut Register,
    organization: i64,
    timezone: &str,
    person: &Value,
) -> Result<Person> {
    let [subject, role, name] =
        [field(person, "subject")?, field(person, "role")?, field(person, "name")?];
    let made = register.once(&format!("member {subject} of {organization}"), || {
        let organization = organization.to_string();
        let mut arguments =
            vec!["member", "add", "--organization", &organization, "--subject", subject];
        arguments.extend(["--role", role, "--name", name, "--timezone", timezone]);
        if let Some(email) = text(person, "email") {
            arguments.extend(["--email", email]);
        }
        json_of(&stack.core_api(session, &arguments)?)
    })?;
    Ok(Person {
        subject: subject.to_owned(),
        role: role.to_owned(),
        name: name.to_owned(),
        person_id: made.get("person_id").map(word).context("`member add` answered no person_id")?,
        membership_id: made
            .get("membership_id")
            .map(word)
            .context("`member add` answered no membership_id")?,
    })
}

impl Clinic {
    /// Makes the clinic's appointment types and its specialists' hours, as its admin, once.
    pub(crate) fn furnish(&self, admin: &Client, register: &mut Register) -> Result<()> {
        for kind in list(&self.description, "appointment_types") {
            let name = field(kind, "name")?;
            register.once(&format!("appointment type {name} of {}", self.id), || {
                let answer = admin.post("/v1/appointment-types", kind)?;
                if answer.status != 201 {
                    bail!("the appointment type {name} of {}: {}", self.name, answer.text);
                }
                Ok(answer.json)
            })?;
        }
        for hours in list(&self.description, "weekly_hours") {
            let subject = field(hours, "subject")?;
            let person = self.people.iter().find(|person| person.subject == subject);
            let person =
                person.with_context(|| format!("fixtures/clinics.json: no person {subject}"))?;
            register.once(&format!("hours of {subject} in {}", self.id), || {
                let specialist = specialist_id(admin, person)?;
                let body =
                    json!({ "timezone": hours.get("timezone"), "hours": hours.get("hours") });
                let answer =
                    admin.put(&format!("/v1/specialists/{specialist}/weekly-hours"), &body)?;
                if answer.status != 200 {
                    bail!("the hours of {subject}: {}", answer.text);
                }
                Ok(answer.json)
            })?;
        }
        Ok(())
    }
}

/// The id of a person as a specialist of the client's clinic.
pub(crate) fn specialist_id(client: &Client, person: &Person) -> Result<String> {
    let answer = client.get("/v1/specialists?limit=100")?;
    let found = list(&answer.json, "items").find(|item| {
        text(item, "id") == Some(&person.person_id)
            || text(item, "person_id") == Some(&person.person_id)
    });
    let id = found.and_then(|item| item.get("id")).map(word);
    id.with_context(|| format!("/v1/specialists does not name {}: {}", person.name, answer.text))
}

fn field<'a>(object: &'a Value, name: &str) -> Result<&'a str> {
    text(object, name)
        .with_context(|| format!("fixtures/clinics.json: `{name}` is missing in {object}"))
}

fn json_of(printed: &str) -> Result<Value> {
    serde_json::from_str(printed).with_context(|| format!("core-api printed no JSON: {printed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("register.json");
        let mut register = Register::open(file.clone());
        assert_eq!(
            register.once("organization A", || Ok(json!({ "id": 1 }))).unwrap(),
            json!({ "id": 1 })
        );
        let mut again = Register::open(file);
        assert_eq!(
            again.once("organization A", || bail!("made twice")).unwrap(),
            json!({ "id": 1 })
        );
    }

    #[test]
    fn a_failure_is_not_noted() {
        let dir = tempfile::tempdir().unwrap();
        let mut register = Register::open(dir.path().join("register.json"));
        assert!(register.once("organization A", || bail!("the server is gone")).is_err());
        assert_eq!(
            register.once("organization A", || Ok(json!({ "id": 2 }))).unwrap(),
            json!({ "id": 2 })
        );
    }
}
