//! `cargo xtask verify-isolation`: the probes of isolation against a stack of its own, or a deployed one.
//!
//! The looking is the business of the program `verify-isolation`, which is told by its environment where
//! the stack is. A deployed one (`--config FILE`) is not started here.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::run::Session;
use crate::services::{Purpose, write_private};
use crate::stack::{self, Client, Clinic, Plan, Register, Stack};

/// Longer than any run.
const MINUTES: u32 = 60;

/// What the program is asked.
#[derive(Default)]
pub(crate) struct Options {
    /// Its own arguments.
    pub(crate) arguments: Vec<String>,
    /// The running `dev` stack instead of one of its own.
    pub(crate) dev: bool,
}

impl Options {
    fn asks(&self, name: &str) -> bool {
        self.arguments.iter().any(|argument| argument == name)
    }

    /// Whether there is nothing here to start.
    fn needs_no_stack(&self) -> bool {
        let without = ["--config", "--list", "--attest", "--help"];
        self.arguments.iter().any(|argument| {
            let name = argument.split('=').next().unwrap_or_default();
            without.contains(&name)
        })
    }
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    let code = verified(session, options)?.and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Every probe, as a step of the tests.
pub(crate) fn every_probe(session: &Session) -> Result<()> {
    match verified(session, &Options::default())? {
        Some(0) => Ok(()),
        _ => bail!("not every probe is GREEN"),
    }
}

/// The probes that take minutes.
pub(crate) fn times(session: &Session) -> Result<()> {
    let arguments = vec!["--soak".to_owned()];
    match verified(session, &Options { arguments, dev: false })? {
        Some(0) => Ok(()),
        _ => bail!("the time tells what another clinic has"),
    }
}

/// The program's exit code.
fn verified(session: &Session, options: &Options) -> Result<Option<i32>> {
    // Apart from the server: Cargo unites the features of what is built together.
    let programs = stack::build(session, &["restartix-verify-isolation"], false)?;
    let mut command = Command::new(stack::program(&programs, "verify-isolation")?);
    command.args(&options.arguments);
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]).current_dir(session.workspace().root());
    if let Ok(commit) = session.output(&mut git) {
        command.env("RESTARTIX_VERIFY_COMMIT", commit.trim());
    }
    if options.dev && !options.needs_no_stack() {
        running(session, options, &mut command)?;
    } else if !options.needs_no_stack() {
        let dir = session.workspace().target().join("isolation");
        session.claim(&dir)?;
        let plan = Plan {
            dir: dir.clone(),
            port: None,
            release: false,
            purpose: Purpose::Watched,
            database_url: None,
            redis_url: None,
            mutants: options.asks("--prove"),
        };
        for file in ["secrets.json", "demo-data.json"] {
            // Left by a run before.
            let _absent = fs::remove_file(dir.join(file));
        }
        let mut stack = Stack::prepare(session, &plan)?;
        stack.lift_rate_limits();
        stack.trace_everything();
        let mut register = Register::open(dir.join("demo-data.json"));
        let clinics = stack::clinics(session, &stack, &mut register)?;
        let client = stack.serve(session, &dir)?;
        let file = dir.join("api.json");
        write_private(&file, &api(session, &stack, &dir, &client, &clinics)?.to_string())?;
        command.env("RESTARTIX_VERIFY_DATABASE_URL", &stack.database_url);
        command.env("RESTARTIX_VERIFY_API", file);
        let file = dir.join("storage.json");
        write_private(&file, &stack.storage()?.to_string())?;
        command.env("RESTARTIX_VERIFY_STORAGE", file);
    }
    Ok(command.status()?.code())
}

/// Points the program to the database and the bucket of the running `dev` stack. What tries the interface
/// needs furnished clinics and no rate limits, and would write canaries over the names that somebody works
/// with: it is left out.
fn running(session: &Session, options: &Options, command: &mut Command) -> Result<()> {
    if options.asks("--prove") || options.asks("--soak") {
        bail!("faults are planted in a stack of their own: --target local");
    }
    let environment = stack::left_in(&session.workspace().target().join("dev"))?;
    let database = environment.iter().find(|(key, _)| key == "CORE_DATABASE__BOOTSTRAP_URL");
    let (_, database) = database.context("the dev stack names no database")?;
    command.env("RESTARTIX_VERIFY_DATABASE_URL", database);
    let file = session.workspace().target().join("dev/storage.json");
    write_private(&file, &stack::storage_of(&environment)?.to_string())?;
    command.env("RESTARTIX_VERIFY_STORAGE", file);
    Ok(())
}

