//! `cargo xtask dev`: the whole stack with two clinics in it, until Ctrl-C.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run::{Interrupted, Session, table};
use crate::services::{self, Purpose, write_private};
use crate::stack::{self, Clinic, Plan, Register, Stack};
use crate::workspace::environment;

/// A working day and the evening after it.
const TOKEN_MINUTES: u32 = 24 * 60;

/// What has been made in our own database, so that a second run makes nothing twice.
const REGISTER: &str = "demo-data.json";

/// How to run it.
pub(crate) struct Options {
    /// Begin with empty databases.
    pub(crate) fresh: bool,
    /// Build with optimisation.
    pub(crate) release: bool,
    /// The server's port; another if it is taken.
    pub(crate) port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { fresh: false, release: false, port: 8080 }
    }
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    let dir = session.workspace().target().join("dev");
    let database_url = environment("DATABASE_URL");
    session.claim(&dir)?;
    if options.fresh {
        reset(&dir, database_url.is_some())?;
    }
    let port = if services::is_free(options.port) {
        options.port
    } else {
        let other = services::free_port()?;
        println!("    port {} is taken; the server listens on {other}", options.port);
        other
    };
    let plan = Plan {
        dir: dir.clone(),
        port: Some(port),
        release: options.release,
        purpose: Purpose::Keep,
        database_url,
        redis_url: environment("REDIS_URL"),
        mutants: false,
    };
    let stack = Stack::prepare(session, &plan)?;
    write_private(&dir.join("env"), &stack.shell())?;
    if stack.fresh {
        forget(&dir.join(REGISTER))?;
    }
    let mut register = Register::open(dir.join(register_of(plan.database_url.as_deref())));
    let clinics = stack::clinics(session, &stack, &mut register)?;
    let client = stack.serve(session, &dir)?;
    let mut people = Vec::new();
    for clinic in &clinics {
        let tokens = tokens(session, &stack, clinic)?;
        let admin = clinic.people.iter().zip(&tokens).find(|(person, _)| person.role == "admin");
        let (_, token) = admin.with_context(|| format!("{} has no admin", clinic.name))?;
        clinic.furnish(&client.with_token(token), &mut register)?;
        if plan.database_url.is_none() {
            history(session, &stack, clinic, &mut register)?;
        }
        people.push((clinic, tokens));
    }
    greet(&stack, &dir, &people);
    wait(session)
}

/// Ninety days of a clinic, so that its dashboards show something. Such things cannot be told of the
/// past over HTTP, and a database of somebody else's is left alone.
fn history(
    session: &Session,
    stack: &Stack,
    clinic: &Clinic,
    register: &mut Register,
) -> Result<()> {
    register.once(&format!("history of {}", clinic.id), || {
        let file = session.workspace().root().join("fixtures/insights/demo.sql");
        let organisation = clinic.id.to_string();
        let variables = [("org", organisation.as_str()), ("now", "now()")];
        services::run_file(session, &stack.database_url, &file, &variables)?;
        Ok(true.into())
    })?;
    Ok(())
}

/// Forgets the cluster, its secrets and what was made in it.
fn reset(dir: &Path, foreign: bool) -> Result<()> {
    if foreign {
        bail!(
            "--fresh empties a cluster of our own only; DATABASE_URL is somebody's: empty it yourself"
        );
    }
    services::remove_cluster(dir)?;
    forget(&dir.join("secrets.json"))?;
    forget(&dir.join(REGISTER))
}

fn forget(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The register of a database: one for ours, and one for each that somebody else runs, by its place without its
/// credentials. To go to another database and back makes nothing twice.
fn register_of(given: Option<&str>) -> String {
    match given {
        None => REGISTER.to_owned(),
        Some(url) => {
            let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
            format!("demo-data-{:016x}.json", services::fingerprint(place.as_bytes()))
        }
    }
}

/// One token per person, in the clinic's order.
fn tokens(session: &Session, stack: &Stack, clinic: &Clinic) -> Result<Vec<String>> {
    clinic
        .people
        .iter()
        .map(|person| stack.token(session, &person.subject, TOKEN_MINUTES))
        .collect()
}

fn greet(stack: &Stack, dir: &Path, people: &[(&Clinic, Vec<String>)]) {
    let places = [
        ["server".to_owned(), stack.url.clone()],
        ["interface".to_owned(), format!("{}/docs", stack.url)],
        ["dashboards (sign in with a token)".to_owned(), format!("{}/console", stack.url)],
        ["Daily's stand-in".to_owned(), stack.daily_url.clone()],
        ["a receiver of webhooks".to_owned(), format!("{}/hooks/NAME", stack.receiver_url)],
        ["what telemetry was told".to_owned(), format!("{}/_sandbox/events", stack.telemetry_url)],
        ["PostgreSQL".to_owned(), stack.database_url.clone()],
        ["Redis".to_owned(), stack.redis_url.clone()],
        ["logs".to_owned(), dir.display().to_string()],
        ["core-api by hand".to_owned(), format!(". {}", dir.join("env").display())],
    ];
    println!("\n{}\n", table(["what", "where"], &places));
    for (clinic, tokens) in people {
        println!("{} (organisation {}); tokens of 24 hours:\n", clinic.name, clinic.id);
        for (person, token) in clinic.people.iter().zip(tokens) {
            println!("  {} {} ({})\n  {token}\n", person.role, person.name, person.subject);
        }
    }
    println!("Try:\n");
    let token = |role: &str| {
        let (clinic, tokens) = people.first()?;
        let (_, token) =
            clinic.people.iter().zip(tokens).find(|(person, _)| person.role == role)?;
        Some(token.as_str())
    };
    let url = &stack.url;
    println!("  curl -s {url}/readyz");
    for (role, path) in [("patient", "/v1/me"), ("admin", "/v1/appointment-types")] {
        println!(
            "  curl -s {url}{path} -H 'authorization: Bearer {}'",
            token(role).unwrap_or_default()
        );
    }
    println!(
        "\nCtrl-C stops everything and keeps the data; `cargo xtask dev --fresh` begins anew."
    );
}

/// Until Ctrl-C, or until a part of the stack ends by itself.
fn wait(session: &Session) -> Result<ExitCode> {
    loop {
        match session.watch() {
            Ok(()) => std::thread::sleep(Duration::from_millis(200)),
            Err(error) if error.is::<Interrupted>() => {
                println!("\nstopping");
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_has_its_own_register_whatever_the_password() {
        let first = register_of(Some("postgres://dba:one@db.example/core"));
        assert_eq!(first, register_of(Some("postgres://dba:two@db.example/core")));
        assert_ne!(first, register_of(Some("postgres://dba:one@db.example/other")));
        assert_ne!(first, register_of(None));
    }
}
