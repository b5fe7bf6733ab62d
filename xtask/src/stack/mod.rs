//! The whole stack on loopback: PostgreSQL, Redis, the stand-ins, the server.

mod clinics;
mod http;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub(crate) use clinics::{Clinic, Person, Register, clinics, specialist_id};
pub(crate) use http::{Answer, Client};
pub(crate) use settings::random_uuid;

use crate::run::{Session, Stop};
use crate::services::{self, Purpose};
use crate::workspace::text;
use http::word;
use settings::{Places, Secrets};

/// What kind of stack.
pub(crate) struct Plan {
    /// The folder of everything that the stack writes.
    pub(crate) dir: PathBuf,
    /// The server's port; any free one if absent.
    pub(crate) port: Option<u16>,
    /// Built with optimisation.
    pub(crate) release: bool,
    pub(crate) purpose: Purpose,
    /// A DBA's URL of a database that somebody else runs, instead of a cluster of our own.
    pub(crate) database_url: Option<String>,
    /// A Redis that somebody else runs.
    pub(crate) redis_url: Option<String>,
    /// The server with faults compiled in, in the place of the real one.
    pub(crate) mutants: bool,
}

/// A running stack. It stops with the session.
pub(crate) struct Stack {
    /// The server's own address, `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// Daily's stand-in.
    pub(crate) daily_url: String,
    /// The receiver of webhooks: endpoints are `/hooks/NAME` below it.
    pub(crate) receiver_url: String,
    /// The Telemetry service's stand-in.
    pub(crate) telemetry_url: String,
    /// The superuser's URL of the database.
    pub(crate) database_url: String,
    /// Whether the database was made just now and holds nothing.
    pub(crate) fresh: bool,
    pub(crate) redis_url: String,
    /// The port at which faults are planted, where the server has any.
    pub(crate) mutants: Option<u16>,
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Stack {
    /// Builds and starts everything but the server: PostgreSQL with the schema, Redis, the stand-ins.
    /// The session has claimed the plan's folder.
    pub(crate) fn prepare(session: &Session, plan: &Plan) -> Result<Self> {
        let (package, server) = if plan.mutants {
            ("restartix-mutant-server", "mutant-server")
        } else {
            ("restartix-core-api", "core-api")
        };
        let programs = build(session, &[package, "restartix-sandbox"], plan.release)?;
        let secrets = Secrets::of(&plan.dir)?;
        let (database_url, fresh) = match &plan.database_url {
            Some(given) => (given.clone(), false),
            None => {
                let cluster = services::postgres(session, &plan.dir, plan.purpose)?;
                (cluster.url, cluster.fresh)
            }
        };
        let redis_url = match &plan.redis_url {
            Some(given) => given.clone(),
            None => services::redis(session, &plan.dir)?,
        };
        let port = plan.port.map_or_else(services::free_port, Ok)?;
        let sandbox = program(&programs, "restartix-sandbox")?;
        let stand_ins = StandIns { session, program: sandbox, dir: &plan.dir };
        let notices = format!("http://127.0.0.1:{port}/v1/integrations/daily/events");
        let daily_url = stand_ins.start(
            "daily",
            &[
                ("--api-key", secrets.get("daily_api_key")?),
                ("--domain-id", secrets.get("daily_domain_id")?),
                ("--webhook-url", &notices),
                ("--webhook-hmac", secrets.get("daily_notice_key")?),
            ],
        )?;
        let s3_url = stand_ins.start(
            "s3",
            &[
                ("--access-key-id", secrets.get("s3_access_key_id")?),
                ("--secret-access-key", secrets.get("s3_secret_access_key")?),
            ],
        )?;
        let receiver_url = stand_ins.start("receiver", &[])?;
        let store = plan.dir.join("telemetry").display().to_string();
        let telemetry_url = stand_ins
            .start("telemetry", &[("--key", secrets.get("telemetry_key")?), ("--store", &store)])?;
        let places = Places {
            port,
            bootstrap_url: &database_url,
            redis_url: &redis_url,
            daily_url: &daily_url,
            s3_url: &s3_url,
            telemetry_url: &telemetry_url,
        };
        let stack = Self {
            url: format!("http://127.0.0.1:{port}"),
            environment: settings::environment(&secrets, &places)?,
            mutants: plan.mutants.then(services::free_port).transpose()?,
            program: program(&programs, server)?,
            daily_url,
            receiver_url,
            telemetry_url,
            database_url,
            fresh,
            redis_url,
        };
        stack.core_api(session, &["migrate", "--bootstrap"])?;
        stack.core_api(session, &["migrate"])?;
        stack.core_api(session, &["bucket", "apply"])?;
        Ok(stack)
    }

    /// The server asks nobody to wait: for whoever tries everything in a minute.
    pub(crate) fn lift_rate_limits(&mut self) {
        self.environment.push(("CORE_HTTP__RATE_LIMITS".to_owned(), "lifted".to_owned()));
    }

    /// The server's log holds everything that any part of it traces: for whoever looks what gets out.
    pub(crate) fn trace_everything(&mut self) {
        for (key, value) in &mut self.environment {
            if key == "CORE_LOG__LEVEL" {
                "trace".clone_into(value);
            }
        }
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn serve(&self, session: &Session, dir: &Path) -> Result<Client> {
        let log = dir.join("core-api.log");
        let mut command = self.command();
        if let Some(port) = self.mutants {
            command.env("RESTARTIX_MUTANTS", port.to_string());
        }
        session.spawn("core-api", command.arg("serve"), Stop::Terminate, &log)?;
        let client = Client::new(&self.url);
        session.wait_for("the server is not ready", Duration::from_secs(30), || {
            client.get("/readyz").ok().filter(|answer| answer.status == 200)
        })?;
        Ok(client)
    }

    /// Runs a command of `core-api` and answers what it printed.
    pub(crate) fn core_api(&self, session: &Session, arguments: &[&str]) -> Result<String> {
        session.output(self.command().args(arguments))
    }

    /// A bearer token of this user.
    pub(crate) fn token(&self, session: &Session, subject: &str, minutes: u32) -> Result<String> {
        let minutes = minutes.to_string();
        self.core_api(session, &["token", "--subject", subject, "--ttl-minutes", &minutes])
    }

    /// The bucket of the files, and its owner's key.
    pub(crate) fn storage(&self) -> Result<Value> {
        storage_of(&self.environment)
    }

    /// The account at Daily's stand-in, behind the server's back.
    pub(crate) fn daily_account(&self) -> Result<Client> {
        let key = self.environment.iter().find(|(key, _)| key == "CORE_DAILY__API_KEY");
        let (_, key) = key.context("CORE_DAILY__API_KEY is not set")?;
        Ok(Client::new(&self.daily_url).with_token(key))
    }

    /// The server's environment as lines for a shell.
    pub(crate) fn shell(&self) -> String {
        self.environment.iter().map(|(key, value)| format!("export {key}='{value}'\n")).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // What the caller's shell exports for another server is not for this one.
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("CORE_") {
                command.env_remove(key);
            }
        }
        command.envs(self.environment.iter().cloned());
        command
    }
}

/// The bucket of the files, and its owner's key, as an environment has them.
pub(crate) fn storage_of(environment: &[(String, String)]) -> Result<Value> {
    let of = |key: &str| {
        let name = format!("CORE_STORAGE__{key}");
        let found = environment.iter().find(|(is, _)| *is == name);
        found.map(|(_, value)| value.clone()).with_context(|| format!("{name} is not set"))
    };
    Ok(json!({
        "endpoint": of("ENDPOINT")?,
        "path_style": true,
        "region": of("REGION")?,
        "bucket": of("BUCKET")?,
        "access_key_id": of("ACCESS_KEY_ID")?,
        "secret_access_key": of("SECRET_ACCESS_KEY")?,
    }))
}

/// The server's environment as a stack left it in `dir`, for a shell.
pub(crate) fn left_in(dir: &Path) -> Result<Vec<(String, String)>> {
    let lines = fs::read_to_string(dir.join("env"));
    let lines = lines.context("no stack was left here: `cargo xtask dev` starts one")?;
    Ok(lines.lines().filter_map(variable).collect())
}

/// A line of [`Stack::shell`].
fn variable(line: &str) -> Option<(String, String)> {
    let (key, value) = line.strip_prefix("export ")?.split_once("='")?;
    Some((key.to_owned(), value.strip_suffix('\'')?.to_owned()))
}

/// The stand-ins of a stack, each on a free port of loopback.
struct StandIns<'a> {
    session: &'a Session,
    program: PathBuf,
    dir: &'a Path,
}