/// Who is there, for the endpoint matrix: two clinics that are furnished, somebody whose membership ended,
/// a member of a clinic that is suspended.
fn api(
    session: &Session,
    stack: &Stack,
    dir: &Path,
    client: &Client,
    clinics: &[Clinic],
) -> Result<Value> {
    let described = clinics.iter().take(2).map(|clinic| furnished(session, stack, client, clinic));
    let described = described.collect::<Result<Vec<_>>>()?;
    let first = clinics.first().context("the fixture has no clinic")?;
    let admin =
        client.with_token(&stack.token(session, &first.first("admin")?.subject, MINUTES)?);
    let left = member(session, stack, first.id, "probe-left")?;
    let answer = admin.call(
        "DELETE",
        &format!("/v1/memberships/{}", left.word("membership_id")?),
        None,
        &[],
    )?;
    if answer.status >= 300 {
        bail!("the membership that ends: {}", answer.text);
    }
    let asleep = ["org", "create", "--name", "Asleep", "--timezone", "UTC"];
    let asleep = Printed(serde_json::from_str(&stack.core_api(session, &asleep)?)?).word("id")?;
    member(session, stack, asleep.parse()?, "probe-asleep")?;
    stack.core_api(session, &["org", "suspend", "--id", &asleep])?;
    Ok(json!({
        "url": stack.url,
        "clinics": described,
        "removed": stack.token(session, "probe-left", MINUTES)?,
        "suspended": stack.token(session, "probe-asleep", MINUTES)?,
        "mutants": stack.mutants,
        "outside": {
            "receiver": stack.receiver_url,
            "telemetry": stack.telemetry_url,
            "daily": stack.daily_url,
            "s3": stack.storage()?.get("endpoint"),
            "log": dir.join("core-api.log"),
            "redis": stack.redis_url,
            "statements": dir.join("postgres.log"),
        },
    }))
}

fn furnished(session: &Session, stack: &Stack, client: &Client, clinic: &Clinic) -> Result<Value> {
    let mut tokens = Map::new();
    for role in ["admin", "specialist", "patient"] {
        let token = stack.token(session, &clinic.first(role)?.subject, MINUTES)?;
        tokens.insert(role.to_owned(), token.into());
    }
    let admin = tokens.get("admin").and_then(Value::as_str).unwrap_or_default();
    let admin = client.with_token(admin);
    let specialist = stack::specialist_id(&admin, clinic.first("specialist")?)?;
    let early = json!({ "lead_minutes": 1440 });
    let early = admin.call("PATCH", "/v1/organization", Some(&early), &[])?;
    if early.status != 200 {
        bail!("the lead of {}: {}", clinic.name, early.text);
    }
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours = days.map(|day| json!({ "weekday": day, "start": "00:00", "end": "24:00" }));
    let body = json!({ "timezone": "UTC", "hours": hours });
    let answer = admin.put(&format!("/v1/specialists/{specialist}/weekly-hours"), &body)?;
    if answer.status != 200 {
        bail!("the hours of {}: {}", clinic.name, answer.text);
    }
    Ok(json!({
        "organization_id": clinic.id,
        "tokens": tokens,
        "specialist_id": specialist,
        "patient_id": clinic.first("patient")?.person_id,
        "receiver": format!("{}/hooks/probe-{}", stack.receiver_url, clinic.id),
    }))
}

/// What a command of the server printed.
struct Printed(Value);

impl Printed {
    fn word(&self, name: &str) -> Result<String> {
        let found = self.0.get(name).with_context(|| format!("core-api printed no {name}"))?;
        Ok(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
    }
}

fn member(session: &Session, stack: &Stack, organization: i64, subject: &str) -> Result<Printed> {
    let organization = organization.to_string();
    let mut arguments =
        vec!["member", "add", "--organization", &organization, "--subject", subject];
    arguments.extend(["--role", "patient", "--name", "Probe", "--timezone", "UTC"]);
    Ok(Printed(serde_json::from_str(&stack.core_api(session, &arguments)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployed_stack_is_not_started() {
        let asked = |arguments: &[&str]| Options {
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            dev: false,
        };
        assert!(asked(&["--config", "a.json"]).needs_no_stack());
        assert!(asked(&["--config=a.json"]).needs_no_stack());
        assert!(asked(&["--list"]).needs_no_stack());
        assert!(!asked(&["--prove"]).needs_no_stack());
    }
}