impl StandIns<'_> {
    /// Starts the stand-in called `name` and answers its address.
    fn start(&self, name: &str, options: &[(&str, &str)]) -> Result<String> {
        let log = self.dir.join(format!("{name}.log"));
        let mut command = Command::new(&self.program);
        command.args([name, "--port", &services::free_port()?.to_string()]);
        command.args(options.iter().flat_map(|(option, value)| [option, value]));
        self.session.spawn(&format!("the stand-in {name}"), &mut command, Stop::Terminate, &log)?;
        let missing = format!("the stand-in {name} does not listen");
        self.session.wait_for(&missing, Duration::from_secs(10), || {
            let said = fs::read_to_string(&log).ok()?;
            let line: Value = said.lines().find_map(|line| serde_json::from_str(line).ok())?;
            text(&line, "url").map(str::to_owned)
        })
    }
}

/// Builds packages and answers their programs. Cargo unites the features of what is built together: nothing that
/// asks for features of tests belongs beside the server.
pub(crate) fn build(session: &Session, packages: &[&str], release: bool) -> Result<Vec<PathBuf>> {
    let mut arguments = vec!["build", "--bins"];
    arguments.extend(packages.iter().flat_map(|package| ["--package", package]));
    if release {
        arguments.push("--release");
    }
    // Once for people to watch, once more, when nothing is left to do, for the programs' paths.
    session.run(&mut session.workspace().cargo(&arguments))?;
    arguments.extend(["--message-format", "json"]);
    let messages = session.output(&mut session.workspace().cargo(&arguments))?;
    Ok(messages.lines().filter_map(executable).collect())
}

/// The program that a line of cargo's JSON announces.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    text(&message, "executable").map(PathBuf::from)
}

/// The program of this name among those built.
pub(crate) fn program(programs: &[PathBuf], name: &str) -> Result<PathBuf> {
    let found =
        programs.iter().find(|program| program.file_stem().is_some_and(|stem| stem == name));
    found.cloned().with_context(|| format!("cargo built no program `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_for_a_shell_is_read_again() {
        let read = variable("export CORE_DATABASE__BOOTSTRAP_URL='postgres://a:b@c/d?e=f'");
        let (key, value) = read.unwrap();
        assert_eq!(key, "CORE_DATABASE__BOOTSTRAP_URL");
        assert_eq!(value, "postgres://a:b@c/d?e=f");
        assert!(variable("# a remark").is_none());
    }
}
